"""The published client against the pages: it ends, from every state it can come to.

All states are walked to which a shopper, the shop's back end and an admin can lead together, and
in each of them everything that can be posted is posted. What the server answers in one of its
states is asked over HTTP once and remembered; what the client makes of it is worked out anew.
"""

import copy
import json
import re
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import pytest

from chalicelib.core import page_errors, payments
from chalicelib.core.page_errors import PageRefusal
from chalicelib.outside.sandbox import APPROVES, DECLINES, LOSES_ANSWER, LOSES_REQUEST
from tests.routes import shop as shops
from tests.routes.shop import BASKET, CARD, CREDIT, FUNDS, Json, Shop, Storefront
from tests.routes.simulator import MOST_CALLS, Post, Store, load, run

ADDRESS: Final = {"pk": 5, "line": "Some street 1"}
SHIPPED: Final[Json] = {
    "basket": BASKET,
    "delivery_option": {"pk": 1, "delivery_option_type": "customer"},
    "shipping_option": {"pk": 2, "name": "Post"},
    "shipping_address": ADDRESS,
    "billing_address": ADDRESS,
}
UNREADABLE: Final = (("", "unreadable"),)

POSTS: Final[tuple[Post, ...]] = (
    *(
        ("LoyaltyMoneyUsagePage", (("loyalty_amount_to_use", amount),))
        for amount in ("0.00", "10.00", "40.00", "40.01")
    ),
    ("LoyaltyMoneyUsagePage", UNREADABLE),
    *(("PaymentOptionSelectionPage", (("payment_option", pk),)) for pk in "1239"),
    *(("BinNumberPage", (("bin_number", number),)) for number in ("545454", "5")),
    *(("InstallmentSelectionPage", (("installment", pk),)) for pk in "19"),
    ("CreditCardConfirmationPage", (("agreement", "1"),)),
    ("LoyaltyMoneyPage", (("agreement", "true"),)),
    ("LoyaltyPaymentSelectedPage", ()),
    ("MasterpassBinNumberPage", (("bin_number", "545454"),)),
)
"""Everything that the user of a client may post, good and bad."""

GOOD_POSTS: Final = (POSTS[1], POSTS[2], POSTS[5], POSTS[6], POSTS[9], POSTS[11], *POSTS[14:])
"""Enough of them to come to every page, and one that no page knows."""

State = str
"""A state of the server, without what differs between two walks to it."""


@dataclass(frozen=True)
class Change:
    """Something that somebody else does meanwhile, where `possible` says so of a state."""

    name: str
    make: Callable[[Shop], None]
    possible: Callable[[Json], bool]


class Server:
    """The service, brought back to any state it has been in; an answer is asked for once."""

    def __init__(self, shop: Shop) -> None:
        """Begin where the shop stands now."""
        self._shop = shop
        self._storefront = shop.storefront()
        self._rows: dict[State, Any] = {}
        self._answers: dict[tuple[State, object], tuple[State, Json]] = {}
        self._stands = self._keep()
        self.first = self._stands

    def post(self, state: State, post: Post) -> tuple[State, Json]:
        """Return the answer of a post, and the state after it."""
        return self._ask(state, post, lambda: self._send(post))

    def show(self, state: State) -> Json:
        """Return the checkout as it loads."""
        return self._ask(state, "show", self._storefront.show)[1]

    def change(self, state: State, change: Change) -> State:
        """Return the state after a change by somebody else."""
        return self._ask(state, change.name, lambda: change.make(self._shop))[0]

    def _ask(self, state: State, what: object, ask: Callable[[], Json]) -> tuple[State, Json]:
        if (state, what) not in self._answers:
            if self._stands != state:
                _put_back(self._rows[state])
            answer = ask()
            self._stands = self._keep()
            self._answers[state, what] = self._stands, answer
        return self._answers[state, what]

    def _send(self, post: Post) -> Json:
        page, fields = post
        if fields != UNREADABLE:
            return self._storefront.post(page, **dict(fields))
        headers = {**self._storefront.headers, "content-type": "text/plain"}
        reply = self._shop.send("POST", f"/orders/checkout/?page={page}", b"x", headers=headers)
        assert reply.status == 200
        return reply.json

    def _keep(self) -> State:
        state = _state_of(self._shop)
        if state not in self._rows:
            self._rows[state] = copy.deepcopy(_rows_of_engine())
        return state


