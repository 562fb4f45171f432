"""The auditor itself: a ledger that was tampered with must not pass."""

import copy
from collections.abc import Callable, Iterator

import pytest

from chalicelib.core.transitions import PageEvent
from chalicelib.outside.sandbox import LOSES_ANSWER
from tests.properties.books import Books, Rows, assert_nothing_rewritten, audit, chain_hash, plain
from tests.store.engine import empty_store, tables_on_moto
from tests.store.wire import Json
from tests.verbs import shop


@pytest.fixture(scope="module")
def ledger() -> Iterator[Rows]:
    """Return the rows of a small ledger that is in order."""
    with tables_on_moto(), empty_store() as wire:
        shop.open_shop()
        shop.register("ada", "grace")
        shop.open_account("ada", "90.00", account_id="ada-try")
        shop.open_account("grace", "0", account_id="grace-try")
        shop.send("t-1", "ada", "grace", "10.00")
        shop.send("t-2", "grace", "ada", "1.00", after_s=1)
        shop.open_checkout("ada")
        shop.visit("ada", PageEvent.USE_CREDIT, "40.00")
        shop.visit("ada", PageEvent.COMPLETE, "true")
        shop.refund_order("r-1", "15.00", after_s=2)
        shop.refund_order("r-2", "5.00", after_s=3)
        shop.hold("h-captured", amount="9.00", after_s=4)
        shop.capture("h-captured", amount="6.00", order="basket-7", after_s=5)
        shop.refund_hold("r-1", "h-captured", "2.00", after_s=6)
        for name in ("h-open", "h-voided", "h-second"):
            shop.hold(name, amount="3.00", after_s=7)
        shop.void("h-voided", after_s=8)
        shop.adjust("a-1", "grace", "7.00", after_s=9)
        shop.adjust("a-2", "grace", "-2.00", after_s=10)
        for name in ("t-2", "a-1", "a-2"):
            shop.reverse(name, after_s=11)
        for user in ("ada", "grace"):
            shop.come_to_card(user, "4.00", LOSES_ANSWER, reference=f"basket-{user}")
            shop.pay(user, LOSES_ANSWER, after_s=12)
        shop.pay("ada", after_s=13)
        yield wire.everything()


def row(rows: Rows, table: str, number: int = 0) -> Json:
    return rows[f"test-{table}"][number]


def named(rows: Rows, table: str, name: str) -> Json:
    """Return the row of a table whose id, or whose payment, is this one in the channel."""
    names = {name, f"{shop.CHANNEL}#{name}"}
    return next(
        item
        for item in rows[f"test-{table}"]
        if any(item.get(part, {}).get("S") in names for part in ("id", "sale"))
    )


def account_of(rows: Rows, user_pk: str) -> Json:
    """Return a user's account."""
    name = {"S": f"{shop.CHANNEL}#{user_pk}"}
    return next(account for account in rows["test-accounts"] if account["user"] == name)


def held(rows: Rows, hold_id: str) -> Json:
    """Return a hold as it lies on ada's account."""
    found: Json = account_of(rows, "ada")["open_holds"]["M"][hold_id]["M"]
    return found


def grow(found: Json, name: str, amount: int) -> None:
    found[name] = {"N": str(int(found[name]["N"]) + amount)}


def add(rows: Rows, table: str, name: str, amount: int, number: int = 0) -> None:
    grow(row(rows, table, number), name, amount)


def remove(rows: Rows, table: str, name: str) -> None:
    rows[f"test-{table}"].remove(named(rows, table, name))


def shift(rows: Rows) -> None:
    """Move credit from one account to the other without an entry."""
    add(rows, "accounts", "available", 1)
    add(rows, "accounts", "available", -1, number=1)


