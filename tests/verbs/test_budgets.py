"""What every operation costs, counted on the wire: requests, and write units modelled from them.

The budgets are those of the table in docs/data-model.md. No engine that runs here reports write
units rightly, so they are computed: two for each started kilobyte and member of a transaction,
checks included, one for a write alone. Indexes are not counted.
"""

import pytest

from chalicelib import auth, checkout, ledger, registry
from chalicelib.core import errors
from chalicelib.core.transitions import Move, PageEvent
from tests.core.made import CARD
from tests.store.wire import Meanwhile, Wire, cancelled
from tests.verbs import shop
from tests.verbs.costs import Case, check, completed, page, with_credit

LONG_NOTE = "ş" * 128


def by_ids(transfer_id: str, amount: str = "10.00") -> object:
    return shop.send_by_ids(transfer_id, "ada-try", "grace-try", amount)


def open_for_alan(balance: str, key: str | None = None) -> object:
    return shop.open_account("alan", balance, key=key)


def some_transfers() -> None:
    for number in range(6):
        shop.send(f"t-{number}", "ada", "grace", "0.01")


def ada_page() -> None:
    ledger.read_account(shop.call(), shop.key_of("ada"))
    ledger.list_activities(shop.call(), shop.key_of("ada"), limit=20, start=None)


def by_address(address: str) -> object:
    wanted = ledger.NewAccount(None, address, "TRY", "0", False, None, None)
    return ledger.open_account(shop.call(), shop.CHANNEL, wanted)


def captured() -> None:
    shop.hold("h-1")
    shop.capture("h-1")


def captured_and_refunded() -> None:
    captured()
    shop.refund_hold("r-1", "h-1", "1.00")


def voided() -> None:
    shop.hold("h-1")
    shop.void("h-1")


def reversed_once() -> None:
    shop.send("t-1", "ada", "grace")
    shop.reverse("t-1")


def refunded_once() -> None:
    shop.buy()
    shop.refund_order("r-1", "1.00")


