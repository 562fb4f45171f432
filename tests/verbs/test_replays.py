"""A repeated write gives the first answer and moves nothing; another content under its id is
refused, and the refusal shows nothing of the first.
"""

from collections.abc import Callable
from typing import TypeVar

import pytest

from chalicelib import checkout, ledger, registry
from chalicelib.core.errors import (
    AccountExists,
    AccountIdTaken,
    AlreadyCompleted,
    ChannelExists,
    IdConflict,
    Refusal,
)
from chalicelib.core.transitions import PageEvent
from chalicelib.ledger import ByUsers, NewAccount, OwnedAccount
from chalicelib.store.requests import Settled
from tests.core.made import CARD, CREDIT
from tests.store.wire import Wire
from tests.verbs import shop

T = TypeVar("T")


@pytest.fixture
def wired(wire: Wire) -> Wire:
    """Open a shop where ada has 50.00 and grace nothing, alan no account, and ada a checkout."""
    shop.open_shop()
    shop.register("ada", "grace", "alan")
    shop.open_account("ada", "50.00", account_id="ada-try")
    shop.open_account("grace", "0", account_id="grace-try")
    shop.open_checkout("ada")
    return wire


def paged(event: PageEvent, text: str, *before: tuple[PageEvent, str]) -> Callable[[float], object]:
    def act(after_s: float) -> object:
        if not after_s:
            for earlier, with_text in before:
                assert shop.visit("ada", earlier, with_text).refusal is None
        seen = shop.visit("ada", event, text, after_s=after_s)
        assert seen.refusal is None
        return seen

    return act


CARD_CHOSEN = (PageEvent.SELECT_OPTION, str(CARD.pk))
BIN_ENTERED = (PageEvent.ENTER_BIN, "545454")
ALL_CREDIT = (PageEvent.USE_CREDIT, "40.00")


def open_for_alan(after_s: float, account_id: str | None = None) -> OwnedAccount:
    settled = shop.open_account("alan", "5.00", account_id=account_id, key="key-1", after_s=after_s)
    return settled.answer


def held() -> object:
    return shop.hold("h-1")


def captured() -> object:
    held()
    return shop.capture("h-1")


def sent() -> object:
    return shop.send("t-1", "ada", "grace")


def after(after_s: float, prepare: Callable[[], object], act: Callable[[], Settled[T]]) -> T:
    """Prepare before the first write alone."""
    if not after_s:
        prepare()
    return act().answer


WRITES: dict[str, Callable[[float], object]] = {
    "make channel": lambda s: registry.make_channel(shop.call(s), "second", "JPY").answer,
    "set setting": lambda s: registry.set_setting(
        shop.call(s), shop.CHANNEL, "DEFAULT_CURRENCY", "USD"
    ),
    "register": lambda s: (
        registry.register_user(shop.call(s), shop.CHANNEL, "new", "n@example.com").user
    ),
    "change e-mail": lambda s: registry.register_user(
        shop.call(s), shop.CHANNEL, "alan", "turing@example.com"
    ),
    "register many": lambda s: [
        done.user
        for done in registry.register_users(
            shop.call(s), shop.CHANNEL, [(f"m-{n}", f"m{n}@example.com") for n in range(34)]
        )
    ],
    "end sessions": lambda s: registry.end_sessions(shop.call(s), shop.CHANNEL, "alan", 9_000),
    "open account": open_for_alan,
    "open account with an id": lambda s: open_for_alan(s, "alan-try"),
    "transfer by users": lambda s: shop.send("t-1", "ada", "grace", note="n", after_s=s).answer,
    "transfer by ids": lambda _: shop.send_by_ids("t-1", "ada-try", "grace-try").answer,
    "hold": lambda s: shop.hold("h-1", after_s=s).answer,
    "capture": lambda s: after(s, held, lambda: shop.capture("h-1", after_s=s)),
    "void": lambda s: after(s, held, lambda: shop.void("h-1", after_s=s)),
    "refund an order": lambda s: after(
        s, shop.buy, lambda: shop.refund_order("r-1", "1.00", after_s=s)
    ),
    "refund a hold": lambda s: after(
        s, captured, lambda: shop.refund_hold("r-1", "h-1", "1.00", after_s=s)
    ),
    "adjust": lambda s: shop.adjust("a-1", after_s=s).answer,
    "reverse": lambda s: after(s, sent, lambda: shop.reverse("t-1", after_s=s)),
    "pre-order": lambda s: shop.open_checkout("grace", reference="b-2", after_s=s).answer,
    "pre-order without reference": lambda s: (
        shop.open_checkout("grace", reference=None, after_s=s).answer
    ),
    "use credit": paged(PageEvent.USE_CREDIT, "10.00"),
    "clear credit": paged(PageEvent.USE_CREDIT, "0.00", (PageEvent.USE_CREDIT, "10.00")),
    "select option": paged(*CARD_CHOSEN),
    "select credit": paged(PageEvent.SELECT_OPTION, str(CREDIT.pk)),
    "enter bin": paged(*BIN_ENTERED, CARD_CHOSEN),
    "choose installment": paged(PageEvent.CHOOSE_INSTALLMENT, "2", CARD_CHOSEN, BIN_ENTERED),
}
"""Every write there is, but completion: each takes how many seconds after the first it comes."""