def keep(rows: Rows, amount: int, *hold_ids: str) -> None:
    """Keep credit of ada's for holds, each as h-open is kept; without holds, for nothing."""
    account = account_of(rows, "ada")
    grow(account, "available", -amount)
    grow(account, "held", amount)
    for hold_id in hold_ids:
        account["open_holds"]["M"][hold_id] = {"M": copy.deepcopy(held(rows, "h-open"))}
        rows["test-holds"].append({**named(rows, "holds", "h-open"), "id": {"S": hold_id}})


TAMPERING: dict[str, Callable[[Rows], object]] = {
    "a balance": lambda rows: add(rows, "accounts", "available", 1),
    "both balances": shift,
    "a number": lambda rows: add(rows, "accounts", "seq", 1),
    "a last hash": lambda rows: row(rows, "accounts").update(entry_hash={"S": "f" * 64}),
    "an amount": lambda rows: add(rows, "entries", "amount", 1),
    "a balance after": lambda rows: add(rows, "entries", "balance_after", 1),
    "a counterparty": lambda rows: row(rows, "entries").update(counterparty={"S": "a-x"}),
    "a note": lambda rows: row(rows, "entries").update(note={"S": "x"}),
    "a time": lambda rows: row(rows, "entries").update(
        at_seq={"S": "9" + row(rows, "entries")["at_seq"]["S"][1:]}
    ),
    "a lost entry": lambda rows: rows["test-entries"].pop(),
    "a doubled entry": lambda rows: rows["test-entries"].append(row(rows, "entries")),
    "a lost transfer": lambda rows: rows["test-transfers"].pop(),
    "a transfer's amount": lambda rows: add(rows, "transfers", "amount", 1),
    "a lost order": lambda rows: rows["test-orders"].pop(),
    "an order's credit": lambda rows: add(rows, "orders", "loyalty", 1),
}


def test_a_ledger_in_order_passes(ledger: Rows) -> None:
    audit(Books.of(ledger))
    assert_nothing_rewritten(ledger, ledger)
    again = copy.deepcopy(ledger)
    chain_anew(again)
    assert again == ledger, "what the tests below forge is chained as the ledger does it"


@pytest.mark.parametrize("name", TAMPERING)
def test_a_ledger_that_was_tampered_with_does_not_pass(ledger: Rows, name: str) -> None:
    rows = copy.deepcopy(ledger)
    TAMPERING[name](rows)
    with pytest.raises(AssertionError):
        audit(Books.of(rows))


# --- what a fault of the ledger would leave behind: every sum, number and hash is right -----------


def chain_anew(rows: Rows) -> None:
    """Number, sum up and hash the entries of every account anew, as if all had happened so."""
    for account in rows["test-accounts"]:
        key = f"{account['user']['S']}#{account['currency']['S']}"
        balance, previous = 0, ""
        entries = [entry for entry in rows["test-entries"] if entry["account"]["S"] == key]
        for seq, entry in enumerate(sorted(entries, key=lambda e: str(e["at_seq"]["S"])), start=1):
            at_ms = int(entry["at_seq"]["S"][:13])
            balance += int(entry["amount"]["N"])
            entry["at_seq"] = {"S": f"{at_ms:013}{seq:010}"}
            entry["balance_after"] = {"N": str(balance)}
            previous = chain_hash(key, plain(entry), at_ms, seq, previous)
            entry["hash"] = account["entry_hash"] = {"S": previous}
            account["seq"], account["entry_ms"] = {"N": str(seq)}, {"N": str(at_ms)}
        account["available"] = {"N": str(balance - int(account["held"]["N"]))}


def legs_of(rows: Rows, name: str) -> list[Json]:
    return [entry for entry in rows["test-entries"] if entry["transfer_id"]["S"] == name]


def forge_amount(rows: Rows, name: str, amount: int) -> None:
    """Let a movement have been of another amount."""
    named(rows, "transfers", name)["amount"] = {"N": str(amount)}
    for leg in legs_of(rows, name):
        leg["amount"] = {"N": str(amount if int(leg["amount"]["N"]) > 0 else -amount)}


