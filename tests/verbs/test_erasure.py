"""An erasure leaves nothing that says who a shopper was, and the books as they are.

`MARK` stands in everything personal that a shop can hand over. After an erasure no stored row of
any table may hold it, nor the address, however it was interrupted on the way.
"""

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from chalicelib import checkout, ledger, privacy, registry
from chalicelib.audit.file import AuditFile, Books
from chalicelib.audit.run import report_of, run
from chalicelib.core import errors
from chalicelib.core.audit import Report
from chalicelib.core.names import to_ms
from chalicelib.core.page_errors import PaymentInProgress
from chalicelib.core.payments import ASK_FINALLY_AFTER_MS
from chalicelib.core.transitions import Move, PageEvent
from chalicelib.outside import sandbox
from chalicelib.privacy import Erasure, erasure
from chalicelib.privacy.erasure import RemainingCredit
from tests.store.wire import Json, Meanwhile, Silence, Wire, past
from tests.verbs import shop

ADDRESS: Final = "Ada.Lovelace@Example.com"
MARK: Final = "Ockham Park"
CONTENT: Final = json.dumps(
    {"basket": {"basketitem_set": [{"pk": 1}]}, "shipping_address": {"line": MARK}}
)


@pytest.fixture
def desk(wire: Wire) -> Wire:
    """Open a shop where Ada has ordered twice, and has begun a checkout in two currencies."""
    shop.open_shop()
    shop.register("grace")
    shop.open_account("grace", "20.00", account_id="grace-try")
    registry.register_user(shop.call(), shop.CHANNEL, "ada", ADDRESS)
    shop.open_account("ada", "50.00", account_id="ada-try")
    shop.open_account("ada", "5.00", "USD", account_id="ada-usd")
    for reference in ("order-1", "order-2"):
        order(reference)
    shop.open_checkout("ada", 1000, reference="open-1", content=CONTENT)
    shop.open_checkout("ada", 700, "USD", reference="open-2", content=CONTENT)
    shop.send("t-1", "ada", "grace", "1.00", note="thanks")
    wire.forget()
    return wire


def order(reference: str, user_pk: str = "ada", after_s: float = 0) -> None:
    shop.open_checkout(user_pk, 1000, reference=reference, content=CONTENT, after_s=after_s)
    shop.visit(user_pk, PageEvent.USE_CREDIT, "10.00", after_s=after_s)
    assert shop.visit(user_pk, PageEvent.COMPLETE, "true", after_s=after_s).refusal is None


def erase(
    credit: RemainingCredit = "keep",
    *,
    user_pk: str = "ada",
    after_s: float = 60,
    life_s: float = 30,
) -> Erasure:
    return privacy.erase(shop.call(after_s, life_s=life_s), shop.CHANNEL, user_pk, credit)


def personal(wire: Wire, *marks: str) -> list[str]:
    """Return the tables with a row that holds the address or the mark, lists unpacked."""
    looked_for = [mark.lower() for mark in (*marks, ADDRESS, MARK)]
    return [
        table
        for table, rows in wire.everything().items()
        if any(mark in text_of(row) for row in rows for mark in looked_for)
    ]


def text_of(row: Json) -> str:
    return json.dumps(row, ensure_ascii=False).lower()


def audited() -> Report:
    """Audit the shop two hours later."""
    with tempfile.TemporaryDirectory() as folder:
        file = AuditFile(Path(folder) / "audit.sqlite")
        file.begin(Books("dev", "test-", shop.CHANNEL, 0), to_ms(shop.call(7200).now))
        assert list(run(file, lambda: shop.call(7200)))
        report = report_of(file, to_ms(shop.call(7200).now))
        file.remove()
    return report


def expired(erased: Erasure) -> dict[str, int]:
    return {each.account.account_id: each.expired for each in erased.accounts}


def left(erased: Erasure) -> dict[str, int]:
    return {each.account.account_id: each.account.balance for each in erased.accounts}