@pytest.mark.parametrize("name", WRITES)
def test_a_replay_gives_the_first_answer_and_writes_nothing(wired: Wire, name: str) -> None:
    before = wired.everything()
    first = WRITES[name](0)
    after = wired.everything()
    assert after != before, "this write wrote nothing"
    assert WRITES[name](60) == first
    assert wired.everything() == after


def test_a_replay_of_a_completion_shows_the_same_order_and_pays_once(wired: Wire) -> None:
    shop.visit("ada", *ALL_CREDIT)
    first = shop.visit("ada", PageEvent.COMPLETE, "true")
    after = wired.everything()
    again = shop.visit("ada", PageEvent.COMPLETE, "true", after_s=60)
    assert (again.move, again.refusal) == (first.move, None)
    assert again.situation.pre_order == first.situation.pre_order
    assert again.content == first.content
    assert wired.everything() == after
    assert shop.balance_of("ada") == 1000


def test_a_replay_by_other_names_of_the_same_accounts_is_one(wired: Wire) -> None:
    """The content is compared after resolution."""
    first = shop.send("t-1", "ada", "grace")
    assert shop.send_by_ids("t-1", "ada-try", "grace-try").answer == first.answer
    assert shop.send_by_ids("t-1", "ada-try", "grace-try", currency="TRY").written is False
    assert shop.balance_of("grace") == 1000


@pytest.mark.parametrize("amount", ["10", "10.0", "10.00", "010.00"])
def test_a_replay_may_write_the_same_amount_in_another_way(wired: Wire, amount: str) -> None:
    shop.send("t-1", "ada", "grace", "10.00")
    assert shop.send("t-1", "ada", "grace", amount).written is False


def test_a_replay_of_a_transfer_survives_everything_that_happened_since(wired: Wire) -> None:
    first = shop.send("t-1", "ada", "grace")
    shop.send("t-2", "ada", "grace", "40.00")
    shop.switch(enabled=False)
    assert shop.balance_of("ada") == 0
    again = shop.send("t-1", "ada", "grace")
    assert (again.answer, again.written) == (first.answer, False)


def test_a_replay_of_an_opening_shows_the_account_as_it_was_opened(wired: Wire) -> None:
    first = open_for_alan(0)
    shop.send("t-1", "alan", "grace", "3.00")
    again = shop.open_account("alan", "5.00", key="key-1")
    assert again.written is False
    shown, opened = again.answer.account, first.account
    for field in ("key", "account_id", "available", "held", "debit_allowed", "created_ms", "by"):
        assert getattr(shown, field) == getattr(opened, field), field
    assert shop.balance_of("alan") == 200