class Visit:
    """A storefront at one state of the server, for the simulator."""

    def __init__(self, server: Server, state: State) -> None:
        """Begin at a state."""
        self._server, self.state = server, state
        self.refused: list[str] = []

    def post(self, page: str, /, **fields: str) -> Json:
        """Post a page and move on to the state after it."""
        self.state, envelope = self._server.post(self.state, (page, tuple(fields.items())))
        self.refused += [text for texts in (envelope["errors"] or {}).values() for text in texts]
        return envelope

    def show(self) -> Json:
        """Load the checkout."""
        return self._server.show(self.state)


def _state_of(shop: Shop) -> State:
    [account] = [r for r in shop.rows("accounts") if r["account_id"]["S"] == "ada"]
    dropped = {
        "rev",
        "opened_ms",
        "completed_ms",
        "order_id",
        "content_hash",
        "begun_ms",
        "attempt",
    }
    pre_orders = [
        {k: v for k, v in row.items() if k not in dropped} for row in shop.rows("pre_orders")
    ]
    settings = [
        (r["name"], r["value"]) for r in shop.rows("settings") if r["channel"]["S"] == "demo"
    ]
    orders = [row["id"] for row in shop.rows("orders")]
    return json.dumps([account["available"], settings, orders, pre_orders], sort_keys=True)


def _rows_of_engine() -> Any:
    return {name: table.items for name, table in shops.engine().tables.items()}


def _put_back(rows: Any) -> None:
    for name, items in copy.deepcopy(rows).items():
        shops.engine().tables[name].items = items


# --- what others do meanwhile ---------------------------------------------------------------


def _open(reference: str, content: Json) -> Callable[[Shop], None]:
    return lambda shop: shop.open_pre_order(reference=reference, **content) and None


def _set(name: str, value: object) -> Callable[[Shop], None]:
    return lambda shop: shop.set(name, value)


def _shrink(shop: Shop) -> None:
    body = {"source": "ada", "target": "grace", "amount": "45.00"}
    assert shop.staff("PUT", "/transfers/shrink", body).status == 201


def _before_the_order(state: Json) -> bool:
    return not state[2]


def _after_the_order(state: Json) -> bool:
    return bool(state[2])


def _full(state: Json) -> bool:
    return bool(state[0]["N"] == "5000")


def _always(state: Json) -> bool:
    return True


PLAN: Final = {"pk": 2, "label": "Plan", "installment_count": 2, "interest_rate": 0}

BY_THE_ADMIN: Final = (
    Change("off", _set("LOYALTY_MONEY_ENABLED", "No"), _always),
    Change("on", _set("LOYALTY_MONEY_ENABLED", "Yes"), _always),
    Change("credit is spent elsewhere", _shrink, _full),
    Change("the next checkout is opened", _open("b2", {}), _after_the_order),
)
BY_THE_SHOP: Final = (
    Change("credit first", _set("PAYMENT_OPTIONS", [CREDIT, CARD]), _always),
    Change("without the card", _set("PAYMENT_OPTIONS", [FUNDS, CREDIT]), _always),
    Change("other plans", _set("INSTALLMENTS", [PLAN]), _always),
)
BY_THE_BACK_END: Final = (
    Change("shipping is chosen", _open("b1", SHIPPED), _before_the_order),
    Change("shipping is open again", _open("b1", {}), _before_the_order),
    Change(
        "only one address",
        _open("b1", {k: v for k, v in SHIPPED.items() if k != "billing_address"}),
        _before_the_order,
    ),
    Change(
        "no delivery yet",
        _open("b1", {k: v for k, v in SHIPPED.items() if k != "delivery_option"}),
        _before_the_order,
    ),
    Change("the next checkout is opened", _open("b2", SHIPPED), _after_the_order),
)


def _posted(post: Post) -> Callable[[Shop], None]:
    return lambda shop: shop.storefront().post(post[0], **dict(post[1])) and None