# --- what goes, and what stays ------------------------------------------------------------------


def test_everything_personal_is_there_before(desk: Wire) -> None:
    """Else the other tests would find nothing because there never was anything."""
    assert set(personal(desk)) == {
        "test-users",
        "test-user_emails",
        "test-order_contents",
        "test-pre_orders",
    }


@pytest.mark.parametrize("credit", ["keep", "expire"])
def test_nothing_personal_is_left_and_the_books_audit(desk: Wire, credit: RemainingCredit) -> None:
    before = desk.everything()
    erased = erase(credit)
    assert personal(desk) == []
    assert erased.user.email is None
    assert erased.user.erased_ms == 1_772_366_460_123
    after = desk.everything()
    assert after["test-orders"] == before["test-orders"]
    assert after["test-holds"] == before["test-holds"]
    assert audited().right


def test_kept_credit_stays_and_nothing_moves(desk: Wire) -> None:
    before = desk.everything()
    erased = erase("keep")
    assert left(erased) == {"ada-try": 2900, "ada-usd": 500}
    assert expired(erased) == {"ada-try": 0, "ada-usd": 0}
    after = desk.everything()
    for table in ("accounts", "account_ids", "entries", "transfers"):
        assert after[f"test-{table}"] == before[f"test-{table}"]


def test_credit_expires_by_one_transfer_of_each_account(desk: Wire) -> None:
    erased = erase("expire")
    assert expired(erased) == {"ada-try": 2900, "ada-usd": 500}
    assert left(erased) == {"ada-try": 0, "ada-usd": 0}
    entry = shop.entries_of("ada")[-1]
    assert (entry.kind, entry.amount, entry.counterparty) == ("expire", -2900, "house:EXPIRED")
    assert entry.transfer_id == "expire:ada-try:1772366460123"
    stored = ledger.read_transfer(shop.call(), shop.CHANNEL, entry.transfer_id)
    assert (stored.amount, stored.target.account_id) == (2900, "house:EXPIRED")
    report = audited()
    assert report.right
    assert {each.currency: each.expired for each in report.totals} == {
        "TRY": "29.00",
        "USD": "5.00",
    }


def test_what_an_account_owes_stays_owed(wire: Wire) -> None:
    shop.open_shop()
    shop.register("ada", "grace")
    shop.open_account("ada", "1.00", debit=True, account_id="ada-try")
    shop.open_account("grace", "0")
    shop.send("t-1", "ada", "grace", "9.00")
    erased = erase("expire")
    assert (left(erased), expired(erased)) == ({"ada-try": -800}, {"ada-try": 0})
    assert audited().right


def test_other_shoppers_keep_everything(desk: Wire) -> None:
    order("graces", "grace")
    before = {table: rows_of_grace(rows) for table, rows in desk.everything().items()}
    erase("expire")
    assert {table: rows_of_grace(rows) for table, rows in desk.everything().items()} == before
    found, _ = checkout.list_orders(shop.call(), shop.CHANNEL, "grace", limit=5, start=None)
    assert [each.contents is not None for each in found] == [True]


def rows_of_grace(rows: list[Json]) -> list[Json]:
    return [row for row in rows if "grace" in json.dumps(row) and "ada" not in json.dumps(row)]


def test_a_user_without_anything_is_erased(wire: Wire) -> None:
    shop.open_shop()
    shop.register("ada")
    assert erase("expire").accounts == []
    assert personal(wire, "ada@example.com") == []


def test_who_never_was_cannot_be_erased(desk: Wire) -> None:
    with pytest.raises(errors.UnknownUser):
        erase(user_pk="nobody")
    with pytest.raises(errors.UnknownChannel):
        privacy.erase(shop.call(), "none", "ada", "keep")


# --- what is refused, before anything is touched ------------------------------------------------


