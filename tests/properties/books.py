"""Proves the books from the raw rows alone: nothing here is read through the code under test.

The rows are what the engine holds; sums, numbers, order and hashes are computed anew.
"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.store.wire import Json

Rows = dict[str, list[Json]]

PREFIX = "test-"
PUT_ONCE = ("account_ids", "entries", "transfers", "orders")
MAX_OPEN_HOLDS = 8

PARTIES = {
    "opening": {("house:BANK", "account")},
    "transfer": {("account", "account")},
    "order": {("account", "house:SALE")},
    "capture": {("account", "house:SALE")},
    "refund": {("house:REFUND", "account")},
    "adjust": {("house:BANK", "account"), ("account", "house:BANK")},
    "distribution": {("account", "escrow"), ("escrow", "account")},
    "undo": {("escrow", "account")},
    "expire": {("account", "house:EXPIRED")},
    "reversal": {
        ("account", "account"),
        ("house:BANK", "account"),
        ("account", "house:BANK"),
    },
}
"""Between whom each kind of transfer moves credit."""


def plain(item: Json) -> Json:
    """Return a row with Python values in place of DynamoDB's."""
    read: dict[str, Callable[[Any], Any]] = {
        "S": str,
        "N": int,
        "BOOL": bool,
        "M": plain,
        "B": lambda content: content,
    }
    return {
        name: read[kind](value)
        for name, typed in item.items()
        for kind, value in typed.items()
        if kind != "NULL"
    }


@dataclass
class Books:
    """All rows of one moment, by what they belong to."""

    accounts: dict[str, Json] = field(default_factory=dict)
    entries: dict[str, list[Json]] = field(default_factory=lambda: defaultdict(list))
    transfers: dict[str, Json] = field(default_factory=dict)
    orders: dict[str, Json] = field(default_factory=dict)
    holds: dict[tuple[str, str], Json] = field(default_factory=dict)
    refunds: dict[str, Json] = field(default_factory=dict)
    distributions: dict[tuple[str, str], Json] = field(default_factory=dict)
    pre_orders: dict[str, Json] = field(default_factory=dict)
    charges: dict[str, Json] = field(default_factory=dict)

    @classmethod
    def of(cls, rows: Rows) -> "Books":
        """Return the books out of every row of every table."""
        books = cls()
        for row in map(plain, rows[PREFIX + "accounts"]):
            books.accounts[f"{row['user']}#{row['currency']}"] = row
        for row in map(plain, rows[PREFIX + "entries"]):
            books.entries[row["account"]].append(row)
        for entries in books.entries.values():
            entries.sort(key=lambda row: str(row["at_seq"]))
        books.transfers = {row["id"]: row for row in map(plain, rows[PREFIX + "transfers"])}
        books.orders = {row["id"]: row for row in map(plain, rows[PREFIX + "orders"])}
        for row in map(plain, rows[PREFIX + "holds"]):
            books.holds[row["account"], row["id"]] = row
        books.refunds = {row["sale"]: row for row in map(plain, rows[PREFIX + "refunds"])}
        jobs_and_chunks = [
            row
            for row in map(plain, rows[PREFIX + "distributions"])
            if not row["part"].startswith("list:")
        ]
        books.distributions = {(row["id"], row["part"]): row for row in jobs_and_chunks}
        books.pre_orders = {
            f"{row['user']}#{row['currency']}": row
            for row in map(plain, rows[PREFIX + "pre_orders"])
            if not row["currency"].endswith("#basket")
        }
        books.charges = {row["key"]: row for row in map(plain, rows[PREFIX + "sandbox_charges"])}
        return books

    def of_kind(self, kind: str) -> dict[str, Json]:
        """Return all transfers of one kind."""
        return {name: row for name, row in self.transfers.items() if row["kind"] == kind}


def audit(books: Books) -> None:
    """Assert the promises that hold in every moment: see the README's list."""
    assert set(books.entries) <= set(books.accounts)
    for key, account in books.accounts.items():
        _audit_account(key, account, books.entries.get(key, []))
        _audit_open_holds(key, account, books)
    _audit_legs(books)
    _audit_conservation(books)
    _audit_distributions(books)
    _audit_orders(books)
    _audit_captures(books)
    _audit_refunds(books)
    _audit_reversals(books)
    _audit_payments(books)
    _audit_charges(books)