def _confirm(card: str) -> Post:
    form = {"agreement": "1", "card_number": card, "card_holder": "Ada", "card_cvv": "123"}
    return (
        "CreditCardConfirmationPage",
        (*form.items(), ("card_month", "12"), ("card_year", "2040")),
    )


LATE, NEVER, WRONG = (_confirm(c) for c in (LOSES_ANSWER, LOSES_REQUEST, DECLINES))
PAYING_POSTS: Final = (
    ("LoyaltyMoneyUsagePage", (("loyalty_amount_to_use", "10.00"),)),
    ("PaymentOptionSelectionPage", (("payment_option", "1"),)),
    ("BinNumberPage", (("bin_number", LOSES_ANSWER[:6]),)),
    *(LATE, NEVER, WRONG, _confirm(APPROVES)),
    ("LoyaltyMoneyPage", (("agreement", "true"),)),
    ("MasterpassBinNumberPage", (("bin_number", "545454"),)),
)
"""What leads into a card payment, through it, and out of it."""

IN_ANOTHER_TAB: Final = tuple(
    Change(f"in another tab: {post}", _posted(post), _always) for post in GOOD_POSTS[:-1]
)

MET_BY_GOOD_POSTS: Final[set[type[PageRefusal]]] = {
    page_errors.BinMissing,
    page_errors.FullyCovered,
    page_errors.NoOpenCheckout,
    page_errors.OptionNotChosen,
    page_errors.OptionRefused,
    page_errors.UnknownPage,
}
MET_BY_ALL_POSTS: Final[set[type[PageRefusal]]] = MET_BY_GOOD_POSTS | {
    page_errors.AgreementMissing,
    page_errors.AmountOverTotal,
    page_errors.BinRefused,
    page_errors.CreditChanged,
    page_errors.InstallmentRefused,
    page_errors.LoyaltyDisabled,
    page_errors.PaymentNotOffered,
    page_errors.UnpaidRemains,
    page_errors.UnreadableForm,
}


MET_BY_PAYING: Final[set[type[PageRefusal]]] = (MET_BY_GOOD_POSTS - {page_errors.FullyCovered}) | {
    page_errors.CardChanged,
    page_errors.InstallmentRefused,
    page_errors.PaymentDeclined,
    page_errors.PaymentInProgress,
}


def _pattern(refusal: type[PageRefusal]) -> str:
    """Return what finds the text of a refusal, whatever its values are."""
    return re.sub(r"\\{\w+\\}", ".+", re.escape(refusal.fallback))


@dataclass
class Walk:
    """What a walk through all states found."""

    states: int
    longest: int
    refused: set[str]
    endless: list[str]


def walk(server: Server, changes: tuple[Change, ...], posts: tuple[Post, ...]) -> Walk:
    """Walk to every state of server and client together, and make every post in each."""
    first = (server.first, Store())
    waiting, seen = deque([first]), {_name(*first)}
    found = Walk(0, 0, set(), [])
    while waiting:
        state, store = waiting.popleft()
        found.states += 1
        for after, client in _steps(server, state, store, changes, posts, found):
            if (name := _name(after, client)) not in seen:
                seen.add(name)
                waiting.append((after, client))
    return found


def _steps(
    server: Server,
    state: State,
    store: Store,
    changes: tuple[Change, ...],
    posts: tuple[Post, ...],
    found: Walk,
) -> Iterator[tuple[State, Store]]:
    """Return where every call of the user's, and every change by others, leads."""
    for change in changes:
        if change.possible(json.loads(state)):
            yield server.change(state, change), store
    calls: list[Post | None] = [None, *posts]
    for call in calls:
        visit, client = Visit(server, state), store.copy()
        try:
            own = run(client, visit, call) if call else load(client, visit)
        except AssertionError as error:
            found.endless.append(f"{error} from {state} with {_lists(store)}")
            continue
        found.longest = max(found.longest, len(own))
        found.refused.update(visit.refused)
        if client.gone_to and "basket" not in client.gone_to:
            client = Store()  # the browser went to another page, and all of the store with it
        client.gone_to = None
        yield visit.state, client


