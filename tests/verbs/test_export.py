"""An export has everything that is stored under a user, page by page, and nobody else's."""

import json
from collections import Counter
from typing import Any, Final

import pytest

from chalicelib import privacy, registry
from chalicelib.core import errors
from chalicelib.core.transitions import PageEvent
from chalicelib.privacy.export import HEAVY_A_PAGE
from chalicelib.store.tables import ROWS, key_names, noun
from tests.store.wire import Json, Wire
from tests.verbs import shop

CONTENT: Final = '{"basket":{"basketitem_set":[{"pk":7}]},"shipping_address":{"line":"Ockham"}}'


@pytest.fixture
def desk(wire: Wire) -> Wire:
    """Open a shop where Ada and Grace have done everything once."""
    shop.open_shop()
    for name in ("ada", "grace"):
        shop.register(name)
        shop.open_account(name, "50.00", account_id=f"{name}-try", key=f"key-{name}")
        shop.open_account(name, "5.00", "USD", account_id=f"{name}-usd")
        buy(name, f"{name}-order-1")
        buy(name, f"{name}-order-2")
        shop.refund_order("r-1", "1.00", f"{name}-order-1")
        shop.hold("h-1", name, "2.00")
        shop.hold("h-2", name, "1.00")
        shop.void("h-2", name)
        shop.hold("h-3", name, "1.00", "USD")
        shop.capture("h-3", name, currency="USD")
        shop.open_checkout(name, 900, "USD", reference=f"{name}-open", content=CONTENT)
    shop.send("t-1", "ada", "grace", "1.00", note="thanks")
    return wire


def buy(user_pk: str, reference: str) -> None:
    shop.open_checkout(user_pk, 1000, reference=reference, content=CONTENT)
    shop.visit(user_pk, PageEvent.USE_CREDIT, "10.00")
    assert shop.visit(user_pk, PageEvent.COMPLETE, "true").refusal is None


def exported(limit: int = 50, user_pk: str = "ada") -> list[tuple[str, Json]]:
    items: list[tuple[str, Json]] = []
    start: Any = None
    while True:
        page, start = privacy.export(shop.call(60), shop.CHANNEL, user_pk, limit=limit, start=start)
        assert len(page) <= limit
        items += page
        if start is None:
            return items


def stored_under(wire: Wire, user_pk: str) -> Counter[str]:
    """Return how many rows each table has whose key or owner is a user, out of a scan."""
    owners = {f"demo#{user_pk}", user_pk}
    found: Counter[str] = Counter()
    for row in ROWS:
        for item in wire.everything()[f"test-{noun(row)}"]:
            names = {*key_names(row), "user", "user_pk"} & item.keys()
            texts = {item[name]["S"] for name in names}
            if any(text in owners or text.startswith(f"demo#{user_pk}#") for text in texts):
                found[noun(row)] += 1
    return found


def test_every_row_that_is_stored_under_a_user_is_in_it(desk: Wire) -> None:
    kinds = Counter(kind for kind, _ in exported())
    stored = stored_under(desk, "ada")
    assert set(stored) == {
        *("users", "user_emails", "accounts", "account_ids", "entries", "holds"),
        *("pre_orders", "orders", "order_contents"),
    }
    assert kinds["user"] == stored["users"] == stored["user_emails"] == 1
    assert kinds["account"] == stored["accounts"] == 2
    assert kinds["entry"] == stored["entries"] == 7
    assert kinds["hold"] == stored["holds"] == 3
    assert kinds["order"] == stored["orders"] == 2
    assert kinds["order_contents"] == stored["order_contents"] == 2
    assert kinds["pre_order"] + kinds["basket"] == stored["pre_orders"] == 4
    # Each account has its id, and one of them the caller's key.
    assert stored["account_ids"] == kinds["account"] + 1


BESIDE: Final = {
    *("entry_hash", "hash", "salt", "contents_hash", "content_hash", "idempotency_key"),
    *("by", "ended_by", "channel", "currency_account_id", "at_seq", "digits", "open_holds", "rev"),
    *("entry_ms", "seq", "installment_price", "user", "account", "payment_key"),
}
"""Proofs, copies of keys, and who of the staff did it: nothing that a shopper has said or done."""