def forge_name(rows: Rows, name: str, other: str) -> None:
    """Let a movement have had another id."""
    named(rows, "transfers", name)["id"] = {"S": f"{shop.CHANNEL}#{other}"}
    for leg in legs_of(rows, name):
        leg["transfer_id"] = {"S": other}


def forge_again(rows: Rows, name: str, other: str) -> None:
    """Let a movement have happened once more, under another id."""
    transfers, entries = rows["test-transfers"], rows["test-entries"]
    transfer, legs = copy.deepcopy((named(rows, "transfers", name), legs_of(rows, name)))
    forge_name(rows, name, other)
    transfers.append(transfer)
    entries.extend(legs)


def forge_nothing(rows: Rows, name: str) -> None:
    """Let a movement never have happened."""
    for leg in legs_of(rows, name):
        rows["test-entries"].remove(leg)
    remove(rows, "transfers", name)


def forge_house(rows: Rows, name: str, house: str) -> None:
    """Let a movement have come from another house account."""
    named(rows, "transfers", name)["source"] = {"S": house}
    for leg in legs_of(rows, name):
        leg["counterparty"] = {"S": house}


def forge_payee(rows: Rows, name: str) -> None:
    """Let a movement have gone to grace."""
    account = account_of(rows, "grace")
    named(rows, "transfers", name)["target"] = account["account_id"]
    for leg in legs_of(rows, name):
        leg["account"] = {"S": f"{account['user']['S']}#TRY"}


def forge_direction(rows: Rows, name: str) -> None:
    """Let a movement have gone the other way."""
    transfer = named(rows, "transfers", name)
    transfer["source"], transfer["target"] = transfer["target"], transfer["source"]
    for leg in legs_of(rows, name):
        leg["amount"] = {"N": str(-int(leg["amount"]["N"]))}


def forge_capture(rows: Rows, amount: int) -> None:
    """Let a capture have taken another amount, on the hold's row too."""
    forge_amount(rows, CAPTURE, amount)
    named(rows, "holds", "h-captured")["captured"] = {"N": str(amount)}


def forge_refund(rows: Rows, amount: int) -> None:
    """Let a refund have been of another amount, on the payment's row too."""
    grow(named(rows, "refunds", "order:basket-1"), "refunded", amount - 1500)
    forge_amount(rows, REFUND, amount)


CAPTURE = "capture:ada-try:h-captured"
REFUND = "refund:order:basket-1:r-1"
BY_CARD = "checkout:basket-ada:1"

