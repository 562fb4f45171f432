"""A shop to test against: one channel with the feature on, and short words for what happens."""

import datetime
import time
from typing import Final

from chalicelib import checkout, ledger, registry
from chalicelib.auth import SESSION_LIFE_S, Call, Shopper
from chalicelib.checkout import Ended, NewPreOrder, Posted, Visit
from chalicelib.core.accounts import Account, AccountKey, Entry
from chalicelib.core.money import format_page_amount
from chalicelib.core.names import to_ms
from chalicelib.core.payments import CardForm
from chalicelib.core.pre_orders import PreOrder
from chalicelib.core.settings import CATALOGUE, Installment, to_json
from chalicelib.core.transfers import Transfer
from chalicelib.core.transitions import PageEvent
from chalicelib.ledger import ByAccountIds, ByUsers, NewAccount, OwnedAccount, StandingHold
from chalicelib.outside import sandbox
from chalicelib.store.requests import Settled
from tests.core.made import BANK, CARD, CREDIT, FUNDS, ONE_PAYMENT, THREE_PAYMENTS

CHANNEL: Final = "demo"
NOW: Final = datetime.datetime(2026, 3, 1, 12, 0, 0, 123_000, tzinfo=datetime.UTC)


def call(after_s: float = 0, *, by: str = "staff:test", life_s: float = 30) -> Call:
    """Return a request that is made `after_s` seconds after the shop opened."""
    now = NOW + datetime.timedelta(seconds=after_s)
    return Call(by=by, now=now, deadline=time.monotonic() + life_s)


def open_shop(channel: str = CHANNEL, *, enabled: bool = True) -> None:
    """Make the channel, with card, credit and funds as options and two instalment plans."""
    registry.make_channel(call(), channel, "TRY")
    settings: dict[str, object] = {
        "LOYALTY_MONEY_ENABLED": enabled,
        "PAYMENT_OPTIONS": [option.model_dump() for option in (CARD, CREDIT, FUNDS)],
        "INSTALLMENTS": [plan.model_dump() for plan in (ONE_PAYMENT, THREE_PAYMENTS)],
        "BANK_ACCOUNTS": [BANK.model_dump()],
        "PAYMENT_GATEWAY": "sandbox",
    }
    for name, value in settings.items():
        registry.set_setting(call(), channel, name, value)


def switch(*, enabled: bool) -> None:
    """Turn the feature on or off."""
    registry.set_setting(call(), CHANNEL, "LOYALTY_MONEY_ENABLED", enabled)


def register(*names: str, channel: str = CHANNEL) -> None:
    """Register users, each with an address of the same name."""
    for name in names:
        registry.register_user(call(), channel, name, f"{name}@example.com")


def open_account(
    user_pk: str,
    balance: str = "50.00",
    currency: str = "TRY",
    *,
    debit: bool = False,
    account_id: str | None = None,
    key: str | None = None,
    after_s: float = 0,
    channel: str = CHANNEL,
) -> Settled[OwnedAccount]:
    """Open an account; its user must be registered."""
    wanted = NewAccount(user_pk, None, currency, balance, debit, account_id, key)
    return ledger.open_account(call(after_s), channel, wanted)


def open_accounts(**balances: str) -> None:
    """Register users and open a TRY account for each: `open_accounts(ada="50.00")`."""
    register(*balances)
    for name, balance in balances.items():
        open_account(name, balance)


def send(
    transfer_id: str,
    source: str,
    target: str,
    amount: str = "10.00",
    currency: str = "TRY",
    *,
    note: str | None = None,
    after_s: float = 0,
    life_s: float = 30,
    channel: str = CHANNEL,
) -> Settled[Transfer]:
    """Transfer between two users."""
    parties = ByUsers(source, target, currency)
    return ledger.transfer(
        call(after_s, life_s=life_s), channel, transfer_id, parties, amount=amount, note=note
    )


def send_by_ids(
    transfer_id: str,
    source: str,
    target: str,
    amount: str = "10.00",
    currency: str | None = None,
    *,
    note: str | None = None,
) -> Settled[Transfer]:
    """Transfer between two accounts, named by account ids."""
    parties = ByAccountIds(source, target, currency)
    return ledger.transfer(call(), CHANNEL, transfer_id, parties, amount=amount, note=note)


def key_of(user_pk: str, currency: str = "TRY") -> AccountKey:
    """Return the key of a user's account."""
    return AccountKey(CHANNEL, user_pk, currency)


def account_of(user_pk: str, currency: str = "TRY", *, after_s: float = 0) -> Account:
    """Return an account as it stands."""
    return ledger.read_account(call(after_s), key_of(user_pk, currency)).account


def balance_of(user_pk: str, currency: str = "TRY") -> int:
    """Return what an account holds, in minor units."""
    return account_of(user_pk, currency).balance


def entries_of(user_pk: str, currency: str = "TRY") -> list[Entry]:
    """Return an account's entries, the oldest first."""
    found, _ = ledger.list_activities(call(), key_of(user_pk, currency), limit=50, start=None)
    return found[::-1]


# --- holds, refunds, adjustments ---------------------------------------------------------------

HOUR_S: Final = 3600


def hold(
    hold_id: str,
    user_pk: str = "ada",
    amount: str = "10.00",
    currency: str = "TRY",
    *,
    life_s: int = HOUR_S,
    after_s: float = 0,
) -> Settled[StandingHold]:
    """Authorise a hold on a user's account."""
    key = key_of(user_pk, currency)
    return ledger.authorize(call(after_s), key, hold_id, amount=amount, life_s=life_s)


