"""What changes of the tables start instead of a caller."""

from typing import Final

from chalicelib import events
from chalicelib.http import Routes

routes: Final = Routes("app")
# The entry is loaded from app.py, where the logging is started too.

publish = routes.each_change("publish")(events.publish)
