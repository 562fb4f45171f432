"""Every noun comes back from the store as it went in."""

import dataclasses

import pytest

from chalicelib.core.accounts import Account, AccountKey, Opening, append_entry
from chalicelib.core.settings import Channel, StoredSetting, assemble
from chalicelib.core.transfers import (
    Leg,
    Party,
    Transfer,
    Wanted,
    decide,
    open_with_credit,
    pay_order,
)
from chalicelib.core.users import User
from chalicelib.store import accounts, entries, orders, pre_orders, settings, transfers, users
from chalicelib.store.requests import Refused
from tests.core.made import account, new_account, order, order_contents, pre_order
from tests.store.kept import read, soon, write
from tests.store.wire import Wire

ADA = User("demo", "ada", "Ada@Example.com", 1_000, 0)
GRACE = User("demo", "grace", "grace@example.com", 2_000, 0)


# --- channels and settings --------------------------------------------------------------------


def test_a_channel_comes_back_as_it_was_made(wire: Wire) -> None:
    channel = Channel("demo", "KWD", 1_700_000_000_123)
    write(settings.make_channel(channel, "staff:test"))
    rows = read([settings.channel_key("demo"), settings.channel_key("other")])
    assert settings.channel_in(rows, "demo") == channel
    assert settings.channel_in(rows, "other") is None


def test_a_channel_is_made_once(wire: Wire) -> None:
    write(settings.make_channel(Channel("demo", "TRY", 1), "staff:test"))
    with pytest.raises(Refused):
        write(settings.make_channel(Channel("demo", "USD", 2), "staff:test"))
    rows = read([settings.channel_key("demo")])
    assert settings.channel_in(rows, "demo") == Channel("demo", "TRY", 1)


def test_a_setting_comes_back_as_it_was_set_and_may_be_replaced(wire: Wire) -> None:
    seen = None
    for stored in (
        StoredSetting("DEFAULT_CURRENCY", '"TRY"', 1),
        StoredSetting("DEFAULT_CURRENCY", '"JPY"', 2),
    ):
        write(settings.set_value("demo", stored, seen, "staff:test"))
        rows = read([settings.setting_key("demo", "DEFAULT_CURRENCY")])
        assert settings.stored_in(rows, "demo", "DEFAULT_CURRENCY") == stored
        seen = stored


def test_a_setting_is_replaced_only_as_it_was_read(wire: Wire) -> None:
    first, second = (
        StoredSetting("DEFAULT_CURRENCY", '"TRY"', 1),
        StoredSetting("DEFAULT_CURRENCY", '"JPY"', 2),
    )
    write(settings.set_value("demo", first, None, "staff:test"))
    for seen in (None, second, StoredSetting("DEFAULT_CURRENCY", '"TRY"', 2)):
        with pytest.raises(Refused) as caught:
            write(settings.set_value("demo", second, seen, "staff:test"))
        (shown,) = caught.value.items.values()
        assert shown is not None
        assert (shown["value"], shown["at_ms"]) == ({"S": '"TRY"'}, {"N": "1"})


def test_all_settings_come_with_their_channel_and_only_with_it(wire: Wire) -> None:
    keys = settings.all_keys("demo")
    write(settings.set_value("demo", StoredSetting("LOYALTY_MONEY_ENABLED", "true", 1), None, "s"))
    assert settings.settings_in(read(keys), "demo") is None
    write(settings.make_channel(Channel("demo", "TRY", 1), "staff:test"))
    assert settings.settings_in(read(keys), "demo") == assemble(
        "TRY", {"LOYALTY_MONEY_ENABLED": "true"}
    )


# --- users --------------------------------------------------------------------------------------


def test_a_user_comes_back_with_the_address_as_it_was_given(wire: Wire) -> None:
    write(*users.register(ADA, "staff:test"))
    rows = read(
        [
            users.user_key("demo", "ada"),
            users.email_key("demo", "ADA@example.COM"),
            users.email_key("other", "ada@example.com"),
        ]
    )
    assert users.user_in(rows, "demo", "ada") == ADA
    assert users.owner_in(rows, "demo", "ada@EXAMPLE.com") == "ada"
    assert users.owner_in(rows, "other", "ada@example.com") is None


