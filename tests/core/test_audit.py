"""The rules of the audit by themselves: what they say of entries, transfers and currencies."""

from dataclasses import replace

import pytest

from chalicelib.core import audit as rules
from chalicelib.core.accounts import (
    FIRST_HASH,
    Account,
    AccountKey,
    Entry,
    OpenHold,
    Opening,
    append_entry,
    entry_hash,
)
from chalicelib.core.audit import Fault, FaultKind, Flows, OwnedEntry
from chalicelib.core.audit_account import Chain, Standing, check_hold, check_row
from chalicelib.core.transfers import (
    Movement,
    Transfer,
    Wanted,
    adjust,
    decide,
    open_with_credit,
    refund,
    reverse,
)

NOW_MS = 1_772_366_400_000
KEY = AccountKey("demo", "ada", "TRY")


def opened(user: str = "ada", balance: int = 0, currency: str = "TRY") -> Account:
    return Account(
        key=AccountKey("demo", user, currency),
        account_id=user,
        available=0,
        held=0,
        seq=0,
        entry_ms=NOW_MS,
        entry_hash=FIRST_HASH,
        debit_allowed=False,
        opening=Opening(balance, "key"),
        created_ms=NOW_MS,
        by="staff:test",
    )


def after(account: Account, entry: Entry) -> Account:
    return replace(
        account,
        available=account.available + entry.amount,
        seq=entry.seq,
        entry_ms=entry.at_ms,
        entry_hash=entry.hash,
    )


def history(*amounts: int) -> tuple[Account, list[Entry]]:
    """Return an account after entries of these amounts, each a second after the one before."""
    account, entries = opened(), []
    for i, amount in enumerate(amounts):
        entry = append_entry(
            account,
            amount=amount,
            at_ms=NOW_MS + 1000 * i,
            kind="adjust",
            counterparty="house:BANK",
            transfer_id=f"a-{i}",
        )
        account = after(account, entry)
        entries.append(entry)
    return account, entries


def standing(account: Account) -> Standing:
    digits = 0 if account.key.currency == "JPY" else 2
    return Standing(account, digits, account.account_id, account.key)


def follow(account: Account, entries: list[Entry], seq_now: int | None = None) -> list[Fault]:
    chain = Chain(standing(account), NOW_MS * 2)
    for entry in entries:
        chain.add(entry)
    return chain.end(account.seq if seq_now is None else seq_now)


def kinds(faults: list[Fault]) -> list[FaultKind]:
    return [fault.kind for fault in faults]


# --- accounts -----------------------------------------------------------------------------------


def test_an_account_without_entries_is_right() -> None:
    assert follow(opened(), []) == []


def test_an_account_is_right_after_its_entries() -> None:
    assert follow(*history(500, -100, 7)) == []


def test_one_missing_entry_is_one_gap_and_a_wrong_sum() -> None:
    """What follows from the gap is not said again for each entry behind it."""
    account, entries = history(1, 2, 3, 4, 5)
    faults = follow(account, [entries[0], entries[3], entries[4]])
    assert kinds(faults) == [FaultKind.ENTRY_MISSING, FaultKind.BALANCE]
    assert faults[0].detail == "Of 5 entries, entries 2 to 3 are missing."


def test_the_last_entry_may_be_the_missing_one() -> None:
    account, entries = history(1, 2)
    faults = follow(account, entries[:1])
    assert kinds(faults) == [FaultKind.ENTRY_MISSING, FaultKind.BALANCE]
    assert faults[0].detail == "Of 2 entries, entry 2 is missing."


@pytest.mark.parametrize("place", [1, 2, 3])
def test_an_entry_that_comes_late_is_not_missing(place: int) -> None:
    account, entries = history(1, 2, 3, 4, 5)
    moved = entries.pop(place)
    faults = follow(account, [*entries, moved])
    assert FaultKind.ENTRY_OUT_OF_TIME in kinds(faults)
    assert FaultKind.ENTRY_MISSING not in kinds(faults)
    assert f"Entry {place + 1} bears" in faults[0].detail