def test_a_replay_of_an_opening_by_address_survives_a_new_address(wired: Wire) -> None:
    wanted = NewAccount(None, "alan@example.com", "TRY", "5.00", False, None, "key-1")
    first = ledger.open_account(shop.call(), shop.CHANNEL, wanted).answer
    registry.register_user(shop.call(), shop.CHANNEL, "alan", "turing@example.com")
    registry.register_user(shop.call(), shop.CHANNEL, "grace", "alan@example.com")
    again = ledger.open_account(shop.call(), shop.CHANNEL, wanted)
    assert again.written is False
    assert again.answer.account == first.account


# --- other content under the same id --------------------------------------------------------------


def conflicts(wired: Wire, refusal: type[Refusal], act: Callable[[], object]) -> None:
    before = wired.everything()
    with pytest.raises(refusal):
        act()
    assert wired.everything() == before


@pytest.mark.parametrize(
    "other",
    [
        {"amount": "10.01"},
        {"note": "other"},
        {"source": "grace", "target": "ada"},
        {"target": "alan"},
        {"source": "alan"},
        {"currency": "USD"},
    ],
)
def test_a_transfer_id_with_other_content_is_a_conflict(wired: Wire, other: dict[str, str]) -> None:
    shop.open_account("alan", "50.00")
    for user_pk in ("ada", "grace"):
        shop.open_account(user_pk, "50.00", "USD")
    content = {"source": "ada", "target": "grace", "amount": "10.00", "currency": "TRY"}
    ledger_send = {**content, **other}

    def send() -> object:
        return ledger.transfer(
            shop.call(),
            shop.CHANNEL,
            "t-1",
            ByUsers(ledger_send["source"], ledger_send["target"], ledger_send["currency"]),
            amount=ledger_send["amount"],
            note=ledger_send.get("note"),
        )

    shop.send("t-1", "ada", "grace", "10.00")
    conflicts(wired, IdConflict, send)


def test_a_transfer_id_with_other_account_ids_is_a_conflict(wired: Wire) -> None:
    shop.open_account("alan", "50.00", account_id="alan-try")
    shop.send("t-1", "ada", "grace")
    conflicts(wired, IdConflict, lambda: shop.send_by_ids("t-1", "ada-try", "alan-try"))
    conflicts(wired, IdConflict, lambda: shop.send_by_ids("t-1", "grace-try", "ada-try"))
    conflicts(wired, IdConflict, lambda: shop.send_by_ids("t-1", "ada-try", "nobody"))
    conflicts(wired, IdConflict, lambda: shop.send_by_ids("t-1", "ada-try", "grace-try", "10.01"))
    conflicts(
        wired,
        IdConflict,
        lambda: shop.send_by_ids("t-1", "ada-try", "grace-try", "10.00", "USD"),
    )


def test_a_conflict_says_nothing_of_the_currency_that_was_moved(wired: Wire) -> None:
    """The amount is one of the accounts that are named now, whatever the id moved before."""
    for user_pk in ("ada", "grace"):
        shop.open_account(user_pk, "50", "JPY", account_id=f"{user_pk}-jpy")
    shop.send("t-1", "ada", "grace", "5", "JPY")
    conflicts(wired, IdConflict, lambda: shop.send("t-1", "ada", "grace", "0.99"))
    conflicts(wired, IdConflict, lambda: shop.send_by_ids("t-1", "ada-try", "grace-try", "0.99"))


def test_the_same_id_in_another_channel_is_another_transfer(wired: Wire) -> None:
    shop.send("t-1", "ada", "grace")
    shop.open_shop("other")
    shop.register("ada", "grace", channel="other")
    for user_pk in ("ada", "grace"):
        shop.open_account(user_pk, "1.00", channel="other")
    assert shop.send("t-1", "ada", "grace", "1.00", channel="other").written is True
    assert shop.balance_of("ada") == 4000