CASES: dict[str, Case] = {
    # transfers
    "transfer by users": Case((2, 10), lambda: shop.send("t-1", "ada", "grace", note=LONG_NOTE)),
    "transfer by ids": Case((3, 10), lambda: by_ids("t-1")),
    "its replay": Case(
        (1, 0),
        lambda: shop.send("t-1", "ada", "grace"),
        lambda: shop.send("t-1", "ada", "grace"),
    ),
    "its replay by ids": Case((1, 0), lambda: by_ids("t-1"), lambda: by_ids("t-1")),
    "insufficient credit": Case(
        (2, 0),
        lambda: shop.send("t-1", "ada", "grace", "50.01"),
        refusal=errors.InsufficientCredit,
    ),
    "source without entries": Case(
        (2, 0),
        lambda: shop.send("t-1", "grace", "ada"),
        refusal=errors.SourceWithoutEntries,
    ),
    "unknown account": Case(
        (2, 0),
        lambda: shop.send("t-1", "ada", "alan"),
        refusal=errors.UnknownAccount,
    ),
    "unknown account id": Case(
        (2, 0),
        lambda: shop.send_by_ids("t-1", "ada-try", "nobody"),
        refusal=errors.UnknownAccount,
    ),
    "insufficient credit by ids": Case(
        # One batch more than by users: the ids must be resolved first.
        (3, 0),
        lambda: by_ids("t-1", "50.01"),
        refusal=errors.InsufficientCredit,
    ),
    "id conflict": Case(
        (2, 0),
        lambda: shop.send("t-1", "ada", "grace", "9.99"),
        lambda: shop.send("t-1", "ada", "grace"),
        refusal=errors.IdConflict,
    ),
    "same account": Case(
        (0, 0),
        lambda: shop.send("t-1", "ada", "ada"),
        refusal=errors.SameAccount,
    ),
    "read transfer": Case(
        (1, 0),
        lambda: ledger.read_transfer(shop.call(), shop.CHANNEL, "t-1"),
        lambda: shop.send("t-1", "ada", "grace"),
    ),
    # accounts
    "open account without credit": Case((2, 6), lambda: open_for_alan("0")),
    "open account with credit": Case((2, 10), lambda: open_for_alan("50.00")),
    "open account by e-mail": Case(
        # One request more: the address must be resolved first.
        (3, 6),
        lambda: by_address("alan@example.com"),
    ),
    "open account with a key": Case(
        # One row more: what the key opened.
        (2, 8),
        lambda: open_for_alan("0", key="key-1"),
    ),
    "its replay with a key": Case(
        (1, 0),
        lambda: open_for_alan("50.00", key="key-1"),
        lambda: open_for_alan("50.00", key="key-1"),
    ),
    "account exists": Case(
        (2, 0),
        lambda: open_for_alan("50.00"),
        lambda: open_for_alan("50.00"),
        refusal=errors.AccountExists,
    ),
    "account": Case((1, 0), lambda: shop.account_of("ada")),
    "account page": Case((2, 0), ada_page),
    "account as of a time": Case(
        (2, 0),
        lambda: ledger.read_account_at(shop.call(120), shop.key_of("ada"), 1_772_366_400_123),
    ),
    "20 activities": Case(
        (1, 0),
        lambda: ledger.list_activities(shop.call(), shop.key_of("ada"), limit=20, start=None),
        some_transfers,
    ),
    # holds, refunds, reversals, adjustments
    "authorize": Case((2, 4), lambda: shop.hold("h-1")),
    "its replay of a hold": Case((1, 0), lambda: shop.hold("h-1"), lambda: shop.hold("h-1")),
    "capture": Case((2, 8), lambda: shop.capture("h-1", amount="6.00"), lambda: shop.hold("h-1")),
    "its replay of a capture": Case((1, 0), lambda: shop.capture("h-1"), captured),
    "void": Case((2, 4), lambda: shop.void("h-1"), lambda: shop.hold("h-1")),
    "capture after void": Case(
        (2, 0), lambda: shop.capture("h-1"), voided, refusal=errors.HoldVoided
    ),
    "a lapse": Case(
        # Whatever writes the account next takes the lapsed hold off, for nothing.
        (2, 10),
        lambda: shop.send("t-1", "ada", "grace", "50.00", after_s=60),
        lambda: shop.hold("h-1", life_s=60),
    ),
    "read hold": Case((1, 0), lambda: shop.state_of("h-1"), lambda: shop.hold("h-1")),
    "open holds": Case((1, 0), lambda: ledger.list_open_holds(shop.call(), shop.key_of("ada"))),
    "adjust": Case((2, 6), lambda: shop.adjust("a-1")),
    "its replay of an adjustment": Case(
        (1, 0), lambda: shop.adjust("a-1"), lambda: shop.adjust("a-1")
    ),
    "reversal": Case(
        (3, 10), lambda: shop.reverse("t-1"), lambda: shop.send("t-1", "ada", "grace")
    ),
    "reversal of an adjustment": Case(
        (3, 6), lambda: shop.reverse("a-1"), lambda: shop.adjust("a-1")
    ),
    "its replay of a reversal": Case((1, 0), lambda: shop.reverse("t-1"), reversed_once),
    "not reversible": Case(
        (2, 0),
        lambda: shop.reverse("reversal:t-1"),
        reversed_once,
        refusal=errors.NotReversible,
    ),
    "refund": Case((3, 8), lambda: shop.refund_order("r-1", "1.00"), shop.buy),
    "its replay of a refund": Case((1, 0), lambda: shop.refund_order("r-1", "1.00"), refunded_once),
    "refund of a capture": Case((3, 8), lambda: shop.refund_hold("r-1", "h-1", "1.00"), captured),
    "its replay of a refund of a capture": Case(
        # The account names the capture, so it is read first.
        (2, 0),
        lambda: shop.refund_hold("r-1", "h-1", "1.00"),
        captured_and_refunded,
    ),
    # checkout
    "open pre-order": Case(
        # The first in a currency: its user is checked in the same write.
        (2, 6),
        lambda: shop.open_checkout("ada"),
    ),
    "open the next pre-order": Case(
        (2, 4),
        lambda: shop.open_checkout("ada", reference="basket-2"),
        lambda: shop.open_checkout("ada"),
    ),
    "its replay without a change": Case(
        (1, 0), lambda: shop.open_checkout("ada"), lambda: shop.open_checkout("ada")
    ),
    "checkout": Case((1, 0), page(PageEvent.SHOW), lambda: shop.open_checkout("ada")),
    "GET usage page": Case((1, 0), page(PageEvent.SHOW_CREDIT), lambda: shop.open_checkout("ada")),
    "POST usage page": Case(
        (2, 1), page(PageEvent.USE_CREDIT, "10.00"), lambda: shop.open_checkout("ada")
    ),
    "its replay on the page": Case(
        (1, 0), page(PageEvent.USE_CREDIT, "10.00"), lambda: with_credit("10.00")
    ),
    "payment option": Case(
        (2, 1), page(PageEvent.SELECT_OPTION, str(CARD.pk)), lambda: shop.open_checkout("ada")
    ),
    "completion by credit": Case(
        # The order is two rows: the books, and what is personal.
        (2, 12),
        page(PageEvent.COMPLETE, "true"),
        lambda: with_credit("40.00"),
    ),
    "its replay as completed": Case((1, 0), page(PageEvent.COMPLETE, "true"), completed),
    "read order": Case(
        # Whose it is, and so where its contents lie, says the order.
        (2, 0),
        lambda: checkout.read_order(shop.call(), shop.CHANNEL, "basket-1"),
        completed,
    ),
    "shopper's balance": Case(
        (1, 0), lambda: checkout.read_balance(shop.call(), shop.shopper("ada"), "TRY")
    ),
    "shopper's history": Case(
        (2, 0),
        lambda: checkout.read_history(
            shop.call(), shop.shopper("ada"), "TRY", limit=20, start=None
        ),
        some_transfers,
    ),
    # users and settings: not in the table, so that a change is at least seen
    "register": Case(
        (2, 4), lambda: registry.register_user(shop.call(), shop.CHANNEL, "new", "n@x.org")
    ),
    "register again": Case(
        (1, 0),
        lambda: registry.register_user(shop.call(), shop.CHANNEL, "ada", "ada@example.com"),
    ),
    "set setting": Case(
        (2, 1),
        lambda: registry.set_setting(shop.call(), shop.CHANNEL, "DEFAULT_CURRENCY", "USD"),
    ),
    "mint session": Case((1, 0), lambda: registry.mint_session(shop.call(), shop.CHANNEL, "ada")),
}