def capture(
    hold_id: str,
    user_pk: str = "ada",
    amount: str | None = None,
    currency: str = "TRY",
    *,
    order: str | None = None,
    after_s: float = 0,
) -> Settled[StandingHold]:
    """Capture a hold, whole or in part."""
    key = key_of(user_pk, currency)
    return ledger.capture(call(after_s), key, hold_id, amount=amount, order=order)


def void(
    hold_id: str, user_pk: str = "ada", currency: str = "TRY", *, after_s: float = 0
) -> Settled[StandingHold]:
    """Void a hold."""
    return ledger.void(call(after_s), key_of(user_pk, currency), hold_id)


def state_of(
    hold_id: str, user_pk: str = "ada", currency: str = "TRY", *, after_s: float = 0
) -> str:
    """Return how a hold stands."""
    return ledger.read_hold(call(after_s), key_of(user_pk, currency), hold_id).state.value


def refund_hold(
    refund: str, hold_id: str, amount: str, user_pk: str = "ada", *, after_s: float = 0
) -> Settled[Transfer]:
    """Refund a part of a captured hold."""
    return ledger.refund_hold(call(after_s), key_of(user_pk), hold_id, refund, amount=amount)


def refund_order(
    refund: str, amount: str, reference: str = "basket-1", *, after_s: float = 0
) -> Settled[Transfer]:
    """Refund a part of an order."""
    return ledger.refund_order(call(after_s), CHANNEL, reference, refund, amount=amount)


def adjust(
    adjustment_id: str,
    user_pk: str = "ada",
    amount: str = "5.00",
    reason: str = "goodwill",
    currency: str = "TRY",
    *,
    after_s: float = 0,
) -> Settled[Transfer]:
    """Adjust a user's account by a signed amount."""
    key = key_of(user_pk, currency)
    return ledger.adjust(call(after_s), key, adjustment_id, amount=amount, reason=reason)


def reverse(transfer_id: str, *, after_s: float = 0) -> Settled[Transfer]:
    """Reverse a transfer or an adjustment."""
    return ledger.reverse(call(after_s), CHANNEL, transfer_id)


# --- checkout ------------------------------------------------------------------------------


def buy(user_pk: str = "ada", amount: int = 4000, reference: str = "basket-1") -> None:
    """Let a shopper pay a whole order with credit; `amount` is in minor units."""
    open_checkout(user_pk, amount, reference=reference)
    visit(user_pk, PageEvent.USE_CREDIT, format_page_amount(amount, "TRY"))
    assert visit(user_pk, PageEvent.COMPLETE, "true").refusal is None


def shopper(user_pk: str, *, issued_s: float = 0) -> Shopper:
    """Return a signed-in shopper."""
    issued_ms = to_ms(call(issued_s).now)
    return Shopper(CHANNEL, user_pk, issued_ms, issued_ms + SESSION_LIFE_S * 1000)


def open_checkout(
    user_pk: str,
    total: int = 4000,
    currency: str = "TRY",
    *,
    reference: str | None = "basket-1",
    content: str = '{"basket":{"basketitem_set":[]}}',
    after_s: float = 0,
) -> Settled[PreOrder]:
    """Open a shopper's checkout; `total` is in minor units."""
    opening = NewPreOrder(user_pk, currency, reference, total, 0, content)
    return checkout.open_pre_order(call(after_s), CHANNEL, opening)


def visit(
    user_pk: str,
    event: PageEvent,
    text: str = "",
    currency: str | None = "TRY",
    *,
    card: str | None = None,
    after_s: float = 0,
    life_s: float = 30,
) -> Visit:
    """Let a shopper act on a page; with `card` its form names that card's number."""
    by = call(after_s, by=f"shopper:{user_pk}", life_s=life_s)
    form = None if card is None else CardForm(text, "Ada", "12", "2030", card, "123")
    return checkout.visit(by, shopper(user_pk), currency, event, Posted(text, form))


def come_to_card(
    user_pk: str = "ada",
    credit: str = "10.00",
    card: str = sandbox.APPROVES,
    total: int = 4000,
    *,
    plan: Installment = ONE_PAYMENT,
    reference: str = "basket-1",
    currency: str = "TRY",
) -> None:
    """Let a shopper open a checkout, use credit, and come to the confirmation of a card."""
    open_checkout(user_pk, total, currency, reference=reference)
    steps = {
        PageEvent.USE_CREDIT: credit,
        PageEvent.SELECT_OPTION: str(CARD.pk),
        PageEvent.ENTER_BIN: card[:6],
        PageEvent.CHOOSE_INSTALLMENT: str(plan.pk),
    }
    for event, text in steps.items():
        assert visit(user_pk, event, text, currency).refusal is None, event


def pay(
    user_pk: str = "ada",
    card: str = sandbox.APPROVES,
    currency: str = "TRY",
    *,
    after_s: float = 0,
) -> Visit:
    """Let a shopper confirm the payment by a card of the sandbox."""
    return visit(user_pk, PageEvent.CONFIRM_CARD, "1", currency, card=card, after_s=after_s)


def end_payments(*, after_s: float) -> Ended:
    """Let the schedule look at the payments in progress."""
    return checkout.end_payments(call(after_s, by="schedule"))


def pre_order_of(user_pk: str, currency: str = "TRY") -> PreOrder:
    """Return a shopper's checkout as it is stored."""
    found = visit(user_pk, PageEvent.SHOW, currency=currency).situation.pre_order
    assert found is not None
    return found


def code_of(seen: Visit) -> str | None:
    """Return the code of a page's refusal, or None."""
    return None if seen.refusal is None else seen.refusal.code


def stored_settings() -> dict[str, str]:
    """Return every setting of the channel as JSON text."""
    found = registry.read_settings(call(), CHANNEL)
    assert {value.setting.name for value in found} == set(CATALOGUE)
    return {value.setting.name: to_json(value.setting, value.value) for value in found}
