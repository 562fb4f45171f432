"""Orders as files and requests bring them: each bad line is told, and then none is taken."""

import pytest

from chalicelib.core.errors import BadOrders, InvalidCsv, TooManyRows, UnknownCurrency
from chalicelib.core.reconciliation_orders import MAX_TOLD, Order, parse_csv, parse_orders


def bad(text: str, currency: str | None = "TRY") -> list[tuple[str, str]]:
    with pytest.raises(BadOrders) as caught:
        parse_csv(text.encode(), currency)
    return [(error.field, error.code) for error in caught.value.errors]


def test_a_file_in_one_currency_is_read() -> None:
    text = "\ufefforder;paid\r\n100-1;25.00\r\n\r\n100_2;0\r\n"
    assert parse_csv(text.encode(), "TRY") == (
        Order("100-1", "TRY", 2500),
        Order("100_2", "TRY", 0),
    )


def test_each_order_may_name_its_currency() -> None:
    text = "Currency,paid,order\nJPY,25,a\nTRY,25,a\n"
    assert parse_csv(text.encode(), None) == (Order("a", "JPY", 25), Order("a", "TRY", 2500))


def test_a_header_alone_is_a_period_without_orders() -> None:
    assert parse_csv(b"order,paid\n", "TRY") == parse_orders([], "TRY") == ()


@pytest.mark.parametrize("text", ["", "order,amount\n", "order\n", "order,paid,paid\n", "1,2.00\n"])
def test_a_file_without_a_good_header_is_refused(text: str) -> None:
    with pytest.raises(InvalidCsv):
        parse_csv(text.encode(), "TRY")


def test_every_bad_line_is_named_at_once() -> None:
    lines = [
        "order,paid,currency",
        "good,1.00,",
        "a b,1.00,",
        "o-1,1,50",
        "o-2,-1.00,",
        "o-3,1.001,TRY",
        "o-4,1.00,USD",
        "good,2.00,TRY",
        'o-5,"1,"00,',
        "o-6,1.00",
        "ö,1.00,",
        f"{'x' * 129},1.00,",
        ",1.00,",
        "=1+1,1.00,",
    ]
    assert bad("\n".join(lines)) == [
        ("line 3", "invalid_order"),
        ("line 4", "other_currency"),
        ("line 5", "invalid_amount"),
        ("line 6", "invalid_amount"),
        ("line 7", "other_currency"),
        ("line 8", "duplicate_order"),
        ("line 9", "broken_quotes"),
        ("line 10", "wrong_cells"),
        ("line 11", "invalid_order"),
        ("line 12", "invalid_order"),
        ("line 13", "invalid_order"),
        ("line 14", "invalid_order"),
    ]


def test_the_line_of_the_first_is_told_of_a_duplicate() -> None:
    with pytest.raises(BadOrders, match="1 of 3 orders") as caught:
        parse_csv(b"order,paid\na,1\nb,1\na,1\n", "TRY")
    assert "Line 2" in caught.value.errors[0].detail


def test_letters_that_are_not_utf_8_are_told() -> None:
    with pytest.raises(BadOrders) as caught:
        parse_csv("order,paid\nç,1\n".encode("windows-1254"), "TRY")
    assert caught.value.errors[0].code == "broken_encoding"


def test_without_one_currency_every_order_names_its_own() -> None:
    assert bad("order,paid\na,1\n", None) == [("line 2", "missing_currency")]
    assert bad("order,paid,currency\na,1,XXX\nb,1,\nc,1,TRY\n", None) == [
        ("line 2", "unknown_currency"),
        ("line 3", "missing_currency"),
    ]


def test_a_currency_that_nobody_knows_is_refused_at_once() -> None:
    with pytest.raises(UnknownCurrency):
        parse_csv(b"order,paid\n", "XXX")


def test_no_more_than_a_hundred_lines_are_named() -> None:
    text = "order,paid\n" + "\n".join(f"o-{number},x" for number in range(MAX_TOLD + 1))
    assert len(bad(text)) == MAX_TOLD
    with pytest.raises(BadOrders, match=f"{MAX_TOLD + 1} of {MAX_TOLD + 1} orders"):
        parse_csv(text.encode(), "TRY")


def test_fifty_thousand_orders_are_the_most() -> None:
    rows = [{"order": f"o-{number}", "paid": "1"} for number in range(50_000)]
    assert len(parse_orders(rows, "TRY")) == 50_000
    with pytest.raises(TooManyRows, match="50,001 orders"):
        parse_orders([*rows, {"order": "one", "paid": "1"}], "TRY")


def test_orders_of_a_request_are_numbered_from_one() -> None:
    rows: list[dict[str, object]] = [
        {"order": "a", "paid": "1.00"},
        {"order": "a", "paid": "1.00", "currency": "TRY"},
        {"order": "b", "paid": 1.0},
        {"order": 7, "paid": "1.00"},
        {"order": "c", "paid": "1.00", "note": "x"},
        {"order": "d"},
        {"paid": "1.00"},
        {"order": "e", "paid": "1.00", "currency": 5},
        {"order": "f", "paid": "\ud800"},
        {"order": "g", "paid": "1.00", "currency": None},
    ]
    with pytest.raises(BadOrders) as caught:
        parse_orders(rows, "TRY")
    assert [(error.field, error.code) for error in caught.value.errors] == [
        ("line 2", "duplicate_order"),
        ("line 3", "invalid_amount"),
        ("line 4", "invalid_order"),
        ("line 5", "unknown_field"),
        ("line 6", "invalid_amount"),
        ("line 7", "invalid_order"),
        ("line 8", "invalid_row"),
        ("line 9", "broken_encoding"),
    ]


@pytest.mark.parametrize(
    ("paid", "said"),
    [
        ("1,50", "1.50"),
        ("1,250.00", "thousands are not parted"),
        ("-1", "0 or more"),
        ("", "plain decimal"),
    ],
)
def test_what_is_wrong_with_an_amount_is_said(paid: str, said: str) -> None:
    with pytest.raises(BadOrders) as caught:
        parse_csv(f'order,paid\na,"{paid}"\n'.encode(), "TRY")
    assert said in caught.value.errors[0].detail