FORGERIES: dict[str, tuple[Callable[[Rows], object], str]] = {
    "credit kept by no hold": (lambda rows: keep(rows, 1), "held by holds"),
    "a hold that keeps nothing": (
        lambda rows: account_of(rows, "ada")["open_holds"]["M"].pop("h-open"),
        "held by holds",
    ),
    "nine holds": (
        lambda rows: keep(rows, 2100, *(f"h-{number}" for number in range(7))),
        "too many open holds",
    ),
    "a hold without its row": (lambda rows: remove(rows, "holds", "h-open"), "without a row"),
    "an open hold that ended": (
        lambda rows: named(rows, "holds", "h-open").update(state={"S": "voided"}),
        "an open hold ended",
    ),
    "a hold of another amount": (
        lambda rows: grow(named(rows, "holds", "h-open"), "amount", 1),
        "two holds in one",
    ),
    "a hold of another limit": (
        lambda rows: grow(held(rows, "h-open"), "expires_ms", 1),
        "two holds in one",
    ),
    "a state that is none": (
        lambda rows: named(rows, "holds", "h-voided").update(state={"S": "lapsed"}),
        "no such state",
    ),
    "a voided hold that took credit": (
        lambda rows: grow(named(rows, "holds", "h-voided"), "captured", 1),
        "captured without a capture",
    ),
    "a captured hold that was voided": (
        lambda rows: named(rows, "holds", "h-captured").update(
            state={"S": "voided"}, captured={"N": "0"}
        ),
        "captures are those",
    ),
    "a lost hold": (lambda rows: remove(rows, "holds", "h-captured"), "captures are those"),
    "a capture beyond its hold": (lambda rows: forge_capture(rows, 901), "captured beyond"),
    "a capture of another amount": (
        lambda rows: forge_amount(rows, CAPTURE, 601),
        "captures are those",
    ),
    "a capture for another order": (
        lambda rows: named(rows, "holds", "h-captured").update(order={"S": "basket-8"}),
        "captures are those",
    ),
    "a second capture": (
        lambda rows: forge_again(rows, CAPTURE, CAPTURE + "-again"),
        "captures are those",
    ),
    "a capture that never happened": (
        lambda rows: forge_nothing(rows, CAPTURE),
        "captures are those",
    ),
    "a refund that its payment knows not": (
        lambda rows: grow(named(rows, "refunds", "order:basket-1"), "refunded", -1),
        "other than refunded",
    ),
    "a lost row of refunds": (
        lambda rows: remove(rows, "refunds", CAPTURE),
        "other than refunded",
    ),
    "a refund that never happened": (
        lambda rows: forge_nothing(rows, REFUND),
        "other than refunded",
    ),
    "refunds beyond the payment": (lambda rows: forge_refund(rows, 3501), "more refunded"),
    "a refund to somebody else": (lambda rows: forge_payee(rows, REFUND), "to somebody else"),
    "a refund of a transfer": (
        lambda rows: forge_name(rows, REFUND, "refund:t-1:r-1"),
        "a refund of no payment",
    ),
    "a refund of nothing": (
        lambda rows: forge_name(rows, REFUND, "refund:order:basket-2:r-1"),
        "a refund of no payment",
    ),
    "a refund out of another house": (
        lambda rows: forge_house(rows, REFUND, "house:BANK"),
        "a house of another kind",
    ),
    "a reversal of another amount": (
        lambda rows: forge_amount(rows, "reversal:t-2", 99),
        "reversed something else",
    ),
    "a reversal of another direction": (
        lambda rows: forge_direction(rows, "reversal:t-2"),
        "reversed something else",
    ),
    "a reversal of an order": (
        lambda rows: forge_name(rows, "reversal:t-2", "reversal:order:basket-1"),
        "not reversible",
    ),
    "a second reversal": (
        lambda rows: forge_again(rows, "reversal:t-2", "reversal:reversal:t-2"),
        "not reversible",
    ),
    "a reversal of nothing": (
        lambda rows: forge_name(rows, "reversal:t-2", "reversal:t-9"),
        "not reversible",
    ),
    "an order by card of other credit than was held": (
        lambda rows: named(rows, "holds", BY_CARD).update(order={"S": "basket-8"}),
        "captured for another order",
    ),
    "an order by card without its hold": (
        lambda rows: remove(rows, "holds", BY_CARD),
        "orders by card are those",
    ),
    "an order by card of a part of its hold": (
        lambda rows: grow(named(rows, "holds", BY_CARD), "amount", 1),
        "the whole of its hold",
    ),
    "an order that says less credit": (
        lambda rows: grow(named(rows, "orders", "basket-ada"), "loyalty", -1),
        "other credit than",
    ),
    "an order by card that awaits its payment": (
        lambda rows: named(rows, "orders", "basket-ada").update(
            payment_state={"S": "awaiting_payment"}
        ),
        "in another way",
    ),
    "an order that credit does not pay whole": (
        lambda rows: grow(named(rows, "orders", "basket-1"), "total", 1),
        "a part of its credit",
    ),
    "an order by card that was charged too little": (
        lambda rows: grow(named(rows, "orders", "basket-ada"), "charged", -1),
        "less than the rest",
    ),
    "an order that was charged otherwise": (
        lambda rows: grow(named(rows, "orders", "basket-ada"), "charged", 1),
        "otherwise than the order says",
    ),
    "a charge that was given back": (
        lambda rows: charge_of(rows, "basket-ada").update(refunded={"BOOL": True}),
        "otherwise than the order says",
    ),
    "a lost charge": (
        lambda rows: rows["test-sandbox_charges"].remove(charge_of(rows, "basket-ada")),
        "without its charge",
    ),
    "a payment in progress that ended": (
        lambda rows: paying(rows).update(attempt={"N": "2"}),
        "held by no payment",
    ),
    "a payment in progress with half a charge": (
        lambda rows: paying(rows).pop("begun_ms"),
        "half a payment",
    ),
    "a payment in progress beside one that failed": (
        lambda rows: paying(rows).update(failed_payment={"S": "declined"}),
        "was not forgotten",
    ),
}


