from collections.abc import Callable

import pytest

from chalicelib import ledger, registry
from chalicelib.core.accounts import AccountKey, entry_hash
from chalicelib.core.errors import (
    AccountExists,
    AtTooRecent,
    CurrencyMismatch,
    InsufficientCredit,
    InvalidAmount,
    SameAccount,
    SourceWithoutEntries,
    UnknownAccount,
    UnknownChannel,
    UnknownCurrency,
    UnknownTransfer,
    UnknownUser,
)
from chalicelib.core.money import MAX_MINOR, format_amount
from chalicelib.core.names import to_ms
from chalicelib.ledger import ByUsers, Filters, NewAccount, OwnedAccount
from chalicelib.store.accounts import put_account
from chalicelib.store.requests import transact_write
from tests.core.made import new_account
from tests.store.wire import Json, Wire
from tests.verbs import shop

T0 = to_ms(shop.NOW)


@pytest.fixture
def bank(wire: Wire) -> Wire:
    """Open a shop where ada has 50.00 and grace nothing, and alan no account."""
    shop.open_shop()
    shop.register("ada", "grace", "alan")
    shop.open_account("ada", "50.00", account_id="ada-try")
    shop.open_account("grace", "0", account_id="grace-try")
    return wire


# --- opening an account -----------------------------------------------------------------------


def test_opening_credit_is_booked_as_a_transfer_from_the_bank(bank: Wire) -> None:
    (entry,) = shop.entries_of("ada")
    assert (entry.kind, entry.amount, entry.balance_after) == ("opening", 5000, 5000)
    assert (entry.counterparty, entry.transfer_id) == ("house:BANK", "open:ada-try")
    stored = ledger.read_transfer(shop.call(), shop.CHANNEL, "open:ada-try")
    assert (stored.amount, stored.target.account_id) == (5000, "ada-try")


def test_an_account_without_opening_credit_has_no_entries(bank: Wire) -> None:
    assert shop.entries_of("grace") == []
    assert shop.balance_of("grace") == 0


def test_an_account_without_an_id_gets_one_of_its_own(bank: Wire) -> None:
    ids = {
        shop.open_account("alan", "0", currency).answer.account.account_id
        for currency in ("TRY", "USD", "EUR")
    }
    assert len(ids) == 3
    assert shop.account_of("alan", "USD").account_id in ids


@pytest.mark.parametrize("address", ["alan@example.com", "ALAN@Example.COM"])
def test_the_user_may_be_named_by_the_complete_address_in_any_case(
    bank: Wire, address: str
) -> None:
    wanted = NewAccount(None, address, "TRY", "1.00", False, None, None)
    opened = ledger.open_account(shop.call(), shop.CHANNEL, wanted).answer
    assert (opened.account.key.user_pk, opened.user_email) == ("alan", "alan@example.com")


@pytest.mark.parametrize(
    "address", ["alan", "alan@example", "lan@example.com", "alan@example.com ", "@example.com", ""]
)
def test_a_part_of_an_address_names_nobody(bank: Wire, address: str) -> None:
    wanted = NewAccount(None, address, "TRY", "1.00", False, None, None)
    with pytest.raises(UnknownUser):
        ledger.open_account(shop.call(), shop.CHANNEL, wanted)


def test_one_user_has_one_account_in_a_currency_and_several_currencies(bank: Wire) -> None:
    shop.open_account("ada", "7.00", "USD")
    with pytest.raises(AccountExists):
        shop.open_account("ada", "7.00", "USD")
    with pytest.raises(AccountExists):
        shop.open_account("ada", "0", account_id="another")
    assert (shop.balance_of("ada"), shop.balance_of("ada", "USD")) == (5000, 700)


def test_an_account_needs_a_registered_user_and_a_channel(bank: Wire) -> None:
    before = bank.everything()
    with pytest.raises(UnknownUser):
        shop.open_account("nobody", "1.00")
    with pytest.raises(UnknownChannel):
        shop.open_account("ada", "1.00", channel="none")
    assert bank.everything() == before