def test_it_is_refused_while_a_card_payment_is_in_progress(desk: Wire) -> None:
    shop.come_to_card("ada", "1.00", sandbox.LOSES_REQUEST, 1000, reference="card-1")
    assert shop.code_of(shop.pay(card=sandbox.LOSES_REQUEST)) == "payment_in_progress"
    before = desk.everything()
    for credit in ("keep", "expire"):
        with pytest.raises(PaymentInProgress):
            erase(credit)
    assert desk.everything() == before
    late_s = ASK_FINALLY_AFTER_MS / 1000
    shop.end_payments(after_s=late_s)
    erase("expire", after_s=late_s)
    assert personal(desk) == []


def test_credit_that_is_held_cannot_expire_and_can_be_kept(desk: Wire) -> None:
    shop.hold("h-1", amount="5.00")
    before = desk.everything()
    with pytest.raises(errors.CreditHeld, match=r"ada-try has 1 open holds, which keep 5\.00 TRY"):
        erase("expire")
    assert desk.everything() == before
    assert left(erase("keep"))["ada-try"] == 2900
    shop.void("h-1")
    assert expired(erase("expire")) == {"ada-try": 2900, "ada-usd": 500}
    assert audited().right


def test_credit_of_a_lapsed_hold_expires(desk: Wire) -> None:
    shop.hold("h-1", amount="5.00", life_s=60)
    assert expired(erase("expire", after_s=60))["ada-try"] == 2900


# --- repetition and interruption ----------------------------------------------------------------


@pytest.mark.parametrize("credit", ["keep", "expire"])
def test_a_repetition_answers_the_same_and_changes_nothing(
    desk: Wire, credit: RemainingCredit
) -> None:
    first = erase(credit)
    before = desk.everything()
    for _ in range(3):
        assert erase(credit, after_s=900) == first
    assert desk.everything() == before


def test_kept_credit_may_expire_later(desk: Wire) -> None:
    erase("keep")
    later = erase("expire", after_s=900)
    assert expired(later) == {"ada-try": 2900, "ada-usd": 500}
    assert expired(erase("keep", after_s=901)) == expired(later)


def test_what_comes_after_an_expiry_is_left(desk: Wire) -> None:
    """The same request answers the same for ever; it takes nothing more."""
    erase("expire")
    shop.refund_order("r-1", "3.00", "order-1", after_s=100)
    again = erase("expire", after_s=200)
    assert (left(again)["ada-try"], expired(again)["ada-try"]) == (300, 2900)


class Killed(BaseException):
    """The process is ended: nothing of ours catches it."""


OPERATIONS: Final = (
    *("BatchGetItem", "TransactGetItems", "Query"),
    *("TransactWriteItems", "PutItem", "UpdateItem"),
)


@contextmanager
def killed_after(wire: Wire, requests: int) -> Iterator[None]:
    """End the process before it sends one more request than these."""
    left = iter(range(requests))

    def tick() -> None:
        if next(left, None) is None:
            raise Killed

    for operation in OPERATIONS:
        wire.always(operation, Meanwhile(tick))
    try:
        with pytest.raises(Killed):
            yield
    finally:
        wire.heal()


@pytest.mark.parametrize("credit", ["keep", "expire"])
def test_killed_after_any_request_a_repetition_finishes_it(
    desk: Wire, credit: RemainingCredit
) -> None:
    start = desk.everything()
    desk.forget()
    erase(credit)
    count, whole = len(desk.sent), comparable(desk)
    assert count > 8
    for requests in range(count):
        desk.restore(start)
        with killed_after(desk, requests):
            erase(credit)
        assert audited().right, requests
        finished = erase(credit)
        assert personal(desk) == [], requests
        assert comparable(desk) == whole, requests
        assert erase(credit, after_s=900) == finished
    assert audited().right


@pytest.mark.parametrize("done", [True, False])
def test_lost_answers_to_every_write_change_nothing(desk: Wire, *, done: bool) -> None:
    start = desk.everything()
    expected = erase("expire")
    whole = comparable(desk)
    desk.restore(start)
    desk.plan("TransactWriteItems", *[Silence(done=done), None] * 8)
    assert erase("expire") == expected
    assert comparable(desk) == whole