@pytest.mark.parametrize("name", CASES)
def test_an_operation_costs_what_its_budget_says(counted: Wire, name: str) -> None:
    check(CASES[name], counted)


def test_authentication_costs_nothing(counted: Wire) -> None:
    now = shop.call().now
    session, _ = auth.open_session(shop.CHANNEL, "ada", now)
    counted.forget()
    for cookie in ("loyalty_session", "osessionid"):
        caller = auth.identify({"cookie": f"{cookie}={session}"}, now)
        assert isinstance(caller, auth.Shopper)
        assert caller.user_pk == "ada"
    assert counted.sent == []


def test_a_basket_is_paid_for_once_by_the_kilobyte(counted: Wire) -> None:
    """The order takes it; the pages that change the pre-order do not carry it along."""
    shop.open_checkout("ada", content='{"basket":"' + "x" * 20_000 + '"}')
    counted.weighs = True
    counted.forget()
    shop.visit("ada", PageEvent.USE_CREDIT, "40.00")
    assert counted.cost == (2, 1)
    counted.forget()
    shop.visit("ada", PageEvent.COMPLETE, "true")
    requests, units = counted.cost
    assert requests == 2
    assert 8 + 2 * 20 <= units <= 12 + 2 * 20


@pytest.mark.parametrize("entries", [1, 12])
def test_a_transfer_costs_the_same_however_long_the_history(counted: Wire, entries: int) -> None:
    for number in range(entries):
        shop.send(f"t-{number}", "ada", "grace", "0.01")
    counted.forget()
    counted.weighs = True
    shop.send("t-last", "ada", "grace")
    assert counted.cost == (2, 10)


def test_a_stale_number_or_a_conflict_costs_one_request_more(counted: Wire) -> None:
    counted.weighs = True
    counted.forget()
    conflict = cancelled("TransactionConflict", "None", "None", "None", "None")
    counted.plan("TransactWriteItems", conflict)
    shop.send("t-1", "ada", "grace")
    assert counted.cost == (3, 10)
    counted.forget()
    counted.plan("TransactWriteItems", Meanwhile(lambda: shop.send("t-2", "ada", "grace", "1.00")))
    shop.send("t-3", "ada", "grace")
    assert counted.cost == (3, 10)


def test_a_stale_number_costs_a_completion_one_request_more(counted: Wire) -> None:
    with_credit("40.00")
    counted.weighs = True
    counted.forget()
    counted.plan("TransactWriteItems", Meanwhile(lambda: shop.send("t", "ada", "grace", "1.00")))
    assert shop.visit("ada", PageEvent.COMPLETE, "true").move is Move.SHOW_ORDER
    assert counted.cost == (3, 12)


def test_checkout_reads_are_strongly_consistent_and_transfers_need_not_be(counted: Wire) -> None:
    """An eventually consistent read costs half; every refusal that it leads to is confirmed."""
    counted.forget()
    with_credit("40.00")
    shop.visit("ada", PageEvent.COMPLETE, "true")
    checkout.read_balance(shop.call(), shop.shopper("ada"), "TRY")
    pages = [sent.request["RequestItems"] for sent in counted.sent if "Batch" in sent.operation]
    assert len(pages) == 4
    assert {table["ConsistentRead"] for page in pages for table in page.values()} == {True}
    counted.forget()
    shop.send("t-1", "ada", "grace", "1.00")
    tables = counted.sent[0].request["RequestItems"].values()
    assert {table["ConsistentRead"] for table in tables} == {False}