@pytest.mark.parametrize("balance", ["-1", "1.001", "x", "", "1e2", "NaN", "9" * 20])
def test_a_wrong_opening_balance_opens_nothing(bank: Wire, balance: str) -> None:
    before = bank.everything()
    with pytest.raises(InvalidAmount):
        shop.open_account("alan", balance)
    assert bank.everything() == before


@pytest.mark.parametrize("currency", ["try", "XXX", "", "TRL"])
def test_an_unknown_currency_opens_nothing(bank: Wire, currency: str) -> None:
    with pytest.raises(UnknownCurrency):
        shop.open_account("alan", "1", currency)


def test_who_opened_and_who_sent_is_stored(bank: Wire) -> None:
    assert shop.account_of("ada").by == "staff:test"
    parties = ByUsers("ada", "grace", "TRY")
    by = shop.call(by="staff:other")
    sent = ledger.transfer(by, shop.CHANNEL, "t-1", parties, amount="1.00", note=None)
    assert sent.answer.by == "staff:other"


# --- transfers --------------------------------------------------------------------------------


def test_a_transfer_shows_on_both_accounts(bank: Wire) -> None:
    settled = shop.send("t-1", "ada", "grace", "12.34", note="für Grace", after_s=5)
    assert settled.written is True
    assert settled.answer == ledger.read_transfer(shop.call(), shop.CHANNEL, "t-1")
    sent, received = shop.entries_of("ada")[-1], shop.entries_of("grace")[-1]
    assert (sent.amount, sent.balance_after, sent.counterparty) == (-1234, 3766, "grace-try")
    assert (received.amount, received.balance_after, received.counterparty) == (
        1234,
        1234,
        "ada-try",
    )
    assert {sent.note, received.note} == {"für Grace"}
    assert {sent.at_ms, received.at_ms, settled.answer.at_ms} == {T0 + 5000}
    assert (shop.balance_of("ada"), shop.balance_of("grace")) == (3766, 1234)


def test_every_balance_is_explained_by_a_chain_of_entries(bank: Wire) -> None:
    for number, (source, target) in enumerate([("ada", "grace"), ("grace", "ada")] * 2):
        shop.send(f"t-{number}", source, target, "1.00")
    for user_pk in ("ada", "grace"):
        account, entries = shop.account_of(user_pk), shop.entries_of(user_pk)
        assert [entry.seq for entry in entries] == list(range(1, account.seq + 1))
        previous, balance = "", 0
        for entry in entries:
            balance += entry.amount
            assert entry.balance_after == balance
            assert entry.hash == entry_hash(entry, previous)
            previous = entry.hash
        assert (account.balance, account.entry_hash) == (balance, previous)
        assert account.entry_ms == entries[-1].at_ms


@pytest.mark.parametrize("debit", [True, False])
def test_an_account_that_never_had_an_entry_cannot_send(bank: Wire, debit: bool) -> None:
    shop.open_account("alan", "0", debit=debit)
    with pytest.raises(SourceWithoutEntries):
        shop.send("t-1", "alan", "ada", "1.00")
    shop.send("t-2", "ada", "alan", "1.00")
    assert shop.send("t-1", "alan", "ada", "1.00").written is True


def test_a_source_that_was_emptied_may_send_below_zero_with_debit_allowed(bank: Wire) -> None:
    shop.open_account("alan", "1.00", debit=True)
    shop.send("t-1", "alan", "ada", "1.00")
    shop.send("t-2", "alan", "ada", "5.00")
    assert shop.balance_of("alan") == -500


@pytest.mark.parametrize("amount", ["50.01", "100", "9999999999999.99"])
def test_more_than_is_available_is_refused_without_debit(bank: Wire, amount: str) -> None:
    before = bank.everything()
    with pytest.raises(InsufficientCredit):
        shop.send("t-1", "ada", "grace", amount)
    assert bank.everything() == before


