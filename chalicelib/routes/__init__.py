"""Doors: request and answer models and one-verb views, one file per noun. No decision may enter."""

from typing import Final

from chalicelib.http import Routes
from chalicelib.routes import (
    accounts,
    audit,
    holds,
    orders,
    pre_orders,
    sessions,
    settings,
    site,
    storefront,
    transfers,
    users,
)

DOORS: Final[tuple[Routes, ...]] = (
    settings.routes,
    users.routes,
    accounts.routes,
    holds.routes,
    transfers.routes,
    sessions.routes,
    pre_orders.routes,
    orders.routes,
    audit.routes,
    storefront.routes,
    site.routes,
)
"""Every door of the service; a file that is not listed here serves nothing."""