def test_an_address_has_one_owner_and_a_refused_user_is_not_half_there(wire: Wire) -> None:
    write(*users.register(ADA, "staff:test"))
    second = dataclasses.replace(GRACE, email="ADA@example.com")
    with pytest.raises(Refused):
        write(*users.register(second, "staff:test"))
    rows = read([users.user_key("demo", "grace"), users.email_key("demo", "ada@example.com")])
    assert users.user_in(rows, "demo", "grace") is None
    assert users.owner_in(rows, "demo", "ada@example.com") == "ada"


def test_a_changed_address_moves_its_ownership(wire: Wire) -> None:
    write(*users.register(ADA, "staff:test"))
    write(*users.change_email(ADA, "countess@example.com"))
    rows = read(
        [
            users.user_key("demo", "ada"),
            users.email_key("demo", "ada@example.com"),
            users.email_key("demo", "countess@example.com"),
        ]
    )
    assert users.user_in(rows, "demo", "ada") == dataclasses.replace(
        ADA, email="countess@example.com"
    )
    assert users.owner_in(rows, "demo", "ada@example.com") is None
    assert users.owner_in(rows, "demo", "countess@example.com") == "ada"


def test_an_address_in_other_case_keeps_its_owner(wire: Wire) -> None:
    write(*users.register(ADA, "staff:test"))
    write(*users.change_email(ADA, "ada@example.com"))
    rows = read([users.user_key("demo", "ada"), users.email_key("demo", "ada@example.com")])
    assert users.user_in(rows, "demo", "ada") == dataclasses.replace(ADA, email="ada@example.com")
    assert users.owner_in(rows, "demo", "ada@example.com") == "ada"


def test_an_address_changes_only_from_the_one_that_was_read(wire: Wire) -> None:
    write(*users.register(ADA, "staff:test"))
    with pytest.raises(Refused):
        write(*users.change_email(dataclasses.replace(ADA, email="old@example.com"), "new@x.org"))


def test_the_time_that_ends_sessions_only_moves_forward(wire: Wire) -> None:
    write(*users.register(ADA, "staff:test"))
    write(users.revoke_sessions(ADA, 5_000))
    for earlier in (4_999, 5_000):
        with pytest.raises(Refused):
            write(users.revoke_sessions(ADA, earlier))
    found = users.user_in(read([users.user_key("demo", "ada")]), "demo", "ada")
    assert found == dataclasses.replace(ADA, sessions_valid_from_ms=5_000)


def test_users_are_listed_by_user_pk_page_by_page_within_their_channel(wire: Wire) -> None:
    for user in (GRACE, ADA, dataclasses.replace(ADA, channel="other", user_pk="alan")):
        write(*users.register(user, "staff:test"))
    first, last = users.list_users("demo", limit=1, start=None, deadline=soon())
    assert first == [ADA]
    assert last is not None
    second, _ = users.list_users("demo", limit=5, start=last, deadline=soon())
    assert second == [GRACE]


# --- accounts -----------------------------------------------------------------------------------


ACCOUNT = account(
    available=-300,
    held=120,
    seq=4,
    debit_allowed=True,
    opening=Opening(900, "key-1"),
    by="staff:test",
)


@pytest.mark.parametrize("given", [ACCOUNT, new_account()])
@pytest.mark.parametrize("key", ["key-1", "ключ", None])
def test_an_account_comes_back_as_it_was_opened(
    wire: Wire, given: Account, key: str | None
) -> None:
    write(*users.register(ADA, "staff:test"))
    write(*accounts.put_account(given, key))
    account_key = AccountKey("demo", "ada", "TRY")
    rows = read(
        [
            accounts.account_key(account_key),
            accounts.account_id_key("demo", given.account_id),
            accounts.opening_key("demo", key or "key-1"),
            accounts.opening_key("demo", "another"),
        ]
    )
    assert accounts.account_in(rows, account_key, 0) == given
    assert accounts.named_in(rows, "demo", given.account_id) == account_key
    assert accounts.opened_in(rows, "demo", key or "key-1") == (account_key if key else None)
    assert accounts.opened_in(rows, "demo", "another") is None