def test_all_that_is_available_may_be_sent(bank: Wire) -> None:
    shop.send("t-1", "ada", "grace", "50.00")
    assert (shop.balance_of("ada"), shop.balance_of("grace")) == (0, 5000)


@pytest.mark.parametrize("amount", ["0", "0.00", "-1", "1.001", "1e1", "", "nan", "\uff11", "1,0"])
def test_a_wrong_amount_moves_nothing(bank: Wire, amount: str) -> None:
    before = bank.everything()
    with pytest.raises(InvalidAmount):
        shop.send("t-1", "ada", "grace", amount)
    with pytest.raises(InvalidAmount):
        shop.send_by_ids("t-1", "ada-try", "grace-try", amount)
    assert bank.everything() == before


def test_an_account_is_no_target_of_itself(bank: Wire) -> None:
    with pytest.raises(SameAccount):
        shop.send("t-1", "ada", "ada")
    with pytest.raises(SameAccount):
        shop.send_by_ids("t-1", "ada-try", "ada-try")


def test_accounts_of_other_currencies_are_refused(bank: Wire) -> None:
    shop.open_account("grace", "0", "USD", account_id="grace-usd")
    before = bank.everything()
    with pytest.raises(CurrencyMismatch):
        shop.send_by_ids("t-1", "ada-try", "grace-usd")
    with pytest.raises(CurrencyMismatch):
        shop.send_by_ids("t-1", "ada-try", "grace-try", currency="USD")
    with pytest.raises(CurrencyMismatch):
        shop.send_by_ids("t-1", "ada-try", "grace-usd", currency="USD")
    with pytest.raises(UnknownAccount):
        shop.send("t-1", "ada", "grace", currency="USD")
    assert bank.everything() == before


def test_another_channels_accounts_are_unknown_here(bank: Wire) -> None:
    shop.open_shop("other")
    shop.register("eve", "ada", channel="other")
    shop.open_account("eve", "9.00", account_id="eve-try", channel="other")
    across: list[Callable[[], object]] = [
        lambda: shop.send_by_ids("t-1", "ada-try", "eve-try"),
        lambda: shop.send_by_ids("t-1", "eve-try", "ada-try"),
        lambda: shop.send("t-1", "ada", "eve"),
        lambda: shop.send("t-1", "ada", "eve", channel="other"),
    ]
    for refused in across:
        with pytest.raises(UnknownAccount):
            refused()
    assert shop.balance_of("ada") == 5000


def test_what_is_not_there_is_named_as_such(bank: Wire) -> None:
    with pytest.raises(UnknownChannel):
        shop.send("t-1", "ada", "grace", channel="none")
    with pytest.raises(UnknownAccount, match="'alan'"):
        shop.send("t-1", "ada", "alan")
    with pytest.raises(UnknownAccount, match="'nobody'"):
        shop.send_by_ids("t-1", "nobody", "ada-try")
    with pytest.raises(UnknownAccount, match="'nobody'"):
        shop.send_by_ids("t-1", "ada-try", "nobody")
    with pytest.raises(UnknownCurrency):
        shop.send("t-1", "ada", "grace", currency="XXX")
    with pytest.raises(UnknownTransfer):
        ledger.read_transfer(shop.call(), shop.CHANNEL, "t-1")
    with pytest.raises(UnknownChannel):
        ledger.read_transfer(shop.call(), "none", "t-1")


def test_a_clock_that_runs_behind_never_puts_an_entry_before_another(bank: Wire) -> None:
    shop.send("t-1", "ada", "grace", "1.00", after_s=10)
    late = shop.send("t-2", "grace", "ada", "1.00", after_s=-60)
    assert late.answer.at_ms == T0 + 10_000
    assert [entry.at_ms for entry in shop.entries_of("ada")] == [T0, T0 + 10_000, T0 + 10_000]


def test_a_clock_that_runs_behind_never_puts_an_entry_before_the_accounts_opening(
    bank: Wire,
) -> None:
    """Else a balance as of that time would be of an account that did not exist."""
    shop.open_account("alan", "0", after_s=100)
    first = shop.send("t-1", "ada", "alan", "1.00", after_s=50)
    assert first.answer.at_ms == T0 + 100_000