def _audit_account(key: str, account: Json, entries: list[Json]) -> None:
    balance, previous, last_ms = 0, "", 0
    for number, entry in enumerate(entries, start=1):
        at_ms, seq = int(entry["at_seq"][:13]), int(entry["at_seq"][13:])
        assert seq == number, "numbers are gapless, and in the order of time"
        assert at_ms >= last_ms
        balance, last_ms = balance + entry["amount"], at_ms
        assert entry["balance_after"] == balance
        assert entry["hash"] == chain_hash(key, entry, at_ms, seq, previous)
        previous = entry["hash"]
    assert account["available"] + account["held"] == balance
    assert account["seq"] == len(entries)
    assert account["entry_hash"] == previous
    assert account["debit_allowed"] or account["available"] >= 0, "no overdraft"
    if entries:
        assert account["entry_ms"] == last_ms


def chain_hash(key: str, entry: Json, at_ms: int, seq: int, previous: str) -> str:
    """Return the hash that an entry must have after the previous one."""
    content = [previous, *key.split("#"), seq, at_ms, entry["amount"], entry["balance_after"]]
    content += [entry[name] for name in ("kind", "counterparty", "transfer_id")]
    content += [entry.get("order"), entry.get("note")]
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _audit_open_holds(key: str, account: Json, books: Books) -> None:
    """What an account holds is what its open holds keep, each as its own row says."""
    held = account["open_holds"]
    assert account["held"] == sum(hold["amount"] for hold in held.values()), "held by holds"
    assert len(held) <= MAX_OPEN_HOLDS, "too many open holds"
    for hold_id, hold in held.items():
        row = books.holds.get((key, hold_id))
        assert row is not None, "an open hold without a row"
        assert row["state"] == "open", "an open hold ended"
        kept = [hold.get(name) for name in ("amount", "expires_ms")]
        assert kept == [row.get(name) for name in ("amount", "expires_ms")], "two holds in one"


def _audit_legs(books: Books) -> None:
    """Every movement has a leg on each of its accounts, which names the other side."""
    legs: defaultdict[str, list[tuple[str, int, str, str]]] = defaultdict(list)
    for key, entries in books.entries.items():
        channel, account_id = key.split("#")[0], books.accounts[key]["account_id"]
        for entry in entries:
            leg = (account_id, entry["amount"], entry["counterparty"], entry["kind"])
            if not _is_a_row(entry["transfer_id"]):
                legs[f"{channel}#{entry['transfer_id']}"].append(leg)
    assert set(legs) == set(books.transfers)
    for name, transfer in books.transfers.items():
        source, target, kind = transfer["source"], transfer["target"], transfer["kind"]
        assert (_side(source), _side(target)) in PARTIES[kind], "a house of another kind"
        amount = transfer["amount"]
        both = [(source, -amount, target, kind), (target, amount, source, kind)]
        assert sorted(legs[name]) == sorted(leg for leg in both if _side(leg[0]) == "account")


def _is_a_row(name: str) -> bool:
    """Whether an entry is that of a row of a distribution, which has no transfer of its own."""
    return name.startswith("credit:") or (name.count(":") == 2 and name.startswith("undo:"))


def _side(party: str) -> str:
    if party.startswith("house:"):
        return party
    return "escrow" if party.startswith("escrow:") else "account"


def _audit_conservation(books: Books) -> None:
    """House flows explain what all accounts of a currency hold together."""
    held: defaultdict[str, int] = defaultdict(int)
    for account in books.accounts.values():
        held[account["currency"]] += account["available"] + account["held"]
    for row in books.distributions.values():
        held[_currency_of(books, row)] += row["escrow"]
    for transfer in books.transfers.values():
        issued = transfer["source"] in {"house:BANK", "house:REFUND"}
        received = transfer["target"] in {"house:BANK", "house:SALE", "house:EXPIRED"}
        held[transfer["currency"]] -= (issued - received) * transfer["amount"]
    assert not any(held.values())


def _currency_of(books: Books, row: Json) -> str:
    currency: str = books.distributions[row["id"], "job"]["currency"]
    return currency


