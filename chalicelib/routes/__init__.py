"""Doors: request and answer models and one-verb views, one file per noun. No decision may enter."""

from importlib import import_module
from typing import Final

from chalicelib.http import Routes
from chalicelib.routes import (
    accounts,
    audit,
    console,
    distributions,
    erasure,
    events,
    export,
    holds,
    orders,
    pre_orders,
    reconciliations,
    schedule,
    sessions,
    settings,
    site,
    storefront,
    transfers,
    users,
    work,
)

DOORS: Final[tuple[Routes, ...]] = (
    settings.routes,
    users.routes,
    erasure.routes,
    export.routes,
    accounts.routes,
    holds.routes,
    transfers.routes,
    sessions.routes,
    pre_orders.routes,
    orders.routes,
    audit.routes,
    distributions.routes,
    reconciliations.routes,
    storefront.routes,
    site.routes,
    console.routes,
    schedule.routes,
    work.routes,
    events.routes,
)
"""Every door of the service; a file that is not listed here serves nothing."""


def doors(*, local: bool) -> tuple[Routes, ...]:
    """Return the doors to open; only a local service has the demo's, elsewhere it is not loaded."""
    if not local:
        return DOORS
    demo = import_module("chalicelib.routes.demo")
    return (*DOORS, demo.routes)