def comparable(wire: Wire) -> dict[str, list[Json]]:
    return {
        table: sorted(rows, key=lambda row: json.dumps(row, sort_keys=True))
        for table, rows in wire.everything().items()
    }


# --- who was erased -----------------------------------------------------------------------------


def test_who_was_erased_cannot_sign_in_nor_begin_anything(desk: Wire) -> None:
    erase()
    with pytest.raises(errors.UnknownUser):
        registry.mint_session(shop.call(61), shop.CHANNEL, "ada")
    with pytest.raises(errors.UnknownUser):
        shop.open_checkout("ada", reference="new-1", after_s=61)
    with pytest.raises(errors.UnknownUser):
        shop.open_account("ada", "1.00", "EUR", after_s=61)
    for issued_s in (0, 61):
        shopper = shop.shopper("ada", issued_s=issued_s)
        with pytest.raises(errors.NotSignedIn):
            checkout.read_balance(shop.call(62), shopper, "TRY")
        with pytest.raises(errors.NotSignedIn):
            registry.read_shopper(shop.call(62), shopper)
        with pytest.raises(errors.NotSignedIn):
            checkout.read_own_order(shop.call(62), shopper, "order-1")
    assert registry.find_user(shop.call(61), shop.CHANNEL, ADDRESS) is None


def test_a_repeated_opening_of_an_account_is_answered_still(desk: Wire) -> None:
    first = shop.open_account("ada", "5.00", "EUR", key="k-1").answer
    erase()
    again = shop.open_account("ada", "5.00", "EUR", key="k-1", after_s=61)
    assert (again.written, again.answer.account) == (False, first.account)
    assert again.answer.user_email is None


def test_erased_orders_are_read_without_what_was_personal(desk: Wire) -> None:
    erase()
    found = checkout.read_order(shop.call(), shop.CHANNEL, "order-1")
    assert (found.order.loyalty, found.contents) == (1000, None)
    listed, _ = checkout.list_orders(shop.call(), shop.CHANNEL, "ada", limit=5, start=None)
    assert [each.contents for each in listed] == [None, None]


def test_credit_of_who_was_erased_still_moves(desk: Wire) -> None:
    """Refunds of their orders must find their account."""
    erase()
    shop.refund_order("r-1", "10.00", "order-1", after_s=61)
    shop.send("t-2", "grace", "ada", "1.00", after_s=61)
    assert shop.balance_of("ada") == 4000
    assert ledger.read_account(shop.call(), shop.key_of("ada")).user_email is None
    assert audited().right


def test_who_is_registered_again_has_the_kept_credit(desk: Wire) -> None:
    erase("keep")
    again = registry.register_user(shop.call(70), shop.CHANNEL, "ada", "ada@new.example")
    assert (again.created, again.user and again.user.erased_ms) == (False, None)
    shopper = shop.shopper("ada", issued_s=70)
    assert checkout.read_balance(shop.call(71), shopper, "TRY") == ("TRY", 2900)
    with pytest.raises(errors.NotSignedIn):
        checkout.read_balance(shop.call(71), shop.shopper("ada"), "TRY")
    own, contents = checkout.read_own_order(shop.call(71), shopper, "order-1")
    assert (own.reference, contents) == ("order-1", None)


def test_who_is_erased_again_has_the_new_credit_expire_too(desk: Wire) -> None:
    erase("expire")
    registry.register_user(shop.call(70), shop.CHANNEL, "ada", ADDRESS)
    shop.send("t-2", "grace", "ada", "4.00", after_s=71)
    second = erase("expire", after_s=80)
    assert expired(second)["ada-try"] == 400
    assert personal(desk) == []
    assert audited().right