def test_entries_beyond_the_row_are_no_fault_once_the_row_counts_them() -> None:
    account, entries = history(1, 2)
    later, more = history(1, 2, 3)
    assert follow(account, more, seq_now=later.seq) == []
    assert kinds(follow(account, more)) == [FaultKind.ENTRY_BEYOND]
    assert len(entries) == 2


def test_a_row_says_by_itself_what_is_wrong_with_it() -> None:
    hold = OpenHold("h", 5, None)
    holds = tuple(replace(hold, id=f"h-{i}") for i in range(9))
    wrong = replace(opened(), available=-45, held=44, open_holds=holds)
    found = check_row(Standing(wrong, 3, "other", AccountKey("demo", "grace", "TRY")))
    assert kinds(found) == [
        FaultKind.ACCOUNT_ID,
        FaultKind.DIGITS,
        FaultKind.HELD,
        FaultKind.TOO_MANY_HOLDS,
        FaultKind.OVERDRAWN,
    ]


def test_a_currency_that_is_not_active_is_said_and_stops_nothing() -> None:
    (fault,) = check_row(
        Standing(opened(currency="TRL"), 2, "ada", AccountKey("demo", "ada", "TRL"))
    )
    assert fault.detail == (
        "The account counts TRL with 2 decimal digits; "
        "ISO 4217 says that there is no such currency."
    )
    assert rules.money(5, "TRL") == "5 TRL"


def test_an_opening_without_its_entry_is_said() -> None:
    assert FaultKind.OPENING in kinds(follow(opened(balance=50), []))


def test_an_opening_that_is_not_the_first_entry_is_said() -> None:
    account, entries = history(1)
    entry = append_entry(
        account,
        amount=5,
        at_ms=NOW_MS,
        kind="opening",
        counterparty="house:BANK",
        transfer_id="open:ada",
    )
    assert FaultKind.OPENING in kinds(follow(after(account, entry), [*entries, entry]))


def test_a_hold_is_compared_in_amount_limit_and_state() -> None:
    account, hold = opened(), OpenHold("h", 5, NOW_MS)
    assert check_hold(account, hold, hold, "open") == []
    assert kinds(check_hold(account, hold, None, "absent")) == [FaultKind.HOLD_MISSING]
    for stored, state in (
        (hold, "captured"),
        (replace(hold, amount=6), "open"),
        (replace(hold, expires_ms=None), "open"),
    ):
        assert kinds(check_hold(account, hold, stored, state)) == [FaultKind.HOLD_DIFFERS]


def test_flows_end_at_their_time() -> None:
    account, entries = history(500, 100)
    chain = Chain(standing(account), entries[0].at_ms)
    for entry in entries:
        chain.add(entry)
    assert chain.flows == Flows(issued=500, outstanding=500)
    assert chain.count == 2


# --- transfers ----------------------------------------------------------------------------------


def moved() -> Movement:
    source = after(opened(), open_with_credit(opened(balance=500), 500).legs[0].entry)
    return decide(Wanted("demo", "t-1", 100, "note", "staff:test"), source, opened("grace"), NOW_MS)


def owned(movement: Movement) -> list[OwnedEntry]:
    return [OwnedEntry(leg.before.account_id, leg.entry) for leg in movement.legs]


def test_a_transfer_fits_its_entries_in_any_order() -> None:
    movement = moved()
    assert rules.check_transfer(movement.transfer, owned(movement)) == []
    assert rules.check_transfer(movement.transfer, owned(movement)[::-1]) == []


def test_a_second_entry_for_one_side_is_too_many() -> None:
    movement = moved()
    entries = owned(movement)
    faults = rules.check_transfer(movement.transfer, [*entries, entries[0]])
    assert kinds(faults) == [FaultKind.LEG_EXTRA]
    assert faults[0].detail == "Entry 2 of account ada names this transfer, which has no such side."


def test_a_difference_is_said_with_both_values() -> None:
    movement = moved()
    (fault,) = rules.check_transfer(
        replace(movement.transfer, note=None), owned(movement)[1:] + owned(movement)[:1]
    )[:1]
    assert fault.where == "transfer t-1"
    assert (
        fault.detail
        == "Entry 2 of account ada differs: its note is note, and by the transfer none."
    )