@pytest.mark.parametrize(
    ("currency", "opening", "amount", "left", "minor"),
    [
        ("JPY", "5000", "1", "4999", 1),
        ("TRY", "50.00", "0.01", "49.99", 1),
        ("KWD", "50.000", "0.001", "49.999", 1),
        ("CLF", "50.0000", "0.0001", "49.9999", 1),
        ("JPY", "999999999999999", "999999999999999", "0", MAX_MINOR),
        ("KWD", "999999999999.999", "999999999999.999", "0.000", MAX_MINOR),
    ],
)
def test_amounts_have_the_digits_of_their_currency(
    wire: Wire, currency: str, opening: str, amount: str, left: str, minor: int
) -> None:
    shop.open_shop()
    shop.register("ada", "grace")
    shop.open_account("ada", opening, currency)
    shop.open_account("grace", "0", currency)
    sent = shop.send("t-1", "ada", "grace", amount, currency)
    assert sent.answer.amount == minor
    assert format_amount(shop.balance_of("ada", currency), currency) == left
    assert shop.balance_of("grace", currency) == minor
    with pytest.raises(InvalidAmount):
        shop.send("t-2", "grace", "ada", "0.00001", currency)


def test_balances_beyond_the_largest_amount_stay_exact(wire: Wire) -> None:
    shop.open_shop()
    shop.register("ada", "grace")
    largest = format_amount(MAX_MINOR, "TRY")
    shop.open_account("ada", largest, debit=True)
    shop.open_account("grace", largest, debit=True)
    for number in range(3):
        shop.send(f"t-{number}", "ada", "grace", largest)
    assert shop.balance_of("ada") == -2 * MAX_MINOR
    assert shop.balance_of("grace") == 4 * MAX_MINOR


# --- balances as of a time --------------------------------------------------------------------


def at(user_pk: str, at_ms: int, now_s: float = 3600) -> int:
    return ledger.read_account_at(shop.call(now_s), shop.key_of(user_pk), at_ms).balance


def test_a_past_balance_includes_its_millisecond(bank: Wire) -> None:
    shop.send("t-1", "ada", "grace", "10.00", after_s=10)
    shop.send("t-2", "ada", "grace", "5.00", after_s=10)
    shop.send("t-3", "grace", "ada", "1.00", after_s=20)
    moments = [T0, T0 + 9_999, T0 + 10_000, T0 + 19_999, T0 + 20_000, T0 + 60_000]
    assert [at("ada", moment) for moment in moments] == [5000, 5000, 3500, 3500, 3600, 3600]
    assert [at("grace", moment) for moment in moments] == [0, 0, 1500, 1500, 1400, 1400]


def test_a_past_balance_ignores_what_happened_since(bank: Wire) -> None:
    before = at("ada", T0 + 5_000)
    shop.send("t-1", "ada", "grace", "10.00", after_s=10)
    assert at("ada", T0 + 5_000) == before == 5000


def test_before_its_opening_an_account_is_unknown(bank: Wire) -> None:
    assert at("ada", T0) == 5000
    assert at("grace", T0) == 0
    for user_pk in ("ada", "grace"):
        with pytest.raises(UnknownAccount):
            at(user_pk, T0 - 1)
    with pytest.raises(UnknownAccount):
        at("alan", T0)


@pytest.mark.parametrize("now_s", [0, 120])
def test_a_balance_is_final_a_minute_later_and_not_before(bank: Wire, now_s: int) -> None:
    """Nothing that is sent now can still be written with a time of a minute ago."""
    now = T0 + now_s * 1000
    for recent in (now - 59_999, now, now + 1, 10**15):
        with pytest.raises(AtTooRecent):
            at("ada", recent, now_s)
    if now_s:
        assert at("ada", now - 60_000, now_s) == 5000


# --- lists ------------------------------------------------------------------------------------