def test_another_user_may_have_the_address_then(desk: Wire) -> None:
    erase()
    taken = registry.register_user(shop.call(70), shop.CHANNEL, "mary", ADDRESS)
    assert taken.created


def test_a_checkout_of_who_is_registered_again_begins_anew(desk: Wire) -> None:
    """The attempts are counted on: a payment must not have the name of an earlier one."""
    declined = sandbox.DECLINES
    shop.come_to_card("ada", "1.00", declined, 1000, reference="card-1")
    shop.pay(card=declined)
    erase()
    registry.register_user(shop.call(70), shop.CHANNEL, "ada", ADDRESS)
    seen = checkout.visit(
        shop.call(71), shop.shopper("ada", issued_s=71), "TRY", PageEvent.SHOW, checkout.Posted()
    )
    assert (seen.move, seen.situation.effective) == (Move.TO_BASKET, None)
    opened = shop.open_checkout("ada", 1000, reference="card-1", content=CONTENT, after_s=72)
    assert opened.written
    assert (opened.answer.state, opened.answer.attempt) == ("open", 1)


# --- races --------------------------------------------------------------------------------------


def test_a_checkout_that_completes_meanwhile_is_erased_with_the_others(desk: Wire) -> None:
    """It was read before the user was marked, and is written after."""

    shop.visit("ada", PageEvent.USE_CREDIT, "10.00")
    desk.plan("TransactWriteItems", Meanwhile(marked_alone))
    assert shop.visit("ada", PageEvent.COMPLETE, "true").refusal is None
    assert set(personal(desk)) == {"test-order_contents", "test-pre_orders"}
    assert checkout.read_order(shop.call(), shop.CHANNEL, "open-1").contents is not None
    erase()
    assert personal(desk) == []
    assert audited().right


def marked_alone() -> None:
    """Mark the user as an erasure does, which is killed then."""
    marked = erasure._mark(shop.call(60), shop.CHANNEL, "ada")
    assert marked.email is None


@pytest.mark.parametrize("currency", ["TRY", "EUR"])
def test_a_checkout_that_is_opened_meanwhile_is_refused(desk: Wire, currency: str) -> None:
    """Its user was read before the erasure; in one currency there is a pre-order already."""
    desk.plan("TransactWriteItems", Meanwhile(erase))
    with pytest.raises(errors.UnknownUser):
        shop.open_checkout("ada", 900, currency, reference="late-1", content=CONTENT)
    assert personal(desk) == []


def test_an_account_that_is_opened_meanwhile_is_refused(desk: Wire) -> None:
    desk.plan("TransactWriteItems", Meanwhile(erase))
    with pytest.raises(errors.UnknownUser):
        shop.open_account("ada", "1.00", "EUR")


def test_a_page_of_a_checkout_that_is_erased_meanwhile_changes_nothing(desk: Wire) -> None:
    desk.plan("PutItem", Meanwhile(erase))
    with pytest.raises(errors.NotSignedIn):
        shop.visit("ada", PageEvent.USE_CREDIT, "5.00")
    assert personal(desk) == []


def test_an_order_that_is_read_as_it_completes_is_not_called_erased(desk: Wire) -> None:
    """A batch shows no one moment: contents may be missing beside an order that is there."""
    desk.plan("BatchGetItem", past({**desk.everything(), "test-order_contents": []}))
    _, contents = checkout.read_own_order(shop.call(), shop.shopper("ada"), "order-1")
    assert contents is not None


def test_a_large_history_is_erased_in_parts(wire: Wire) -> None:
    shop.open_shop()
    registry.register_user(shop.call(), shop.CHANNEL, "ada", ADDRESS)
    shop.open_account("ada", "500.00")
    for number in range(23):
        order(f"order-{number}")
    wire.forget()
    erase()
    assert personal(wire) == []
    deletions = [len(sent.members) for sent in wire.sent if sent.operation == "TransactWriteItems"]
    assert deletions == [2, 2, 10, 10, 3]
