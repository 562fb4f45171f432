"""Whatever shoppers, the shop and its gateway do: money is taken once, for an order, or not at all.

Walks over the whole application with retries, two tabs and two currencies, wrong bodies, cards
that fail in every way, and functions that are killed between two steps of a payment.
"""

from typing import Any, Final

import pytest
from hypothesis import event, settings
from hypothesis import strategies as st
from hypothesis.stateful import rule

from chalicelib.outside.sandbox import APPROVES, LOSES_ANSWER, TEST_CARDS
from tests.core.made import ONE_PAYMENT, THREE_PAYMENTS
from tests.properties.walk import LATE_S, MISHAPS, OTHERWISE, SETTINGS, Walk

FORMS: Final[dict[str, tuple[dict[str, str], ...]]] = {
    "IndexPage": ({}, {"page": "x"}),
    "LoyaltyMoneyUsagePage": (
        *({"loyalty_amount_to_use": text} for text in ("10.00", "30.00", "40.00", "0.00")),
        *({"loyalty_amount_to_use": text} for text in ("-1.00", "1e3", "999999.00", "0.001")),
        {},
    ),
    "LoyaltyMoneyPage": ({"agreement": "true"}, {"agreement": "on"}, {"agreement": "no"}, {}),
    "LoyaltyPaymentSelectedPage": ({"agreement": "1"}, {}),
    "PaymentOptionSelectionPage": tuple(
        {"payment_option": text} for text in ("1", "1", "2", "3", "9", "x")
    ),
    "BinNumberPage": (
        *({"bin_number": text} for text in ("411111", "555555", "400000", "41111", "4111111111")),
        {},
    ),
    "InstallmentSelectionPage": tuple({"installment": text} for text in ("1", "1", "2", "7", "")),
    "FundsTransferChoicePage": tuple({"bank_account": text} for text in ("1", "1", "5", "")),
    "FundsTransferPage": ({"agreement": "1"}, {"agreement": "1"}, {}),
    "CreditCardConfirmationPage": ({"agreement": "1"}, {}),
    "NoSuchPage": ({},),
}
"""What is posted to each page, right and wrong."""

WRONG_BODIES: Final = (
    *(b"", b"[1]", b"{", b"null", b'"x"', b"\xff", b"[" * 5000, b'{"agreement":{"a":1}}'),
    *(b'{"payment_option":[1],"bin_number":1.5}', b'{"loyalty_amount_to_use":40}'),
)
WRONG_CARDS: Final = ({"card_cvv": "x"}, {"card_year": "2020"}, {"card_holder": ""})

users = st.sampled_from(["1001", "1001", "1001", "1002"])
tabs = st.sampled_from([0, 1])
currencies = st.sampled_from(["try", "try", "usd"])
repeats = st.sampled_from([1, 1, 2, 4])
cards = st.sampled_from(sorted(TEST_CARDS))
mostly = st.sampled_from([True, True, True, False])
mishaps = st.sampled_from(["none"] * 6 + [*MISHAPS])
references = st.sampled_from(["b-0", "b-0", "b-1", "b-2", "b-3"])
totals = st.sampled_from(["40.00", "40.00", "10.00", "60.00"])
forms = st.sampled_from([(page, form) for page, found in FORMS.items() for form in found])
looks = st.sampled_from([None, "LoyaltyMoneyUsagePage", "IndexPage"])
bodies = st.sampled_from(WRONG_BODIES)
where: Final = {"user": users, "tab": tabs, "currency": currencies}