def _name(state: State, store: Store) -> str:
    return state + _lists(store)


def _lists(store: Store) -> str:
    return json.dumps({name: [one.get("pk") for one in kept] for name, kept in store.lists.items()})


@pytest.mark.parametrize(
    ("changes", "posts", "met"),
    [
        pytest.param(BY_THE_ADMIN, POSTS, MET_BY_ALL_POSTS, id="admin"),
        pytest.param(BY_THE_SHOP, GOOD_POSTS, MET_BY_GOOD_POSTS, id="options and plans"),
        pytest.param(BY_THE_BACK_END, GOOD_POSTS, MET_BY_GOOD_POSTS, id="back end"),
        pytest.param(BY_THE_SHOP, PAYING_POSTS, MET_BY_PAYING, id="paying"),
        pytest.param(IN_ANOTHER_TAB, GOOD_POSTS, MET_BY_GOOD_POSTS, id="another tab"),
    ],
)
def test_the_client_never_posts_for_ever(
    shop: Shop,
    changes: tuple[Change, ...],
    posts: tuple[Post, ...],
    met: set[type[PageRefusal]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if posts is PAYING_POSTS:
        shop.set("PAYMENT_GATEWAY", "sandbox")
    # However long the walk takes, a charge that never arrived stays unknown.
    monkeypatch.setattr(payments, "ASK_FINALLY_AFTER_MS", 10**9)
    shop.open_pre_order()
    found = walk(Server(shop), changes, posts)
    print(f"{found.states} states of server and client, at most {found.longest} calls of its own")
    assert found.endless == [], "\n".join([f"{len(found.endless)} endless", *found.endless[:5]])
    assert found.states > 50
    assert 1 <= found.longest <= MOST_CALLS
    said = "\n".join(found.refused)
    assert [one for one in met if not re.search(_pattern(one), said)] == []


def test_the_documented_call_of_its_own_is_the_only_one_in_scenario_2(shop: Shop) -> None:
    """Protocol 3.5: the client itself posts the instalment again, and meets the guide's error."""
    shop.open_pre_order()
    storefront, store = shop.storefront(), Store()
    assert load(store, storefront) == [("PaymentOptionSelectionPage", (("payment_option", "1"),))]
    by_itself = ("InstallmentSelectionPage", (("installment", "1"),))
    steps: list[tuple[Post, list[Post]]] = [
        (("LoyaltyMoneyUsagePage", (("loyalty_amount_to_use", "10.00"),)), []),
        (("PaymentOptionSelectionPage", (("payment_option", "1"),)), []),
        (("BinNumberPage", (("bin_number", "545454"),)), [by_itself]),
        (("LoyaltyMoneyUsagePage", (("loyalty_amount_to_use", "40.00"),)), [by_itself]),
        (("PaymentOptionSelectionPage", (("payment_option", "2"),)), []),
        (("LoyaltyPaymentSelectedPage", (("agreement", "true"),)), []),
    ]
    for post, own in steps:
        assert run(store, storefront, post) == own
    assert store.errors == {"non_field_errors": [page_errors.FullyCovered.fallback]}
    assert store.gone_to is not None
    assert store.gone_to.startswith("/orders/completed/")


def test_the_simulator_notices_a_server_that_answers_in_circles(shop: Shop) -> None:
    """Protocol 0, rule 6, as a server without the empty list of instalments would answer."""

    class Circular(Storefront):
        def post(self, page: str, /, **fields: str) -> Json:
            envelope = super().post(page, **fields)
            for context in envelope["context_list"]:
                if context["page_context"].get("installments") == []:
                    context["page_context"] = {}
            return envelope

    shop.open_pre_order()
    store = Store()
    storefront = Circular(shop, shop.session(), "try")
    load(store, storefront)
    run(store, storefront, ("BinNumberPage", (("bin_number", "545454"),)))
    whole = ("LoyaltyMoneyUsagePage", (("loyalty_amount_to_use", "40.00"),))
    with pytest.raises(AssertionError, match="does not end"):
        run(store, storefront, whole)