def test_every_text_that_is_stored_under_a_user_is_in_it(desk: Wire) -> None:
    """A new attribute that says something of a shopper must come into the export, or be named."""
    given = json.dumps(exported(), ensure_ascii=False)
    for table in ("users", "accounts", "entries", "holds", "pre_orders", "orders"):
        for row in desk.everything()[f"test-{table}"]:
            owner = row.get("user") or row["account"]
            if owner["S"].split("#")[1] != "ada":
                continue
            for name in row.keys() - BESIDE - {"content", "id", "currency"}:
                text = row[name].get("S")
                assert text is None or text in given, (table, name, text)


def test_it_says_what_was_said_and_done(desk: Wire) -> None:
    by_kind: dict[str, list[Json]] = {}
    for kind, content in exported():
        by_kind.setdefault(kind, []).append(content)
    (user,) = by_kind["user"]
    assert (user["user_pk"], user["email"]) == ("ada", "ada@example.com")
    assert by_kind["account"][0] | {"created_at": ""} == {
        "account_id": "ada-try",
        "currency": "TRY",
        "balance": "30.00",
        "available": "28.00",
        "held": "2.00",
        "debit_card_allowed": False,
        "opening_balance": "50.00",
        "entries": 5,
        "created_at": "",
    }
    last = [each for each in by_kind["entry"] if each["currency"] == "TRY"][-1]
    assert (last["amount"], last["note"], last["counterparty"]) == ("-1.00", "thanks", "grace-try")
    assert [each["state"] for each in by_kind["hold"]] == ["open", "voided", "captured"]
    refunds = {order["reference"]: order["refunded"] for order in by_kind["order"]}
    assert refunds == {"ada-order-1": "1.00", "ada-order-2": "0.00"}
    assert by_kind["order_contents"][0]["content"] == json.loads(CONTENT)
    assert by_kind["order_contents"][0]["user_email"] == "ada@example.com"
    states = {each["currency"]: each["state"] for each in by_kind["pre_order"]}
    assert states == {"TRY": "completed", "USD": "open"}
    assert by_kind["basket"][-1] == {"currency": "USD", "content": json.loads(CONTENT)}


def test_nothing_of_another_shopper_is_in_it_but_the_account_that_was_dealt_with(
    desk: Wire,
) -> None:
    others = [content for _, content in exported() if "grace" in json.dumps(content)]
    assert [each["counterparty"] for each in others] == ["grace-try"]


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 50])
def test_pages_of_any_size_make_the_same_whole(desk: Wire, limit: int) -> None:
    whole = exported()
    paged = exported(limit)
    assert sorted(map(json.dumps, paged)) == sorted(map(json.dumps, whole))
    assert len(paged) == len({json.dumps(item) for item in paged})


def test_no_page_has_more_baskets_than_an_answer_may_hold(wire: Wire) -> None:
    shop.open_shop()
    shop.register("ada")
    shop.open_account("ada", "500.00")
    for number in range(HEAVY_A_PAGE * 2 + 1):
        buy("ada", f"order-{number:02}")
    start: Any = None
    counts = []
    while True:
        page, start = privacy.export(shop.call(), shop.CHANNEL, "ada", limit=50, start=start)
        counts.append(sum(kind in {"basket", "order_contents"} for kind, _ in page))
        if start is None:
            break
    assert max(counts) == HEAVY_A_PAGE
    assert sum(counts) == HEAVY_A_PAGE * 2 + 2


def test_who_was_erased_is_exported_as_what_is_left(desk: Wire) -> None:
    privacy.erase(shop.call(60), shop.CHANNEL, "ada", "keep")
    items = exported()
    kinds = Counter(kind for kind, _ in items)
    assert (kinds["basket"], kinds["order_contents"], kinds["order"]) == (0, 0, 2)
    (user,) = [content for kind, content in items if kind == "user"]
    assert (user["email"], user["erased_at"]) == (None, "2026-03-01T12:01:00.123Z")
    text = json.dumps(items)
    assert "ada@example.com" not in text
    assert "Ockham" not in text


def test_who_never_was_has_nothing_to_export(desk: Wire) -> None:
    with pytest.raises(errors.UnknownUser):
        exported(user_pk="nobody")
    with pytest.raises(errors.UnknownChannel):
        privacy.export(shop.call(), "none", "ada", limit=5, start=None)


def test_a_user_who_has_done_nothing_is_one_item(wire: Wire) -> None:
    shop.open_shop()
    registry.register_user(shop.call(), shop.CHANNEL, "mary", "m@example.com")
    assert [kind for kind, _ in exported(user_pk="mary")] == ["user"]
