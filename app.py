"""Builds the Chalice application and registers the doors; nothing else."""

from chalice.app import Chalice

from chalicelib.config import check_on_start, config, is_local
from chalicelib.logs import start_logging
from chalicelib.routes import doors
from chalicelib.routes.events import publish
from chalicelib.routes.schedule import audit_books, end_payments
from chalicelib.routes.work import distribute
from chalicelib.store.connection import connection

__all__ = ["app", "audit_books", "distribute", "end_payments", "publish"]

app = Chalice(app_name="loyalty-money")
for door in doors(local=is_local()):
    app.register_blueprint(door.blueprint)
if check_on_start():
    start_logging(config().stage)
    # While it starts, Lambda gives a function more of a processor than its calls will have.
    connection()