def test_an_account_needs_a_registered_user(wire: Wire) -> None:
    with pytest.raises(Refused):
        write(*accounts.put_account(ACCOUNT, None))
    assert wire.everything()["test-accounts"] == []
    assert wire.everything()["test-account_ids"] == []


@pytest.mark.parametrize(
    "second", [account(account_id="other"), account(currency="USD", account_id="a-ada-TRY")]
)
def test_an_account_is_one_per_user_and_currency_and_its_id_is_its_own(
    wire: Wire, second: Account
) -> None:
    write(*users.register(ADA, "staff:test"))
    write(*accounts.put_account(account(), None))
    before = wire.everything()
    with pytest.raises(Refused):
        write(*accounts.put_account(second, None))
    assert wire.everything() == before


def test_a_leg_moves_the_balance_only_from_the_entry_that_was_read(wire: Wire) -> None:
    write(*users.register(ADA, "staff:test"))
    write(*accounts.put_account(account(held=70), None))
    entry = append_entry(
        account(), amount=-150, at_ms=9_000, kind="transfer", counterparty="b", transfer_id="t"
    )
    leg = Leg(account(), entry, may_overdraw=False, freed=())
    write(accounts.apply_leg(leg))
    key = AccountKey("demo", "ada", "TRY")
    found = accounts.account_in(read([accounts.account_key(key)]), key, 0)
    assert found is not None
    assert (found.available, found.held, found.seq) == (4850, 70, 2)
    assert (found.entry_ms, found.entry_hash) == (9_000, entry.hash)
    with pytest.raises(Refused):
        write(accounts.apply_leg(leg))


@pytest.mark.parametrize(("may_overdraw", "written"), [(False, False), (True, True)])
def test_a_leg_checks_the_credit_again_at_the_moment_of_the_write(
    wire: Wire, may_overdraw: bool, written: bool
) -> None:
    """A hold takes available credit without an entry, so `seq` alone would not show it."""
    write(*users.register(ADA, "staff:test"))
    write(*accounts.put_account(account(available=100, held=4900), None))
    as_read = account()
    entry = append_entry(
        as_read, amount=-150, at_ms=9_000, kind="transfer", counterparty="b", transfer_id="t"
    )
    leg = Leg(as_read, entry, may_overdraw=may_overdraw, freed=())
    if written:
        write(accounts.apply_leg(leg))
    else:
        with pytest.raises(Refused):
            write(accounts.apply_leg(leg))
    (row,) = wire.everything()["test-accounts"]
    assert row["available"] == {"N": "-50" if written else "100"}


def test_accounts_are_listed_by_currency_and_id_within_their_channel(wire: Wire) -> None:
    for user_pk in ("ada", "grace"):
        write(*users.register(dataclasses.replace(ADA, user_pk=user_pk, email=f"{user_pk}@x"), "s"))
    for given in (
        account("ada", "USD", account_id="b"),
        account("ada", "TRY", account_id="b2"),
        account("grace", "TRY", account_id="a1"),
    ):
        write(*accounts.put_account(given, None))

    def listed(prefix: str, channel: str = "demo") -> list[tuple[str, str]]:
        keys, last = accounts.list_keys(
            channel, prefix=prefix, limit=10, start=None, deadline=soon()
        )
        assert last is None
        return [(key.user_pk, key.currency) for key in keys]

    assert listed("") == [("grace", "TRY"), ("ada", "TRY"), ("ada", "USD")]
    assert listed("TRY#") == [("grace", "TRY"), ("ada", "TRY")]
    assert listed("TRY#b") == [("ada", "TRY")]
    assert listed("TRY#c") == []
    assert listed("", channel="dem") == []
    of_ada = accounts.list_of_user("demo", "ada", deadline=soon())
    assert [found.key.currency for found in of_ada] == ["TRY", "USD"]


