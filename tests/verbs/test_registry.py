from collections.abc import Callable

import pytest

from chalicelib import auth, registry
from chalicelib.core.errors import (
    EmailTaken,
    InvalidRequest,
    UnknownChannel,
    UnknownSetting,
    UnknownUser,
)
from chalicelib.core.names import to_ms
from chalicelib.core.settings import CATALOGUE
from tests.store.wire import Json, Wire, cancelled
from tests.verbs import shop

T0 = to_ms(shop.NOW)


@pytest.fixture
def channel(wire: Wire) -> Wire:
    registry.make_channel(shop.call(), shop.CHANNEL, "TRY")
    return wire


# --- channels and settings --------------------------------------------------------------------


def test_a_new_channel_is_made_with_its_currency_and_the_defaults(channel: Wire) -> None:
    values = registry.read_settings(shop.call(), shop.CHANNEL)
    assert {value.setting.name: value.at_ms for value in values} == dict.fromkeys(CATALOGUE)
    found = {value.setting.name: value.value for value in values}
    assert found["LOYALTY_MONEY_ENABLED"] is False
    assert found["DEFAULT_CURRENCY"] == "TRY"


def test_making_a_channel_again_says_that_it_was_there(channel: Wire) -> None:
    again = registry.make_channel(shop.call(60), shop.CHANNEL, "TRY")
    assert again.written is False
    assert again.answer.created_ms == T0


@pytest.mark.parametrize("value", [True, "Yes"])
def test_a_setting_is_set_and_read_back_with_its_time(channel: Wire, value: object) -> None:
    done = registry.set_setting(shop.call(5), shop.CHANNEL, "LOYALTY_MONEY_ENABLED", value)
    assert (done.value, done.at_ms) == (True, T0 + 5_000)
    assert registry.read_setting(shop.call(), shop.CHANNEL, "LOYALTY_MONEY_ENABLED") == done


def test_the_same_value_again_changes_not_even_the_time(channel: Wire) -> None:
    first = registry.set_setting(shop.call(), shop.CHANNEL, "LOYALTY_MONEY_ENABLED", value=True)
    again = registry.set_setting(shop.call(60), shop.CHANNEL, "LOYALTY_MONEY_ENABLED", "Yes")
    assert again == first
    third = registry.set_setting(shop.call(60), shop.CHANNEL, "LOYALTY_MONEY_ENABLED", "No")
    assert third.at_ms == T0 + 60_000


def test_settings_belong_to_their_channel(channel: Wire) -> None:
    registry.make_channel(shop.call(), "other", "USD")
    registry.set_setting(shop.call(), "other", "LOYALTY_MONEY_ENABLED", value=True)
    here = registry.read_setting(shop.call(), shop.CHANNEL, "LOYALTY_MONEY_ENABLED")
    assert here.value is False
    assert registry.read_setting(shop.call(), "other", "DEFAULT_CURRENCY").value == "USD"


def test_a_setting_that_is_not_in_the_catalogue_is_refused(channel: Wire) -> None:
    for name in ("CHANNEL", "SOMETHING", ""):
        with pytest.raises(UnknownSetting):
            registry.set_setting(shop.call(), shop.CHANNEL, name, value=True)
        with pytest.raises(UnknownSetting):
            registry.read_setting(shop.call(), shop.CHANNEL, name)


def test_a_wrong_value_is_refused_and_stores_nothing(channel: Wire) -> None:
    before = channel.everything()
    with pytest.raises(InvalidRequest):
        registry.set_setting(shop.call(), shop.CHANNEL, "LOYALTY_MONEY_ENABLED", "maybe")
    assert channel.everything() == before


def test_an_unknown_channel_is_named_as_such_everywhere(wire: Wire) -> None:
    calls: list[Callable[[], object]] = [
        lambda: registry.read_settings(shop.call(), "none"),
        lambda: registry.read_setting(shop.call(), "none", "DEFAULT_CURRENCY"),
        lambda: registry.set_setting(shop.call(), "none", "DEFAULT_CURRENCY", "TRY"),
        lambda: registry.register_user(shop.call(), "none", "ada", "ada@example.com"),
        lambda: registry.register_users(shop.call(), "none", [("ada", "ada@example.com")]),
        lambda: registry.find_user(shop.call(), "none", "ada@example.com"),
        lambda: registry.list_users(shop.call(), "none", limit=5, start=None),
        lambda: registry.mint_session(shop.call(), "none", "ada"),
        lambda: registry.end_sessions(shop.call(), "none", "ada", 1),
        lambda: registry.require_channel(shop.call(), "none"),
    ]
    for refused in calls:
        with pytest.raises(UnknownChannel):
            refused()
    assert not any(wire.everything().values())


# --- users ------------------------------------------------------------------------------------


def test_a_user_is_found_by_the_complete_address_in_any_case(channel: Wire) -> None:
    registry.register_user(shop.call(), shop.CHANNEL, "ada", "Ada@Example.com")
    for spelling in ("ada@example.com", "ADA@EXAMPLE.COM"):
        found = registry.find_user(shop.call(), shop.CHANNEL, spelling)
        assert found is not None
        assert (found.user_pk, found.email, found.created_ms) == ("ada", "Ada@Example.com", T0)
    for part in ("ada", "ada@", "ada@example", "@example.com", "example.com", ""):
        assert registry.find_user(shop.call(), shop.CHANNEL, part) is None


@pytest.mark.parametrize("address", ["ada@example.com", "ADA@example.com"])
def test_an_address_has_one_owner(channel: Wire, address: str) -> None:
    shop.register("ada")
    before = channel.everything()
    with pytest.raises(EmailTaken):
        registry.register_user(shop.call(), shop.CHANNEL, "grace", address)
    assert channel.everything() == before