@pytest.mark.parametrize(
    "other",
    [
        {"balance": "5.01"},
        {"debit": True},
        {"account_id": "alan-2"},
        {"currency": "USD"},
        {"currency": "USD", "account_id": "alan-usd"},
        {"user_pk": "grace", "currency": "USD"},
        {"user_pk": "grace", "currency": "USD", "account_id": "grace-usd"},
        {"user_pk": "grace"},
    ],
)
@pytest.mark.parametrize("account_id", [None, "alan-try"])
def test_an_idempotency_key_opens_one_account_only(
    wired: Wire, account_id: str | None, other: dict[str, object]
) -> None:
    shop.open_account("alan", "5.00", key="key-1", account_id=account_id)
    content: dict[str, object] = {"user_pk": "alan", "balance": "5.00", "account_id": account_id}
    changed: dict[str, object] = content | other

    def again() -> object:
        return shop.open_account(**changed, key="key-1")  # type: ignore[arg-type]  # mixed values

    conflicts(wired, IdConflict, again)


def test_an_idempotency_key_belongs_to_its_channel(wired: Wire) -> None:
    shop.open_account("alan", "5.00", key="key-1")
    shop.open_shop("other")
    shop.register("alan", channel="other")
    settled = shop.open_account("alan", "5.00", key="key-1", channel="other")
    assert settled.written is True


def test_a_second_opening_without_the_key_is_told_that_the_account_exists(wired: Wire) -> None:
    shop.open_account("alan", "5.00", key="key-1")
    conflicts(wired, AccountExists, lambda: shop.open_account("alan", "5.00"))
    conflicts(wired, AccountExists, lambda: shop.open_account("alan", "5.00", key="key-2"))
    conflicts(wired, AccountExists, lambda: shop.open_account("ada", "5.00", key="key-3"))


@pytest.mark.parametrize("key", [None, "key-1"])
def test_an_account_id_is_unique_in_its_channel(wired: Wire, key: str | None) -> None:
    def take() -> object:
        return shop.open_account("alan", "5.00", account_id="ada-try", key=key)

    conflicts(wired, AccountIdTaken, take)


def test_a_refused_opening_leaves_its_key_free(wired: Wire) -> None:
    with pytest.raises(AccountIdTaken):
        shop.open_account("alan", "5.00", account_id="ada-try", key="key-1")
    assert shop.open_account("alan", "5.00", account_id="alan-try", key="key-1").written is True


def test_a_channel_is_made_once_with_one_currency(wired: Wire) -> None:
    conflicts(wired, ChannelExists, lambda: registry.make_channel(shop.call(), shop.CHANNEL, "USD"))


def test_a_basket_that_was_completed_is_not_opened_again(wired: Wire) -> None:
    shop.visit("ada", *ALL_CREDIT)
    shop.visit("ada", PageEvent.COMPLETE, "true")
    conflicts(wired, AlreadyCompleted, lambda: shop.open_checkout("ada"))
    conflicts(wired, AlreadyCompleted, lambda: shop.open_checkout("ada", 1))
    conflicts(wired, AlreadyCompleted, lambda: shop.open_checkout("ada", currency="USD"))
    conflicts(wired, AlreadyCompleted, lambda: shop.open_checkout("grace"))


def test_a_pre_order_without_reference_is_another_one_after_completion(wired: Wire) -> None:
    first = shop.open_checkout("ada", 100, reference=None).answer
    shop.visit("ada", PageEvent.USE_CREDIT, "1.00")
    shop.visit("ada", PageEvent.COMPLETE, "true")
    second = shop.open_checkout("ada", 100, reference=None).answer
    assert second.reference != first.reference
    assert second.state == "open"
    order = checkout.read_order(shop.call(), shop.CHANNEL, first.reference).order
    assert order.order_id == first.order_id != second.order_id