STEPS: Final[dict[str, tuple[int, dict[str, st.SearchStrategy[Any]]]]] = {
    "post": (6, {**where, "todo": forms, "times": repeats, "mishap": mishaps}),
    "pay": (
        4,
        {**where, "card": cards, "wrong": st.sampled_from([{}] * 6 + [*WRONG_CARDS])}
        | {"times": repeats, "mishap": mishaps},
    ),
    "look_at": (1, {**where, "page": looks}),
    "garble": (1, {**where, "page": st.sampled_from([*FORMS]), "body": bodies}),
    "open": (2, {"user": users, "currency": currencies, "reference": references, "total": totals}),
    "come_to_card": (
        6,
        {**where, "reference": references, "total": totals, "card": cards, "mishap": mishaps}
        | {"credit": st.sampled_from(["10.00", "10.00", "30.00", "0.00", "9.99"])}
        | {"plan": st.sampled_from([ONE_PAYMENT.pk, THREE_PAYMENTS.pk]), "times": repeats},
    ),
    "come_to_funds": (1, {**where, "reference": references, "times": repeats}),
    "cover": (2, {**where, "reference": references, "times": repeats, "mishap": mishaps}),
    "meet_in_two_currencies": (2, {"mishap": mishaps, "other": st.booleans(), "card": cards}),
    "wait": (2, {"seconds": st.sampled_from([1, 20, LATE_S - 1, LATE_S, 200])}),
    "schedule": (2, {"mishap": mishaps}),
    "switch": (1, {"name": st.sampled_from([*SETTINGS]), "plain": mostly}),
    "send": (2, {"away": st.booleans(), "amount": st.sampled_from(["5.00", "25.00", "40.00"])}),
    "reserve": (1, {"currency": currencies, "count": st.sampled_from([1, 1, 8])}),
    "end_a_hold": (2, {"number": st.integers(0, 11), "capture": st.booleans()}),
    "refund": (1, {"reference": references, "amount": st.sampled_from(["1.00", "10.00"])}),
}
"""Every step that a walk may consist of: its weight, and its arguments."""

CHOICES: Final = [
    st.tuples(st.just(name), st.fixed_dictionaries(words))
    for name, (weight, words) in STEPS.items()
    for _ in range(weight)
]