def _audit_distributions(books: Books) -> None:
    """What is in escrow is what entries moved there; chunks say what their customers got."""
    moved: defaultdict[str, int] = defaultdict(int)
    credited: defaultdict[str, int] = defaultdict(int)
    returned: defaultdict[str, int] = defaultdict(int)
    for key, entries in books.entries.items():
        for entry in entries:
            if not entry["counterparty"].startswith("escrow:"):
                continue
            name = entry["counterparty"].replace("escrow", key.split("#")[0]).replace(":", "#")
            moved[name] -= entry["amount"]
            if _is_a_row(entry["transfer_id"]):
                of = credited if entry["kind"] == "distribution" else returned
                of[name] += abs(entry["amount"])
    names = {name for name, _ in books.distributions}
    assert set(moved) <= names, "escrow of no distribution"
    for name in names:
        job = books.distributions[name, "job"]
        parts = [row for (own, _), row in books.distributions.items() if own == name]
        chunks = [row for row in parts if row["part"] != "job"]
        assert sum(row["escrow"] for row in parts) == moved[name], "other escrow than moved"
        assert all(row["escrow"] >= 0 for row in parts), "escrow below nothing"
        assert sum(row["credited"] for row in chunks) == credited[name], "credited otherwise"
        assert sum(row["returned"] for row in chunks) == returned[name], "returned otherwise"
        assert len(chunks) == job["made"], "chunks that nobody made"
        if job["state"] in {"closed", "undone", "previewed"}:
            assert moved[name] == 0, "escrow is left of one that has ended"
            assert not [row for row in chunks if row["state"] == "waiting"], "left waiting"


def _audit_orders(books: Books) -> None:
    """The credit of every order was paid once, by its own transfer; the rest as its type says."""
    paid = books.of_kind("order")
    by_order = {f"{t['id'].split('#')[0]}#{t['order']}": t for t in paid.values()}
    assert len(by_order) == len(paid)
    assert set(by_order) == {name for name, order in books.orders.items() if order["loyalty"]}
    for name, order in books.orders.items():
        if order["loyalty"]:
            assert by_order[name]["amount"] == order["loyalty"], "other credit than the order's"
        said = (order["payment_state"], bool(order["charged"]), "payment_key" in order)
        assert said == _PAID_AS[order["payment_type"]], "paid in another way than it says"
        rest = order["total"] - order["loyalty"]
        if order["payment_type"] == "loyalty_money":
            assert rest == 0, "completed by a part of its credit"
        elif order["payment_type"] == "credit_card":
            assert 0 < rest <= order["charged"], "charged less than the rest"


_PAID_AS = {
    "loyalty_money": ("paid", False, False),
    "funds_transfer": ("awaiting_payment", False, False),
    "credit_card": ("paid", True, True),
}
"""By the payment's type: the state of the rest, and whether a card was charged, under a key."""


def _audit_captures(books: Books) -> None:
    """Every captured hold was captured once, by its own transfer; no other hold was.

    A checkout's hold pays its order, whole, and no other order by card is paid with credit.
    """
    expected, ordered = {}, {}
    for (key, hold_id), row in books.holds.items():
        channel, _, currency = key.split("#")
        account_id = books.accounts[key]["account_id"]
        captured = row["captured"]
        if row["state"] == "captured":
            assert 0 < captured <= row["amount"], "captured beyond the hold"
            content = (account_id, currency, captured, row.get("order"))
            if hold_id.startswith("checkout:"):
                assert captured == row["amount"], "an order is paid with the whole of its hold"
                assert hold_id.split(":")[1] == row["order"], "captured for another order"
                ordered[f"{channel}#order:{row['order']}"] = content
            else:
                expected[f"{channel}#capture:{account_id}:{hold_id}"] = content
        else:
            assert row["state"] in {"open", "voided"}, "no such state"
            assert captured == 0, "captured without a capture"
    assert _contents(books.of_kind("capture")) == expected, "captures are those of captured holds"
    by_card = {
        "#order:".join(name.split("#", 1))
        for name, order in books.orders.items()
        if order["payment_type"] == "credit_card" and order["loyalty"]
    }
    paid = {name: row for name, row in books.of_kind("order").items() if name in by_card}
    assert _contents(paid) == ordered, "orders by card are those of captured holds"


def _contents(transfers: dict[str, Json]) -> dict[str, tuple[str, str, int, str | None]]:
    return {
        name: (row["source"], row["currency"], row["amount"], row.get("order"))
        for name, row in transfers.items()
    }


