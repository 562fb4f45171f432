"""Builds the Chalice application and registers the doors; nothing else."""

from chalice.app import Chalice

from chalicelib.config import check_on_start
from chalicelib.logs import start_logging
from chalicelib.routes import DOORS

app = Chalice(app_name="loyalty-money")
for door in DOORS:
    app.register_blueprint(door.blueprint)
if check_on_start():
    start_logging()