def charge_of(rows: Rows, reference: str) -> Json:
    """Return what was charged for a basket."""
    return next(c for c in rows["test-sandbox_charges"] if f":{reference}:" in c["key"]["S"])


def paying(rows: Rows) -> Json:
    """Return the checkout whose payment is in progress."""
    return next(item for item in rows["test-pre_orders"] if "paying" in item)


@pytest.mark.parametrize("name", FORGERIES)
def test_a_fault_that_keeps_every_sum_right_is_still_noticed(ledger: Rows, name: str) -> None:
    rows = copy.deepcopy(ledger)
    forge, told = FORGERIES[name]
    forge(rows)
    chain_anew(rows)
    with pytest.raises(AssertionError, match=told):
        audit(Books.of(rows))


# --- what may not change from one moment to the next ---------------------------------------------


@pytest.mark.parametrize("table", ["account_ids", "entries", "transfers", "orders"])
def test_a_row_that_was_rewritten_or_lost_is_noticed(ledger: Rows, table: str) -> None:
    changed, lost = copy.deepcopy(ledger), copy.deepcopy(ledger)
    row(changed, table)["surplus"] = {"S": "x"}
    lost[f"test-{table}"].pop()
    for later in (changed, lost):
        with pytest.raises(AssertionError, match=table):
            assert_nothing_rewritten(ledger, later)


REWRITTEN: dict[str, Callable[[Rows], object]] = {
    "holds: a captured one opened": lambda rows: named(rows, "holds", "h-captured").update(
        state={"S": "open"}
    ),
    "holds: a captured one for another order": lambda rows: named(
        rows, "holds", "h-captured"
    ).update(order={"S": "basket-8"}),
    "holds: a voided one captured": lambda rows: named(rows, "holds", "h-voided").update(
        state={"S": "captured"}, captured={"N": "300"}
    ),
    "holds: an open one grown": lambda rows: grow(named(rows, "holds", "h-open"), "amount", 1),
    "holds: an open one prolonged": lambda rows: grow(
        named(rows, "holds", "h-open"), "expires_ms", 1
    ),
    "holds: an open one lost": lambda rows: remove(rows, "holds", "h-open"),
    "refunds: less": lambda rows: grow(named(rows, "refunds", CAPTURE), "refunded", -1),
    "refunds: lost": lambda rows: remove(rows, "refunds", CAPTURE),
    "charges: declined after all": lambda rows: charge_of(rows, "basket-ada").update(
        outcome={"S": "declined"}
    ),
    "pre-orders: an attempt less": lambda rows: grow(paying(rows), "attempt", -1),
}


@pytest.mark.parametrize("name", REWRITTEN)
def test_an_end_that_was_undone_is_noticed(ledger: Rows, name: str) -> None:
    later = copy.deepcopy(ledger)
    REWRITTEN[name](later)
    with pytest.raises(AssertionError, match=name.split(":", maxsplit=1)[0]):
        assert_nothing_rewritten(ledger, later)


def test_holds_may_end_and_refunds_may_grow(ledger: Rows) -> None:
    later = copy.deepcopy(ledger)
    named(later, "holds", "h-open").update(state={"S": "captured"}, captured={"N": "300"})
    grow(named(later, "refunds", CAPTURE), "refunded", 1)
    assert_nothing_rewritten(ledger, later)