def test_the_same_address_may_be_used_in_another_channel(channel: Wire) -> None:
    registry.make_channel(shop.call(), "other", "TRY")
    shop.register("ada")
    done = registry.register_user(shop.call(), "other", "grace", "ada@example.com")
    assert done.created is True


def test_a_changed_address_is_free_for_another_user(channel: Wire) -> None:
    shop.register("ada")
    moved = registry.register_user(shop.call(60), shop.CHANNEL, "ada", "countess@example.com")
    assert moved.created is False
    assert moved.user is not None
    assert (moved.user.email, moved.user.created_ms) == ("countess@example.com", T0)
    done = registry.register_user(shop.call(), shop.CHANNEL, "grace", "ada@example.com")
    assert done.created is True
    found = registry.find_user(shop.call(), shop.CHANNEL, "ada@example.com")
    assert found is not None
    assert found.user_pk == "grace"


def test_a_user_may_take_an_address_back(channel: Wire) -> None:
    shop.register("ada")
    for address in ("other@example.com", "ada@example.com", "Ada@Example.COM"):
        registry.register_user(shop.call(), shop.CHANNEL, "ada", address)
    found = registry.find_user(shop.call(), shop.CHANNEL, "ada@example.com")
    assert found is not None
    assert found.email == "Ada@Example.COM"
    assert len(channel.everything()["test-user_emails"]) == 1


def test_of_many_users_each_is_registered_or_refused_by_itself(channel: Wire) -> None:
    shop.register("ada", "grace")
    wanted = [(f"u-{number}", f"u{number}@example.com") for number in range(97)]
    wanted[50] = ("u-50", "ada@example.com")
    wanted += [("ada", "ada@example.com"), ("grace", "hopper@example.com"), ("x", "grace@y.org")]
    done = registry.register_users(shop.call(), shop.CHANNEL, wanted)
    assert [one.user_pk for one in done] == [user_pk for user_pk, _ in wanted]
    refused = [one.user_pk for one in done if one.refusal is not None]
    assert refused == ["u-50"]
    assert isinstance(done[50].refusal, EmailTaken)
    assert sum(one.created for one in done) == 97
    assert len(channel.everything()["test-users"]) == 99
    again = registry.register_users(shop.call(60), shop.CHANNEL, wanted)
    assert [one.user for one in again] == [one.user for one in done]
    assert not any(one.created for one in again)


def test_a_group_that_met_contention_is_told_as_such_and_others_are_kept(
    channel: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    wanted = [(f"u-{number}", f"u{number}@example.com") for number in range(35)]
    channel.plan("TransactWriteItems", None)
    channel.always("TransactWriteItems", cancelled("TransactionConflict"))
    done = registry.register_users(shop.call(), shop.CHANNEL, wanted)
    codes = [one.refusal.code if one.refusal is not None else None for one in done]
    assert codes[: registry.USERS_AT_ONCE] == [None] * registry.USERS_AT_ONCE
    assert set(codes[registry.USERS_AT_ONCE :]) == {"busy"}
    assert len(channel.everything()["test-users"]) == registry.USERS_AT_ONCE


def test_users_are_listed_page_by_page(channel: Wire) -> None:
    names = [f"u-{number}" for number in range(7)]
    shop.register(*reversed(names))
    found: list[str] = []
    start: Json | None = None
    while True:
        users, start = registry.list_users(shop.call(), shop.CHANNEL, limit=3, start=start)
        found += [user.user_pk for user in users]
        if start is None:
            break
    assert found == names


def test_a_channel_without_users_lists_none(channel: Wire) -> None:
    assert registry.list_users(shop.call(), shop.CHANNEL, limit=3, start=None) == ([], None)


# --- sessions ---------------------------------------------------------------------------------


def test_a_session_proves_its_shopper_for_two_hours(channel: Wire) -> None:
    shop.register("ada")
    session, expires_ms = registry.mint_session(shop.call(), shop.CHANNEL, "ada")
    assert expires_ms == T0 + 2 * 60 * 60 * 1000
    assert session.replace("_", "").isalnum()
    cookie = {"cookie": f"osessionid={session}"}
    caller = auth.identify(cookie, shop.call(7199).now)
    assert isinstance(caller, auth.Shopper)
    assert (caller.channel, caller.user_pk) == (shop.CHANNEL, "ada")
    assert auth.identify(cookie, shop.call(7200).now) is None


def test_a_session_is_minted_for_a_registered_user_only(channel: Wire) -> None:
    with pytest.raises(UnknownUser):
        registry.mint_session(shop.call(), shop.CHANNEL, "ada")
    with pytest.raises(UnknownUser):
        registry.end_sessions(shop.call(), shop.CHANNEL, "ada", 1)


def test_the_time_that_ends_sessions_moves_forward_only(channel: Wire) -> None:
    shop.register("ada")
    registry.end_sessions(shop.call(), shop.CHANNEL, "ada", T0 + 5)
    registry.end_sessions(shop.call(), shop.CHANNEL, "ada", T0)
    (row,) = channel.everything()["test-users"]
    assert row["sessions_valid_from_ms"] == {"N": str(T0 + 5)}


def test_ending_sessions_survives_a_new_address(channel: Wire) -> None:
    shop.register("ada")
    registry.end_sessions(shop.call(), shop.CHANNEL, "ada", T0 + 5)
    done = registry.register_user(shop.call(), shop.CHANNEL, "ada", "new@example.com")
    assert done.user is not None
    assert done.user.sessions_valid_from_ms == T0 + 5
    (row,) = channel.everything()["test-users"]
    assert row["sessions_valid_from_ms"] == {"N": str(T0 + 5)}