# --- entries and transfers ------------------------------------------------------------------------


def test_entries_come_back_newest_first_and_page_by_page(wire: Wire) -> None:
    before = account(seq=0)
    made = []
    for number in range(3):
        entry = append_entry(
            before,
            amount=number - 1,
            at_ms=1_700_000_000_000 + number // 2,
            kind="order" if number else "opening",
            counterparty="house:SALE",
            transfer_id=f"order:{number}",
            order="basket" if number else None,
            note="für Ada" if number == 2 else None,
        )
        write(entries.put_entry(entry))
        made.append(entry)
        before = dataclasses.replace(before, seq=entry.seq, entry_hash=entry.hash)
    found, last = entries.list_entries(before.key, limit=2, start=None, deadline=soon())
    assert found == [made[2], made[1]]
    rest, end = entries.list_entries(before.key, limit=2, start=last, deadline=soon())
    assert rest == [made[0]]
    assert end is None


def test_numbers_above_nine_are_in_order_within_one_millisecond(wire: Wire) -> None:
    before = account(seq=8)
    for _ in range(3):
        entry = append_entry(
            before, amount=1, at_ms=5, kind="transfer", counterparty="b", transfer_id="t"
        )
        write(entries.put_entry(entry))
        before = dataclasses.replace(before, seq=entry.seq)
    found, _ = entries.list_entries(before.key, limit=9, start=None, deadline=soon())
    assert [entry.seq for entry in found] == [11, 10, 9]


def test_an_entry_is_put_once(wire: Wire) -> None:
    entry = append_entry(
        account(), amount=1, at_ms=5, kind="transfer", counterparty="b", transfer_id="t"
    )
    write(entries.put_entry(entry))
    with pytest.raises(Refused):
        write(entries.put_entry(dataclasses.replace(entry, amount=2)))
    assert entries.last_entry_at(entry.account, 5, deadline=soon()) == entry


@pytest.mark.parametrize(
    ("at_ms", "seq"), [(99, None), (100, 3), (101, 3), (199, 3), (200, 4), (10**12, 4)]
)
def test_the_last_entry_at_a_time_includes_that_millisecond(
    wire: Wire, at_ms: int, seq: int | None
) -> None:
    before = account(seq=1)
    for moment in (100, 100, 200):
        entry = append_entry(
            before, amount=1, at_ms=moment, kind="transfer", counterparty="b", transfer_id="t"
        )
        write(entries.put_entry(entry))
        before = dataclasses.replace(before, seq=entry.seq)
    found = entries.last_entry_at(before.key, at_ms, deadline=soon())
    assert (found.seq if found is not None else None) == seq


ADA_TO_GRACE = Transfer(
    channel="demo",
    id="t-1",
    kind="transfer",
    source=Party("a", "ada", -50),
    target=Party("b", "grace", 50),
    currency="TRY",
    amount=100,
    note="für Ada",
    order=None,
    at_ms=1_700_000_000_123,
    by="staff:test",
)


@pytest.mark.parametrize(
    "transfer",
    [
        ADA_TO_GRACE,
        dataclasses.replace(ADA_TO_GRACE, note=None),
        open_with_credit(new_account(), 700).transfer,
        pay_order(
            account(), reference="r", amount=5, may_overdraw=False, now_ms=9, by="s"
        ).transfer,
    ],
)
def test_a_transfer_comes_back_as_it_was_put_and_is_put_once(
    wire: Wire, transfer: Transfer
) -> None:
    write(transfers.put_transfer(transfer))
    with pytest.raises(Refused):
        write(transfers.put_transfer(dataclasses.replace(transfer, amount=1)))
    rows = read(
        [transfers.transfer_key("demo", transfer.id), transfers.transfer_key("other", transfer.id)]
    )
    assert transfers.transfer_in(rows, "demo", transfer.id) == transfer
    assert transfers.transfer_in(rows, "other", transfer.id) is None


