"""Whatever a shopper has done: after an erasure no stored row says who it was, and the books audit.

Shoppers are drawn at random. Their address, and a mark in all that is handed over with a basket,
are looked for in every row of every table, with the lists of distributions unpacked.
"""

import json
import zlib
from collections.abc import Iterator
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib import privacy, registry
from chalicelib.core.distribution_rows import parse_csv
from chalicelib.core.errors import Refusal
from chalicelib.core.page_errors import PageRefusal
from chalicelib.core.transitions import PageEvent
from chalicelib.outside import sandbox
from chalicelib.privacy.erasure import RemainingCredit
from tests.properties.books import Books, audit
from tests.store.engine import empty_store, tables_on_moto
from tests.store.wire import Json, Wire
from tests.verbs import campaigns, shop

MARKS: Final = ("ockham", "lovelace", "mary.somerville")
CONTENT: Final = '{"basket":{"basketitem_set":[]},"shipping_address":{"line":"Ockham Park"}}'
ADDRESSES: Final = ("Ada.Lovelace@example.com", "ada@lovelace.example", "mary.somerville@x.org")


@pytest.fixture(scope="module")
def tables() -> Iterator[None]:
    with tables_on_moto():
        yield


def personal(wire: Wire) -> list[str]:
    """Return what any row holds of the marks, with its table."""
    rows = [(table, text_of(row)) for table, all_of in wire.everything().items() for row in all_of]
    return [f"{table}: {mark}" for table, text in rows for mark in MARKS if mark in text]


def text_of(row: Json) -> str:
    packed = [value["B"] for value in row.values() if "B" in value]
    lists = [zlib.decompress(content).decode() for content in packed]
    return (json.dumps(row, ensure_ascii=False, default=str) + "".join(lists)).lower()


# --- what a shopper does ------------------------------------------------------------------------


def change_address(number: int) -> None:
    address = ADDRESSES[number % len(ADDRESSES)]
    registry.register_user(shop.call(), shop.CHANNEL, "ada", address)


def begin(number: int) -> None:
    currency = ("TRY", "USD")[number % 2]
    shop.open_checkout("ada", 500, currency, reference=f"open-{number}", content=CONTENT)


def order(number: int) -> None:
    shop.open_checkout("ada", 100, reference=f"order-{number}", content=CONTENT)
    shop.visit("ada", PageEvent.USE_CREDIT, "1.00")
    shop.visit("ada", PageEvent.COMPLETE, "true")


def pay_by_card(number: int) -> None:
    cards = (sandbox.APPROVES, sandbox.DECLINES)
    card = cards[number % 2]
    shop.open_checkout("ada", 400, reference=f"card-{number}", content=CONTENT)
    for event, text in (
        (PageEvent.USE_CREDIT, "1.00"),
        (PageEvent.SELECT_OPTION, "1"),
        (PageEvent.ENTER_BIN, card[:6]),
        (PageEvent.CHOOSE_INSTALLMENT, "1"),
    ):
        shop.visit("ada", event, text)
    shop.pay(card=card)


def refund(number: int) -> None:
    shop.refund_order(f"r-{number}", "0.50", f"order-{number - 1}")


def distribute(number: int) -> None:
    """Upload a file with her address in a row that cannot be credited, and in others that can."""
    lines = [f"{each},1.00,spring" for each in ADDRESSES]
    text = "user_email,amount,note\n" + "\n".join([*lines, f"{lines[0]},9", "Ada Lovelace,2.00,"])
    campaigns.preview(f"d-{number}", parse_csv(text.encode(), "TRY"))
    campaigns.run(f"d-{number}", skip=True)
    campaigns.work_off()


def keep(number: int) -> None:
    shop.hold(f"h-{number}", amount="1.00")
    shop.capture(f"h-{number}", amount="0.50")


STEPS: Final = (change_address, begin, order, pay_by_card, refund, distribute, keep)


def live(steps: list[int]) -> None:
    for number, step in enumerate(steps):
        try:
            STEPS[step](number)
        except (Refusal, PageRefusal):
            continue  # what a shopper may not do has left nothing


def erase(wire: Wire, credit: RemainingCredit) -> None:
    privacy.erase(shop.call(3600), shop.CHANNEL, "ada", credit)
    assert personal(wire) == []
    audit(Books.of(wire.everything()))


@settings(max_examples=max(10, settings().max_examples // 10))
@given(
    st.lists(st.integers(0, len(STEPS) - 1), max_size=6),
    st.sampled_from(("keep", "expire")),
    st.lists(st.integers(0, len(STEPS) - 1), max_size=3),
)
def test_nothing_personal_is_left_of_any_shopper(
    tables: None, steps: list[int], credit: RemainingCredit, after: list[int]
) -> None:
    """Also of one who was registered again, and then erased for good."""
    with empty_store() as wire:
        shop.open_shop()
        campaigns.open_primary()
        change_address(0)
        shop.open_account("ada", "50.00")
        live(steps)
        assert personal(wire)
        erase(wire, credit)
        change_address(0)
        live([*steps, *after])
        assert personal(wire)
        erase(wire, credit)