@pytest.mark.parametrize(("at_ms", "settled"), [(NOW_MS, True), (NOW_MS + 1, False)])
def test_a_transfer_settles_with_its_oldest_side(at_ms: int, settled: bool) -> None:
    transfer = replace(moved().transfer, at_ms=at_ms)
    assert rules.is_settled(transfer, [], NOW_MS) is settled
    assert rules.is_settled(transfer, owned(moved()), NOW_MS)


def reversal() -> tuple[Transfer, Transfer]:
    bank = Wanted("demo", "a-1", 100, None, "staff:test")
    original = adjust(opened(), bank, takes=False, now_ms=NOW_MS)
    ada = after(opened(), original.legs[0].entry)
    undone = reverse(original.transfer, None, ada, now_ms=NOW_MS, by="staff:test")
    return original.transfer, undone.transfer


def test_a_reversal_undoes_what_it_names() -> None:
    original, undone = reversal()
    assert rules.undone_by(undone) == "a-1"
    assert rules.undone_by(original) is None
    assert rules.check_reversal(undone, original) == []


def test_a_reversal_undoes_exactly_that() -> None:
    original, undone = reversal()
    for wrong in (
        replace(original, amount=99),
        replace(original, currency="USD"),
        replace(original, kind="refund"),
        replace(original, source=original.target, target=original.source),
        replace(original, id="a-2"),
        None,
    ):
        assert kinds(rules.check_reversal(undone, wrong)) == [FaultKind.REVERSAL]
    assert kinds(rules.check_reversal(replace(undone, kind="adjust"), original))
    assert kinds(rules.check_reversal(replace(undone, id="a-9"), original))


# --- refunds and currencies -----------------------------------------------------------------------


def test_an_entry_of_a_refund_names_its_payment() -> None:
    wanted = Wanted("demo", "refund:capture:ada:h-1:r-1", 5, None, "staff:test")
    entry = refund(opened(), wanted, NOW_MS).legs[0].entry
    assert rules.sale_of(entry) == "capture:ada:h-1"
    assert rules.sale_of(history(1)[1][0]) is None


def test_credit_must_come_from_somewhere() -> None:
    right = Flows(issued=70, refunded=30, outstanding=50, escrow=10, spent=39, expired=1)
    assert rules.check_currency("TRY", right) == []
    assert right + Flows() == right
    (fault,) = rules.check_currency("TRY", replace(right, outstanding=51))
    assert fault.kind is FaultKind.CONSERVATION
    assert fault.detail == (
        "1.00 TRY was issued and refunded; outstanding, escrow, spent and expired together are "
        "1.01 TRY."
    )
    (fault,) = rules.check_currency("TRY", replace(right, between=-1))
    assert fault.kind is FaultKind.BETWEEN_ACCOUNTS
    assert "-0.01 TRY" in fault.detail


def test_what_expires_has_a_column_of_its_own() -> None:
    account, entries = history(10)
    lapsed = replace(entries[0], amount=-4, balance_after=6, counterparty="house:EXPIRED")
    assert Flows().with_entry(lapsed) == Flows(outstanding=6, expired=4)
    assert account.seq == 1


def test_totals_are_decimal_strings_by_currency() -> None:
    totals = rules.totals_of({"TRY": Flows(issued=150), "JPY": Flows(issued=15)})
    assert [(each.currency, each.issued, each.escrow) for each in totals] == [
        ("JPY", "15", "0"),
        ("TRY", "1.50", "0.00"),
    ]


def test_an_entry_that_was_rehashed_alone_breaks_its_successor() -> None:
    """Whoever changes an entry must change all that follow, up to the account's row."""
    account, entries = history(1, 2, 3)
    forged = replace(entries[1], note="forged", hash="")
    entries[1] = replace(forged, hash=entry_hash(forged, entries[0].hash))
    faults = follow(account, entries)
    assert kinds(faults) == [FaultKind.ENTRY_HASH]
    assert faults[0].detail.startswith("The hash of entry 3 must be ")