class Pages(Walk):
    """All steps of shoppers, of the shop, of its staff and of time."""

    # --- shoppers -------------------------------------------------------------------------------

    def post(
        self,
        user: str,
        tab: int,
        currency: str,
        todo: tuple[str, dict[str, str]],
        times: int = 1,
        mishap: str = "none",
    ) -> None:
        """Post a page, and repeat it as the client does; the first may meet a mishap."""
        page, form = todo
        front = self.front(user, tab, currency)
        for at in range(times):
            with self.suffering("none" if at else mishap):
                fields = {name: text for name, text in form.items() if name != "page"}
                event(f"{page}: {self.heard(front.post(page, **fields))}")

    def pay(
        self,
        user: str,
        tab: int,
        currency: str,
        card: str,
        wrong: dict[str, str],
        times: int = 1,
        mishap: str = "none",
    ) -> None:
        """Confirm a payment by card."""
        form = {
            "agreement": "1",
            "card_holder": "Ada",
            "card_number": card,
            "card_month": "12",
            "card_year": "2030",
            "card_cvv": "123",
        } | wrong
        self.post(user, tab, currency, ("CreditCardConfirmationPage", form), times, mishap)

    def look_at(self, user: str, tab: int, currency: str, page: str | None) -> None:
        """Load the checkout, or another page."""
        event(f"look: {self.heard(self.front(user, tab, currency).show(page))}")

    def garble(self, user: str, tab: int, currency: str, page: str, body: bytes) -> None:
        """Post what nobody can read."""
        self.heard(self.front(user, tab, currency).post_json(page, body))

    def come_to_card(
        self,
        user: str,
        tab: int,
        currency: str,
        reference: str,
        *,
        card: str,
        total: str = "40.00",
        credit: str = "10.00",
        plan: int = ONE_PAYMENT.pk,
        mishap: str = "none",
        times: int = 1,
    ) -> None:
        """Go the whole way to a payment by card, and confirm it."""
        self.open(user, currency, reference, total)
        for todo in (
            ("LoyaltyMoneyUsagePage", {"loyalty_amount_to_use": credit}),
            ("PaymentOptionSelectionPage", {"payment_option": "1"}),
            ("BinNumberPage", {"bin_number": card[:6]}),
            ("InstallmentSelectionPage", {"installment": str(plan)}),
        ):
            self.post(user, tab, currency, todo)
        self.pay(user, tab, currency, card, {}, times, mishap)

    def come_to_funds(self, user: str, tab: int, currency: str, reference: str, times: int) -> None:
        """Go the whole way to a funds transfer, and confirm it."""
        self.open(user, currency, reference, "40.00")
        for todo in (
            ("LoyaltyMoneyUsagePage", {"loyalty_amount_to_use": "10.00"}),
            ("PaymentOptionSelectionPage", {"payment_option": "3"}),
            ("FundsTransferChoicePage", {"bank_account": "1"}),
        ):
            self.post(user, tab, currency, todo)
        self.post(user, tab, currency, ("FundsTransferPage", {"agreement": "1"}), times)

    def cover(
        self, user: str, tab: int, currency: str, reference: str, times: int, mishap: str
    ) -> None:
        """Pay a whole order with credit."""
        self.open(user, currency, reference, "10.00")
        amount = {"loyalty_amount_to_use": "10.00"}
        self.post(user, tab, currency, ("LoyaltyMoneyUsagePage", amount))
        self.post(user, tab, currency, ("LoyaltyMoneyPage", {"agreement": "true"}), times, mishap)

    def meet_in_two_currencies(self, mishap: str, other: bool, card: str) -> None:
        """Let a basket be ordered in one currency while a card pays it in the other."""
        reference = f"m-{self.new_id()}"
        first = card if other else LOSES_ANSWER
        self.come_to_card("1001", 0, "usd", reference, card=first)
        if other:
            self.cover("1001", 1, "try", reference, 1, "none")
        else:
            self.come_to_card("1001", 1, "try", reference, card=APPROVES)
        with self.suffering(mishap):
            self.look()
        self.look_at("1001", 0, "usd", None)

    # --- the shop and its staff -----------------------------------------------------------------

    def open(self, user: str, currency: str, reference: str, total: str) -> None:
        """Open or replace a checkout; what is completed or being paid stays."""
        body = {"reference": reference, "total_amount": total}
        reply = self.shop.staff("PUT", f"/pre-orders/{user}/{currency.upper()}", body)
        event(f"open: {reply.status}")
        assert reply.status in {200, 201, 409}, reply.text

    def switch(self, name: str, plain: bool) -> None:
        """Switch a setting."""
        self.shop.set(name, (SETTINGS if plain else OTHERWISE)[name])

    def send(self, away: bool, amount: str) -> None:
        """Send credit to ada, or away from her."""
        pair = ("1001", "1000") if away else ("1000", "1001")
        body = {"from": {"user_pk": pair[0]}, "to": {"user_pk": pair[1]}}
        reply = self.shop.staff(
            "PUT", f"/transfers/{self.new_id()}", {**body, "currency": "TRY", "amount": amount}
        )
        event(f"send: {reply.status}")
        assert reply.status in {201, 409, 422}, reply.text

    def reserve(self, currency: str, count: int) -> None:
        """Hold credit of ada's."""
        for _ in range(count):
            path = f"/accounts/1001/{currency.upper()}/holds/{self.new_id()}"
            reply = self.shop.staff("PUT", path, {"amount": "1.00"})
            event(f"hold: {reply.status}")
            assert reply.status in {201, 403, 409, 422}, reply.text

    def end_a_hold(self, number: int, capture: bool) -> None:
        """Capture or void a hold as staff; one of a checkout has a name that nobody may use."""
        found = [row for row in self.before["test-holds"] if row["state"]["S"] == "open"]
        if not found:
            return
        hold = found[-1 - number % len(found)]
        _, user, currency = hold["account"]["S"].split("#")
        name = hold["id"]["S"].replace(":", "%3A")
        verb = "capture" if capture else "void"
        path = f"/accounts/{user}/{currency}/holds/{name}/{verb}"
        reply = self.shop.staff("POST", path, {})
        event(f"{verb}: {reply.status}")
        assert (reply.status < 300) <= (":" not in hold["id"]["S"]), reply.text

    def refund(self, reference: str, amount: str) -> None:
        """Give back credit of an order."""
        path = f"/orders/{reference}/refunds/{self.new_id()}"
        reply = self.shop.staff("PUT", path, {"amount": amount})
        event(f"refund: {reply.status}")
        assert reply.status in {201, 404, 409, 422}, reply.text

    # --- time -----------------------------------------------------------------------------------

    def wait(self, seconds: int) -> None:
        """Let time go by."""
        self.pass_time(seconds)

    def schedule(self, mishap: str) -> None:
        """Let the schedule look at the payments in progress."""
        with self.suffering(mishap):
            ended = self.look()
            event(f"schedule: {ended.completed > 0}, {ended.declined > 0}, {ended.in_progress > 0}")

    @rule(todo=st.one_of(CHOICES))
    def step(self, todo: tuple[str, dict[str, Any]]) -> None:
        """Take one step."""
        name, words = todo
        getattr(self, name)(**words)


# Hypothesis may search some minutes for the shortest walk that fails; let it come to say it.
TestPages = pytest.mark.timeout(1200)(pytest.mark.proof(Pages.TestCase))
TestPages.settings = settings(
    max_examples=max(12, settings().max_examples // 10),
    stateful_step_count=max(20, settings().stateful_step_count // 2),
)