def _audit_payments(books: Books) -> None:
    """A checkout's hold is open while its payment is in progress, for its credit; no other is."""
    expected = {}
    for key, checkout in books.pre_orders.items():
        begun = {"paying", "gateway", "charge", "installments", "begun_ms", "payment_name"}
        paying = checkout["state"] == "paying"
        assert begun & set(checkout) == (begun if paying else set()), "half a payment"
        failed = checkout.get("failed_payment")
        assert failed is None or checkout["state"] == "open", "a failed payment was not forgotten"
        assert failed is None or checkout["attempt"], "a payment failed that never began"
        if paying and checkout["loyalty"]:
            name = f"checkout:{checkout['reference']}:{checkout['attempt']}"
            expected[key, name] = (checkout["loyalty"], None)
    found = {
        (key, name): (hold["amount"], hold.get("expires_ms"))
        for key, account in books.accounts.items()
        for name, hold in account["open_holds"].items()
        if name.startswith("checkout:")
    }
    assert found == expected, "held by no payment in progress"


def _audit_charges(books: Books) -> None:
    """Every order by card was charged once: what it says, under its own key, to be kept."""
    keys = [order["payment_key"] for order in books.orders.values() if order["charged"]]
    assert len(set(keys)) == len(keys), "two orders of one charge"
    for order in books.orders.values():
        if order["charged"]:
            charge = books.charges.get(order["payment_key"])
            assert charge is not None, "an order without its charge"
            kept = (charge["outcome"], charge["amount"], charge["currency"], charge["refunded"])
            said = ("approved", order["charged"], order["currency"], False)
            assert kept == said, "charged otherwise than the order says"


def unordered_charges(books: Books) -> set[str]:
    """Return the keys of what was charged, was not given back, and is no order's."""
    ordered = {order.get("payment_key") for order in books.orders.values()}
    return {
        key
        for key, charge in books.charges.items()
        if charge["outcome"] == "approved" and not charge["refunded"] and key not in ordered
    }


def _audit_refunds(books: Books) -> None:
    """All refunds of a payment go to its payer, and are together what its row says, or less."""
    refunded: defaultdict[str, int] = defaultdict(int)
    for name, refund in books.of_kind("refund").items():
        sale = name.replace("#refund:", "#", 1).rpartition(":")[0]
        payment = books.transfers.get(sale, {"kind": "none"})
        assert payment["kind"] in {"order", "capture"}, "a refund of no payment"
        assert refund["target"] == payment["source"], "a refund to somebody else"
        assert refund["currency"] == payment["currency"]
        assert refund.get("order") == payment.get("order"), "a refund of another order"
        refunded[sale] += refund["amount"]
    assert refunded == {name: row["refunded"] for name, row in books.refunds.items()}, (
        "other than refunded"
    )
    for sale, amount in refunded.items():
        assert amount <= books.transfers[sale]["amount"], "more refunded than paid"


def _audit_reversals(books: Books) -> None:
    """Every reversal moves its original back, whole; its id lets an original have one only."""
    for name, reversal in books.of_kind("reversal").items():
        original = books.transfers.get(name.replace("#reversal:", "#", 1), {"kind": "none"})
        assert original["kind"] in {"transfer", "adjust"}, "reversed what is not reversible"
        swapped = {"source": original["target"], "target": original["source"]}
        same = {part: original[part] for part in ("currency", "amount")}
        assert (swapped | same).items() <= reversal.items(), "reversed something else"


def assert_nothing_rewritten(before: Rows, after: Rows) -> None:
    """Assert that a later moment keeps every row that is put once, and every end of a hold."""
    for table in PUT_ONCE:
        for item in before[PREFIX + table]:
            assert item in after[PREFIX + table], f"a row of {table} was changed or deleted"
    earlier, later = Books.of(before), Books.of(after)
    for key, hold in earlier.holds.items():
        ends = {"state", "captured", "order", "ended_ms", "ended_by"}
        changeable = ends if hold["state"] == "open" else set()
        kept = later.holds.get(key, {})
        assert _without(kept, changeable) == _without(hold, changeable), (
            "a row of holds was changed or deleted"
        )
    for sale, row in earlier.refunds.items():
        assert later.refunds.get(sale, {"refunded": 0})["refunded"] >= row["refunded"], (
            "a row of refunds was changed or deleted"
        )
    for name, charge in earlier.charges.items():
        kept = later.charges.get(name, {})
        assert _without(kept, {"refunded"}) == _without(charge, {"refunded"}), "charges"
        assert kept["refunded"] >= charge["refunded"], "charges: taken again"
    for name, checkout in earlier.pre_orders.items():
        kept = later.pre_orders.get(name, {"attempt": -1})
        assert kept["attempt"] >= checkout["attempt"], "pre-orders: an attempt counted twice"


def _without(row: Json, names: set[str]) -> Json:
    return {name: value for name, value in row.items() if name not in names}