@pytest.fixture
def many(bank: Wire) -> Wire:
    """Give ada accounts in three currencies, and alan one."""
    shop.open_account("ada", "1", "USD", account_id="ada-usd")
    shop.open_account("ada", "1", "EUR", account_id="ada-eur")
    shop.open_account("alan", "1", "TRY", account_id="alan-try")
    return bank


def ids(owned: list[OwnedAccount]) -> list[str]:
    return [one.account.account_id for one in owned]


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        (Filters(), ["ada-eur", "ada-try", "alan-try", "grace-try", "ada-usd"]),
        (Filters(currency="TRY"), ["ada-try", "alan-try", "grace-try"]),
        (Filters(currency="KWD"), []),
        (Filters(user_pk="ada"), ["ada-eur", "ada-try", "ada-usd"]),
        (Filters(user_pk="ada", currency="USD"), ["ada-usd"]),
        (Filters(user_pk="nobody"), []),
        (Filters(user_email="ADA@example.com"), ["ada-eur", "ada-try", "ada-usd"]),
        (Filters(user_email="ada@example.com", currency="EUR"), ["ada-eur"]),
        (Filters(user_email="ada"), []),
        (Filters(user_email="ada@example.com", user_pk="alan"), []),
        (Filters(user_email="ada@example.com", user_pk="ada", currency="TRY"), ["ada-try"]),
        (Filters(account_id="ada-usd"), ["ada-usd"]),
        (Filters(account_id="ada"), []),
        (Filters(account_id="ada-usd", currency="TRY"), []),
        (Filters(account_id="ada-usd", user_pk="alan"), []),
        (Filters(account_id="ada-usd", user_pk="ada", currency="USD"), ["ada-usd"]),
        (Filters(account_id="ada-usd", user_email="alan@example.com"), []),
        (Filters(account_id="ada-usd", user_email="ada@example.com"), ["ada-usd"]),
        (Filters(user_email=""), []),
        (Filters(user_pk=""), []),
        (Filters(account_id=""), []),
    ],
)
def test_a_list_of_accounts_holds_those_that_pass_every_filter(
    many: Wire, filters: Filters, found: list[str]
) -> None:
    listed, last = ledger.list_accounts(shop.call(), shop.CHANNEL, filters, limit=50, start=None)
    assert ids(listed) == found
    assert last is None


def test_a_list_shows_balances_as_they_stand_and_present_addresses(many: Wire) -> None:
    shop.send("t-1", "ada", "alan", "4.00")
    listed, _ = ledger.list_accounts(
        shop.call(), shop.CHANNEL, Filters(currency="TRY"), limit=50, start=None
    )
    assert {(one.account.key.user_pk, one.account.balance, one.user_email) for one in listed} == {
        ("ada", 4600, "ada@example.com"),
        ("alan", 500, "alan@example.com"),
        ("grace", 0, "grace@example.com"),
    }


@pytest.mark.parametrize("limit", [1, 2, 3])
@pytest.mark.parametrize("filters", [Filters(), Filters(currency="TRY")])
def test_pages_of_accounts_hold_each_once(many: Wire, filters: Filters, limit: int) -> None:
    found: list[str] = []
    start: Json | None = None
    for _ in range(10):
        listed, start = ledger.list_accounts(
            shop.call(), shop.CHANNEL, filters, limit=limit, start=start
        )
        assert len(listed) <= limit
        found += ids(listed)
        if start is None:
            break
    whole, _ = ledger.list_accounts(shop.call(), shop.CHANNEL, filters, limit=50, start=None)
    assert found == ids(whole)


def test_a_page_of_fifty_accounts_of_fifty_users_is_read_at_once(wire: Wire) -> None:
    """Accounts and their users: exactly what one batch may hold."""
    shop.open_shop()
    names = [f"u-{number:02}" for number in range(50)]
    registry.register_users(shop.call(), shop.CHANNEL, [(name, f"{name}@x.org") for name in names])
    puts = [put for name in names for put in put_account(new_account(user_pk=name), None)]
    transact_write(puts[:75])
    transact_write(puts[75:])
    listed, _ = ledger.list_accounts(shop.call(), shop.CHANNEL, Filters(), limit=50, start=None)
    assert [one.account.key.user_pk for one in listed] == names