def test_a_movement_is_written_whole_or_not_at_all(wire: Wire) -> None:
    for user in (ADA, GRACE):
        write(*users.register(user, "staff:test"))
        write(*accounts.put_account(account(user.user_pk), None))
    as_read = dataclasses.replace(account("grace"), seq=2)
    wanted = Wanted("demo", "t-1", 100, None, "staff:test")
    before = wire.everything()
    with pytest.raises(Refused) as caught:
        write(*transfers.post(decide(wanted, account("ada"), as_read, 9_000)))
    assert list(caught.value.items) == [("accounts", "demo#grace", "TRY")]
    assert wire.everything() == before
    write(*transfers.post(decide(wanted, account("ada"), account("grace"), 9_000)))
    after = wire.everything()
    assert sorted(row["available"]["N"] for row in after["test-accounts"]) == ["4900", "5100"]
    assert len(after["test-entries"]) == 2
    assert len(after["test-transfers"]) == 1


# --- pre-orders and orders ----------------------------------------------------------------------


def test_a_pre_order_comes_back_as_it_was_put(wire: Wire) -> None:
    plain = pre_order()
    full = pre_order(
        currency="USD",
        loyalty=100,
        payment_option=2,
        bin_number="545454",
        installment=1,
        state="completed",
        completed_ms=9_000,
        order_id=2**48 - 1,
        rev=7,
    )
    for given in (plain, full):
        write(pre_orders.put_pre_order(given, seen_rev=None))
        rows = read([pre_orders.pre_order_key("demo", "ada", given.currency)])
        assert pre_orders.pre_order_in(rows, "demo", "ada", given.currency) == given


def test_a_pre_order_changes_only_from_the_revision_that_was_read(wire: Wire) -> None:
    write(pre_orders.put_pre_order(pre_order(rev=1), seen_rev=None))
    for seen_rev in (None, 2, 0):
        with pytest.raises(Refused):
            write(pre_orders.put_pre_order(pre_order(rev=2), seen_rev=seen_rev))
    write(pre_orders.put_pre_order(pre_order(rev=2, loyalty=5), seen_rev=1))
    rows = read([pre_orders.pre_order_key("demo", "ada", "TRY")])
    assert pre_orders.pre_order_in(rows, "demo", "ada", "TRY") == pre_order(rev=2, loyalty=5)


def test_a_basket_is_read_only_with_its_own_pre_order(wire: Wire) -> None:
    content = '{"basket":{"basketitem_set":[{"name":"Çay"}]}}'
    write(pre_orders.put_basket(pre_order(order_id=7), content))
    rows = read([pre_orders.basket_key("demo", "ada", "TRY")])
    assert pre_orders.basket_in(rows, pre_order(order_id=7)) == content
    assert pre_orders.basket_in(rows, pre_order(order_id=8)) is None


def test_an_order_comes_back_as_it_was_put_and_is_put_once(wire: Wire) -> None:
    write(*orders.put_order(order(), order_contents()))
    with pytest.raises(Refused):
        write(*orders.put_order(order(user_pk="grace", currency="USD"), order_contents()))
    rows = read([orders.order_key("demo", "basket-1"), orders.order_key("demo", "basket-2")])
    assert orders.order_in(rows, "demo", "basket-1") == order()
    assert orders.order_in(rows, "demo", "basket-2") is None


def test_the_contents_of_an_order_come_back_until_they_are_deleted(wire: Wire) -> None:
    key = orders.contents_key("demo", "ada", "basket-1")
    write(*orders.put_order(order(), order_contents()))
    assert orders.contents_in(read([key]), order()) == order_contents()
    for _ in range(2):
        write(orders.delete_contents("demo", "ada", "basket-1"))
        assert orders.contents_in(read([key]), order()) is None
    assert wire.everything()["test-orders"]


@pytest.mark.parametrize("changed", [{"user_email": None}, {"content": "[]"}, {"salt": "5a18"}])
def test_the_hash_of_an_order_tells_its_contents_from_changed_ones(
    changed: dict[str, str | None],
) -> None:
    assert order_contents().hash == order().contents_hash
    assert order_contents(**changed).hash != order().contents_hash
