"""Faults to plant in the books of a busy shop: raw rows, changed behind the back of the ledger.

`PLANTED` names at least one for every kind of fault, and what the audit must name for it.
"""

from collections.abc import Callable

from chalicelib.core.audit import FaultKind
from tests.store.wire import Json, Wire


class Rows:
    """Raw rows, changed behind the back of everything that guards them."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire

    def all(self, table: str) -> list[Json]:
        return self.wire.everything()[f"test-{table}"]

    def put(self, table: str, row: Json, **changes: str | int) -> None:
        made = {name: {"N" if isinstance(v, int) else "S": str(v)} for name, v in changes.items()}
        self.wire.ask("PutItem", {"TableName": f"test-{table}", "Item": row | made})

    def drop(self, table: str, row: Json) -> None:
        names = {
            "accounts": ("user", "currency"),
            "distributions": ("id", "part"),
            "entries": ("account", "at_seq"),
            "holds": ("account", "id"),
            "refunds": ("sale",),
        }.get(table, ("id",))
        key = {name: row[name] for name in names}
        self.wire.ask("DeleteItem", {"TableName": f"test-{table}", "Key": key})

    def account(self, user: str) -> Json:
        return self.one("accounts", user=f"demo#{user}", currency="TRY")

    def entry(self, user: str, seq: int) -> Json:
        found = [r for r in self.entries(user) if int(r["at_seq"]["S"][13:]) == seq]
        assert len(found) == 1
        return found[0]

    def entries(self, user: str) -> list[Json]:
        rows = [r for r in self.all("entries") if r["account"]["S"] == f"demo#{user}#TRY"]
        return sorted(rows, key=lambda row: str(row["at_seq"]["S"]))

    def transfer(self, transfer_id: str) -> Json:
        return self.one("transfers", id=f"demo#{transfer_id}")

    def hold(self, hold_id: str) -> Json:
        return self.one("holds", id=hold_id)

    def part(self, distribution: str, part: str) -> Json:
        return self.one("distributions", id=f"demo#{distribution}", part=part)

    def row_of(self, name: str) -> Json:
        return self.one("entries", transfer_id=name)

    def refund(self, sale: str) -> Json:
        return self.one("refunds", sale=f"demo#{sale}")

    def one(self, table: str, **wanted: str) -> Json:
        found = [r for r in self.all(table) if all(r[n]["S"] == v for n, v in wanted.items())]
        assert len(found) == 1
        return found[0]


def number(row: Json, name: str) -> int:
    return int(row[name]["N"])


def ms_of(entry: Json) -> int:
    return int(entry["at_seq"]["S"][:13])


def no_entry(rows: Rows) -> None:
    rows.drop("entries", rows.entry("ada", 4))


def two_entries_of_one_number(rows: Rows) -> None:
    entry = rows.entry("alan", 1)
    rows.put("entries", entry, at_seq=f"{ms_of(entry) + 1:013d}{1:010d}")


def an_entry_too_many(rows: Rows) -> None:
    entry = rows.entry("alan", 1)
    rows.put("entries", entry, at_seq=f"{ms_of(entry):013d}{2:010d}")


def an_entry_of_another_time(rows: Rows) -> None:
    entry = rows.entry("ada", 2)
    rows.drop("entries", entry)
    rows.put("entries", entry, at_seq=f"{ms_of(entry) + 3000:013d}{2:010d}")


def another_balance_after(rows: Rows) -> None:
    entry = rows.entry("ada", 2)
    rows.put("entries", entry, balance_after=number(entry, "balance_after") + 1)


def another_note(rows: Rows) -> None:
    rows.put("entries", rows.entry("ada", 2), note="thanks a lot")


def another_hash(rows: Rows) -> None:
    rows.put("accounts", rows.account("ada"), entry_hash="0" * 64)


def another_time(rows: Rows) -> None:
    account = rows.account("ada")
    rows.put("accounts", account, entry_ms=number(account, "entry_ms") + 1)


def a_minor_unit_too_much(rows: Rows) -> None:
    account = rows.account("ada")
    rows.put("accounts", account, available=number(account, "available") + 1)


def held_without_a_hold(rows: Rows) -> None:
    account = rows.account("ada")
    balance = number(account, "available")
    rows.put("accounts", account, held=5, available=balance - 5)


def nine_holds(rows: Rows) -> None:
    account, hold = rows.account("grace"), rows.hold("h-2")
    available, held = number(account, "available"), number(account, "held")
    places = dict(account["open_holds"]["M"])
    for name in "abcdefg":
        places[name] = places["h-2"]
        rows.put("holds", hold, id=name)
    row = account | {"open_holds": {"M": places}}
    rows.put("accounts", row, available=available - 1400, held=held + 1400)


def below_zero(rows: Rows) -> None:
    account = rows.account("treasury")
    assert number(account, "available") < 0
    rows.wire.ask(
        "PutItem",
        {"TableName": "test-accounts", "Item": account | {"debit_allowed": {"BOOL": False}}},
    )


def other_digits(rows: Rows) -> None:
    rows.put("accounts", rows.account("ada"), digits=3)


def an_id_of_nobody(rows: Rows) -> None:
    account_id = rows.account("ada")["account_id"]["S"]
    rows.drop("account_ids", rows.one("account_ids", id=f"demo#{account_id}"))


def an_id_of_another(rows: Rows) -> None:
    account_id = rows.account("ada")["account_id"]["S"]
    rows.put("account_ids", rows.one("account_ids", id=f"demo#{account_id}"), user_pk="grace")


def another_id(rows: Rows) -> None:
    rows.put("accounts", rows.account("ada"), account_id="treasury")


def another_opening(rows: Rows) -> None:
    rows.put("accounts", rows.account("ada"), opening_balance=4999)


def no_opening(rows: Rows) -> None:
    rows.put("accounts", rows.account("ada"), opening_balance=0)


def no_hold(rows: Rows) -> None:
    rows.drop("holds", rows.hold("h-2"))


def a_voided_hold(rows: Rows) -> None:
    rows.put("holds", rows.hold("h-2"), state="voided")


def a_greater_hold(rows: Rows) -> None:
    rows.put("holds", rows.hold("h-2"), amount=201)


def a_longer_hold(rows: Rows) -> None:
    hold = rows.hold("h-2")
    rows.put("holds", hold, expires_ms=number(hold, "expires_ms") + 1)


def a_transfer_out_of_nothing(rows: Rows) -> None:
    rows.put("transfers", rows.transfer("t-0"), id="demo#t-9")


def a_transfer_between_houses(rows: Rows) -> None:
    rows.put(
        "transfers", rows.transfer("t-0"), id="demo#t-9", source="house:BANK", target="house:SALE"
    )


def an_entry_of_another_transfer(rows: Rows) -> None:
    rows.put("entries", rows.entry("alan", 1), transfer_id="a-1")


def another_amount(rows: Rows) -> None:
    rows.put("transfers", rows.transfer("t-0"), amount=3001)


def no_transfer(rows: Rows) -> None:
    rows.drop("transfers", rows.transfer("t-0"))


def a_reversal_of_nothing(rows: Rows) -> None:
    rows.drop("transfers", rows.transfer("t-1"))


def a_reversal_of_less(rows: Rows) -> None:
    rows.put("transfers", rows.transfer("t-1"), amount=499)


def a_reversal_of_an_order(rows: Rows) -> None:
    rows.put("transfers", rows.transfer("t-1"), kind="order")


def refunded_less(rows: Rows) -> None:
    rows.put("refunds", rows.refund("order:basket-1"), refunded=1499)


def nothing_refunded(rows: Rows) -> None:
    rows.drop("refunds", rows.refund("order:basket-1"))


def refunded_more_than_paid(rows: Rows) -> None:
    rows.put("refunds", rows.refund("order:basket-1"), refunded=4001)


def refunded_without_entries(rows: Rows) -> None:
    rows.put("refunds", rows.refund("order:basket-1"), sale="demo#order:basket-2")


def refunded_without_a_payment(rows: Rows) -> None:
    rows.put("refunds", rows.refund("order:basket-1"), sale="demo#order:basket-9")


def one_leg_of_more(rows: Rows) -> None:
    rows.put("entries", rows.entry("alan", 1), amount=3001)


def a_last_balance_of_more(rows: Rows) -> None:
    rows.put("entries", rows.entry("alan", 1), balance_after=3001)


def a_chunk_of_more(rows: Rows) -> None:
    rows.put("distributions", rows.part("spring", CHUNK), amount=201)


def a_chunk_credited_less(rows: Rows) -> None:
    rows.put("distributions", rows.part("spring", CHUNK), credited=199)


def a_chunk_of_others(rows: Rows) -> None:
    rows.put("distributions", rows.part("spring", CHUNK), list_hash="0" * 64)


def a_chunk_that_kept_some(rows: Rows) -> None:
    rows.put("distributions", rows.part("spring", CHUNK), escrow=1)


def no_list(rows: Rows) -> None:
    (found,) = [
        row
        for row in rows.all("distributions")
        if row["id"]["S"] == "demo#spring" and row["part"]["S"].startswith("list:")
    ]
    rows.drop("distributions", found)


def done_without_entries(rows: Rows) -> None:
    rows.put("distributions", rows.part("autumn", CHUNK), state="done", credited=100, escrow=0)


def a_row_credited_without_an_entry(rows: Rows) -> None:
    rows.drop("entries", rows.row_of("credit:spring:2"))


def a_row_not_taken_back(rows: Rows) -> None:
    rows.drop("entries", rows.row_of("undo:summer:2"))


def a_row_with_another_note(rows: Rows) -> None:
    rows.put("entries", rows.row_of("credit:spring:2"), note="Summer")


def a_row_of_another_escrow(rows: Rows) -> None:
    rows.put("entries", rows.row_of("credit:spring:2"), counterparty="escrow:summer")


def a_row_of_another_customer(rows: Rows) -> None:
    first, second = rows.row_of("credit:spring:2"), rows.row_of("credit:spring:3")
    rows.put("entries", first, transfer_id="credit:spring:3")
    rows.put("entries", second, transfer_id="credit:spring:2")


def waiting_though_credited(rows: Rows) -> None:
    chunk = rows.part("spring", CHUNK)
    rows.put("distributions", chunk, state="waiting", credited=0, escrow=200)


def a_job_that_kept_some(rows: Rows) -> None:
    rows.put("distributions", rows.part("spring", "job"), escrow=1)


def a_running_job_of_less(rows: Rows) -> None:
    rows.put("distributions", rows.part("autumn", CHUNK), escrow=99)


def no_distribution(rows: Rows) -> None:
    rows.drop("distributions", rows.part("spring", "job"))


CHUNK = "chunk:00001"

Plant = Callable[[Rows], None]


def another_basket(rows: Rows) -> None:
    contents = rows.one("order_contents", reference="basket-1")
    rows.put("order_contents", contents, content='{"basket":{"basketitem_set":[{"pk":1}]}}')


def contents_of_no_order(rows: Rows) -> None:
    contents = rows.one("order_contents", reference="basket-1")
    rows.put("order_contents", contents, reference="basket-9")


def contents_of_another_user(rows: Rows) -> None:
    contents = rows.one("order_contents", reference="basket-1")
    rows.put("order_contents", contents, user="demo#grace")


PLANTED: list[tuple[FaultKind, Plant, str]] = [
    (FaultKind.CONTENTS_DIFFER, another_basket, "order basket-1"),
    (FaultKind.CONTENTS_DIFFER, contents_of_no_order, "order basket-9"),
    (FaultKind.CONTENTS_DIFFER, contents_of_another_user, "order basket-1"),
    (FaultKind.ENTRY_MISSING, no_entry, "(ada, TRY)"),
    (FaultKind.ENTRY_REPEATED, two_entries_of_one_number, "(alan, TRY)"),
    (FaultKind.ENTRY_BEYOND, an_entry_too_many, "(alan, TRY)"),
    (FaultKind.ENTRY_OUT_OF_TIME, an_entry_of_another_time, "(ada, TRY)"),
    (FaultKind.ENTRY_BALANCE, another_balance_after, "(ada, TRY)"),
    (FaultKind.ENTRY_HASH, another_note, "(ada, TRY)"),
    (FaultKind.LAST_HASH, another_hash, "(ada, TRY)"),
    (FaultKind.LAST_TIME, another_time, "(ada, TRY)"),
    (FaultKind.BALANCE, a_minor_unit_too_much, "(ada, TRY)"),
    (FaultKind.HELD, held_without_a_hold, "(ada, TRY)"),
    (FaultKind.TOO_MANY_HOLDS, nine_holds, "(grace, TRY)"),
    (FaultKind.OVERDRAWN, below_zero, "account treasury"),
    (FaultKind.DIGITS, other_digits, "(ada, TRY)"),
    (FaultKind.ACCOUNT_ID, an_id_of_nobody, "(ada, TRY)"),
    (FaultKind.ACCOUNT_ID, an_id_of_another, "(ada, TRY)"),
    (FaultKind.ACCOUNT_ID, another_id, "(ada, TRY)"),
    (FaultKind.OPENING, another_opening, "(ada, TRY)"),
    (FaultKind.OPENING, no_opening, "(ada, TRY)"),
    (FaultKind.HOLD_MISSING, no_hold, "hold h-2"),
    (FaultKind.HOLD_DIFFERS, a_voided_hold, "hold h-2"),
    (FaultKind.HOLD_DIFFERS, a_greater_hold, "hold h-2"),
    (FaultKind.HOLD_DIFFERS, a_longer_hold, "hold h-2"),
    (FaultKind.LEG_MISSING, no_entry, "transfer refund:order:basket-1:r-1"),
    (FaultKind.LEG_MISSING, a_transfer_out_of_nothing, "transfer t-9"),
    (FaultKind.LEG_MISSING, a_transfer_between_houses, "transfer t-9"),
    (FaultKind.LEG_MISSING, an_entry_of_another_transfer, "transfer t-0"),
    (FaultKind.LEG_EXTRA, an_entry_of_another_transfer, "transfer a-1"),
    (FaultKind.LEG_DIFFERS, another_amount, "transfer t-0"),
    (FaultKind.LEG_DIFFERS, another_note, "transfer t-1"),
    (FaultKind.TRANSFER_MISSING, no_transfer, "transfer t-0"),
    (FaultKind.REVERSAL, a_reversal_of_nothing, "transfer reversal:t-1"),
    (FaultKind.REVERSAL, a_reversal_of_less, "transfer reversal:t-1"),
    (FaultKind.REVERSAL, a_reversal_of_an_order, "transfer reversal:t-1"),
    (FaultKind.REFUNDED_DIFFERS, refunded_less, "payment order:basket-1"),
    (FaultKind.REFUNDED_DIFFERS, nothing_refunded, "payment order:basket-1"),
    (FaultKind.REFUND_EXCEEDS, refunded_more_than_paid, "payment order:basket-1"),
    (FaultKind.REFUND_WITHOUT_ENTRIES, refunded_without_entries, "payment order:basket-2"),
    (FaultKind.REFUND_WITHOUT_PAYMENT, refunded_without_a_payment, "payment order:basket-9"),
    (FaultKind.CHUNK_DIFFERS, a_chunk_of_more, "chunk 1 of distribution spring"),
    (FaultKind.CHUNK_DIFFERS, a_chunk_credited_less, "chunk 1 of distribution spring"),
    (FaultKind.CHUNK_DIFFERS, a_chunk_of_others, "chunk 1 of distribution spring"),
    (FaultKind.CHUNK_DIFFERS, a_chunk_that_kept_some, "chunk 1 of distribution spring"),
    (FaultKind.CHUNK_DIFFERS, no_list, "distribution spring"),
    (FaultKind.CREDIT_MISSING, done_without_entries, "line 2 of distribution autumn"),
    (FaultKind.CREDIT_MISSING, a_row_credited_without_an_entry, "line 2 of distribution spring"),
    (FaultKind.CREDIT_MISSING, a_row_not_taken_back, "line 2 of distribution summer"),
    (FaultKind.CREDIT_DIFFERS, a_row_with_another_note, "line 2 of distribution spring"),
    (FaultKind.CREDIT_DIFFERS, a_row_of_another_escrow, "line 2 of distribution spring"),
    (FaultKind.CREDIT_DIFFERS, a_row_of_another_customer, "line 3 of distribution spring"),
    (FaultKind.CREDIT_EXTRA, waiting_though_credited, "line 2 of distribution spring"),
    (FaultKind.ESCROW_DIFFERS, a_job_that_kept_some, "distribution spring"),
    (FaultKind.ESCROW_DIFFERS, a_running_job_of_less, "distribution autumn"),
    (FaultKind.ESCROW_DIFFERS, a_row_of_another_escrow, "distribution summer"),
    (FaultKind.TRANSFER_MISSING, no_distribution, "transfer credit:spring:2"),
    (FaultKind.BETWEEN_ACCOUNTS, one_leg_of_more, "currency TRY"),
    (FaultKind.CONSERVATION, a_last_balance_of_more, "currency TRY"),
]