def test_lists_of_an_unknown_channel_are_refused(bank: Wire) -> None:
    for filters in (Filters(), Filters(user_pk="ada"), Filters(user_email="ada@example.com")):
        with pytest.raises(UnknownChannel):
            ledger.list_accounts(shop.call(), "none", filters, limit=5, start=None)
    key = AccountKey("none", "ada", "TRY")
    calls: list[Callable[[], object]] = [
        lambda: ledger.list_activities(shop.call(), key, limit=5, start=None),
        lambda: ledger.list_targets(shop.call(), key, None, limit=5, start=None),
        lambda: ledger.read_account(shop.call(), key),
    ]
    for refused in calls:
        with pytest.raises(UnknownChannel):
            refused()


def test_activities_are_newest_first_and_every_page_follows_the_one_before(bank: Wire) -> None:
    for number in range(5):
        shop.send(f"t-{number}", "ada", "grace", "1.00", after_s=number)
    found: list[str] = []
    start: Json | None = None
    while True:
        entries, start = ledger.list_activities(
            shop.call(), shop.key_of("ada"), limit=2, start=start
        )
        found += [entry.transfer_id for entry in entries]
        if start is None:
            break
        shop.send(f"meanwhile-{len(found)}", "ada", "grace", "0.01", after_s=60)
    assert found == ["t-4", "t-3", "t-2", "t-1", "t-0", "open:ada-try"]


def test_activities_of_an_account_without_entries_are_none_and_of_no_account_refused(
    bank: Wire,
) -> None:
    assert shop.entries_of("grace") == []
    with pytest.raises(UnknownAccount):
        shop.entries_of("alan")
    with pytest.raises(UnknownAccount):
        shop.entries_of("ada", "USD")


# --- targets ----------------------------------------------------------------------------------


def targets(source: str, search: str | None = None, currency: str = "TRY") -> list[str]:
    found, _ = ledger.list_targets(
        shop.call(), shop.key_of(source, currency), search, limit=50, start=None
    )
    return ids(found)


def test_targets_are_the_other_accounts_of_the_same_currency(many: Wire) -> None:
    assert targets("ada") == ["alan-try", "grace-try"]
    assert targets("grace") == ["ada-try", "alan-try"]
    assert targets("ada", currency="USD") == []


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("", ["alan-try", "grace-try"]),
        ("a", ["alan-try"]),
        ("grace", ["grace-try"]),
        ("grace-try", ["grace-try"]),
        ("grace-tryx", []),
        ("ada", []),
        ("try", []),
        ("grace@example.com", ["grace-try"]),
        ("Grace@EXAMPLE.com", ["grace-try"]),
        ("grace@example", []),
        ("ada@example.com", []),
        ("nobody@example.com", []),
        ("#", []),
        ("%", []),
    ],
)
def test_targets_are_searched_by_complete_address_or_the_start_of_an_id(
    many: Wire, search: str, found: list[str]
) -> None:
    assert targets("ada", search) == found


def test_pages_of_targets_hold_each_once(many: Wire) -> None:
    found: list[str] = []
    start: Json | None = None
    while True:
        page, start = ledger.list_targets(
            shop.call(), shop.key_of("grace"), None, limit=1, start=start
        )
        found += ids(page)
        if start is None:
            break
    assert found == ["ada-try", "alan-try"]


def test_targets_of_no_account_are_refused(many: Wire) -> None:
    with pytest.raises(UnknownAccount):
        targets("grace", currency="USD")


def test_an_account_that_is_read_is_the_one_that_was_opened(bank: Wire) -> None:
    opened = shop.open_account("alan", "3.00", "KWD", debit=True, after_s=7).answer
    assert ledger.read_account(shop.call(), shop.key_of("alan", "KWD")) == opened
