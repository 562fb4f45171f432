"""django-oscar-accounts at work, in its own environment: nothing of ours is imported here.

`python oscar_worker.py COMMAND ...` with `OSCAR_DATABASE` (host, port and user of PostgreSQL):
`setup ENTRIES` makes tables and accounts, and a history on the hot one; `transfers PAIRS SECONDS`
makes one committed transfer after another and prints how many; `fund` gives the poor account what
suffices for ten debits; `race COUNT` debits it.
"""

import json
import os
import random
import sys
import time
from decimal import Decimal
from typing import Any

import django
from django.conf import settings

ACCOUNTS = 200
AMOUNT = Decimal("0.01")


def configure() -> None:
    """Set Django up as its documents say, with what the package needs and nothing more."""
    from oscar import defaults  # noqa: PLC0415

    host, port, user = os.environ["OSCAR_DATABASE"].split()
    settings.configure(
        **{name: value for name, value in vars(defaults).items() if name.isupper()},
        SECRET_KEY="bench",  # noqa: S106  # signs nothing
        USE_TZ=True,
        SITE_ID=1,
        DEFAULT_AUTO_FIELD="django.db.models.AutoField",
        DATABASES={
            "default": {
                "ENGINE": "django.db.backends.postgresql",
                "NAME": "postgres",
                "HOST": host,
                "PORT": port,
                "USER": user,
            }
        },
        INSTALLED_APPS=[
            "django.contrib.auth",
            "django.contrib.contenttypes",
            "django.contrib.sites",
            "django.contrib.flatpages",
            "oscar.config.Shop",
            "oscar.apps.analytics.apps.AnalyticsConfig",
            "oscar.apps.checkout.apps.CheckoutConfig",
            "oscar.apps.address.apps.AddressConfig",
            "oscar.apps.shipping.apps.ShippingConfig",
            "oscar.apps.catalogue.apps.CatalogueConfig",
            "oscar.apps.catalogue.reviews.apps.CatalogueReviewsConfig",
            "oscar.apps.communication.apps.CommunicationConfig",
            "oscar.apps.partner.apps.PartnerConfig",
            "oscar.apps.basket.apps.BasketConfig",
            "oscar.apps.payment.apps.PaymentConfig",
            "oscar.apps.offer.apps.OfferConfig",
            "oscar.apps.order.apps.OrderConfig",
            "oscar.apps.customer.apps.CustomerConfig",
            "oscar.apps.search.apps.SearchConfig",
            "oscar.apps.voucher.apps.VoucherConfig",
            "oscar.apps.wishlists.apps.WishlistsConfig",
            "oscar.apps.dashboard.apps.DashboardConfig",
            "oscar.apps.dashboard.reports.apps.ReportsDashboardConfig",
            "oscar.apps.dashboard.users.apps.UsersDashboardConfig",
            "oscar.apps.dashboard.orders.apps.OrdersDashboardConfig",
            "oscar.apps.dashboard.catalogue.apps.CatalogueDashboardConfig",
            "oscar.apps.dashboard.offers.apps.OffersDashboardConfig",
            "oscar.apps.dashboard.partners.apps.PartnersDashboardConfig",
            "oscar.apps.dashboard.pages.apps.PagesDashboardConfig",
            "oscar.apps.dashboard.ranges.apps.RangesDashboardConfig",
            "oscar.apps.dashboard.reviews.apps.ReviewsDashboardConfig",
            "oscar.apps.dashboard.vouchers.apps.VouchersDashboardConfig",
            "oscar.apps.dashboard.communications.apps.CommunicationsDashboardConfig",
            "oscar.apps.dashboard.shipping.apps.ShippingDashboardConfig",
            "oscar_accounts.apps.AccountsConfig",
            "oscar_accounts.dashboard.apps.AccountsDashboardConfig",
            "widget_tweaks",
            "haystack",
            "treebeard",
            "sorl.thumbnail",
            "django_tables2",
        ],
        HAYSTACK_CONNECTIONS={
            "default": {"ENGINE": "haystack.backends.simple_backend.SimpleEngine"}
        },
        LOGGING_CONFIG=None,
    )
    django.setup()


def setup(entries: int) -> None:
    """Make tables and accounts; give the hot account a history of so many entries."""
    from django.core.management import call_command  # noqa: PLC0415
    from oscar_accounts.models import Account, AccountType  # noqa: PLC0415

    call_command("migrate", verbosity=0)
    if not AccountType.objects.exists():
        kind = AccountType.add_root(name="bench")
        for number in range(ACCOUNTS):
            Account.objects.create(name=f"a{number}", account_type=kind, credit_limit=None)
        Account.objects.create(name="hot", account_type=kind, credit_limit=None)
        Account.objects.create(name="poor", account_type=kind, credit_limit=0)
    if entries:
        lengthen(Account.objects.get(name="hot"), Account.objects.get(name="a0"), entries)


def lengthen(hot: Any, other: Any, entries: int) -> None:  # noqa: ANN401  # untyped models
    """Give an account so many entries, with their transfers, past the facade."""
    from django.utils import timezone  # noqa: PLC0415
    from oscar_accounts.models import Transaction, Transfer  # noqa: PLC0415

    size = 5000
    for first in range(0, entries, size):
        made = Transfer.objects.bulk_create(
            Transfer(source=hot, destination=other, amount=AMOUNT, reference=f"h{first + n}")
            for n in range(min(size, entries - first))
        )
        Transaction.objects.bulk_create(
            Transaction(transfer=each, account=hot, amount=-AMOUNT, date_created=timezone.now())
            for each in made
        )


def transfers(pairs: str, seconds: float) -> int:
    """Make transfers for a while; return how many were committed."""
    from oscar_accounts import facade  # noqa: PLC0415
    from oscar_accounts.models import Account  # noqa: PLC0415

    accounts = list(Account.objects.filter(name__startswith="a"))
    hot = Account.objects.get(name="hot")
    count, until = 0, time.monotonic() + seconds
    while time.monotonic() < until:
        source, target = random.sample(accounts, 2)
        facade.transfer(hot if pairs == "hot" else source, target, AMOUNT)
        count += 1
    return count


def race(count: int) -> int:
    """Debit the poor account, whose money suffices for ten; return how many were accepted."""
    from oscar_accounts import exceptions, facade  # noqa: PLC0415
    from oscar_accounts.models import Account  # noqa: PLC0415

    source, target = Account.objects.get(name="poor"), Account.objects.get(name="a0")
    accepted = 0
    for _ in range(count):
        try:
            facade.transfer(source, target, Decimal("1.00"))
        except exceptions.AccountException:
            continue
        accepted += 1
    return accepted


def fund() -> None:
    """Give the poor account what suffices for ten debits."""
    from oscar_accounts import facade  # noqa: PLC0415
    from oscar_accounts.models import Account  # noqa: PLC0415

    facade.transfer(
        Account.objects.get(name="a1"), Account.objects.get(name="poor"), Decimal("10.00")
    )


def main(command: str, *arguments: str) -> None:
    """Do what is asked, beginning with a line of standard input, so that workers begin at once."""
    configure()
    if command == "setup":
        setup(int(arguments[0]))
    elif command == "fund":
        fund()
    else:
        django.db.connection.ensure_connection()
        print("ready", flush=True)
        sys.stdin.readline()
        result = (
            transfers(arguments[0], float(arguments[1]))
            if command == "transfers"
            else race(int(arguments[0]))
        )
        print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
