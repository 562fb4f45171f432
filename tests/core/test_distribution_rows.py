"""The rows of a distribution: every one is read or told, whatever the file holds."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.distribution_rows import (
    MAX_ROWS,
    BadRow,
    Naming,
    ParsedRows,
    Row,
    parse_csv,
    parse_rows,
    told_of,
)
from chalicelib.core.errors import InvalidCsv, TooManyRows, UnknownCurrency

HEADER = "user_pk,amount,note\n"


def parsed(text: str, currency: str = "TRY", *, encoding: str = "utf-8") -> ParsedRows:
    return parse_csv(text.encode(encoding), currency)


def bad_codes(text: str, currency: str = "TRY") -> list[tuple[int, str]]:
    return [(row.line, row.code) for row in parsed(text, currency).bad]


def only(text: str, currency: str = "TRY") -> BadRow:
    found = parsed(HEADER + text, currency)
    assert found.rows == ()
    (bad,) = found.bad
    return bad


# --- good files ---------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("delimiter", [",", ";"])
def test_a_file_is_read_as_spreadsheets_write_it(encoding: str, end: str, delimiter: str) -> None:
    lines = [
        "User_Email,AMOUNT , note",
        "ada@example.com,5.00,çay için",
        "grace@example.com,2,",
        "",
    ]
    text = end.join(lines).replace(",", delimiter)
    assert parsed(text, encoding=encoding) == ParsedRows(
        (
            Row(2, "user_email", "ada@example.com", 500, "çay için"),
            Row(3, "user_email", "grace@example.com", 200, None),
        ),
        (),
    )


@pytest.mark.parametrize("naming", ["user_email", "user_pk", "account_id"])
@pytest.mark.parametrize("order", ["{naming},amount", "amount,{naming}", "note,amount,{naming}"])
def test_columns_may_stand_in_any_order(naming: str, order: str) -> None:
    header = order.format(naming=naming)
    cells = {naming: "a@b" if naming == "user_email" else "a-b", "amount": "1.00", "note": ""}
    found = parsed(f"{header}\n{','.join(cells[name] for name in header.split(','))}\n")
    assert [(row.naming, row.amount) for row in found.rows] == [(naming, 100)]


def test_lines_are_those_where_a_row_begins() -> None:
    text = HEADER + '\nada,1.00,"two\nlines, and a comma"\n\n\ngrace,x,\nalan,1.00,"a ""quote"""\n'
    found = parsed(text)
    assert [(row.line, row.note) for row in found.rows] == [
        (3, "two\nlines, and a comma"),
        (8, 'a "quote"'),
    ]
    assert [row.line for row in found.bad] == [7]


@pytest.mark.parametrize("delimiter", [",", ";"])
def test_lines_without_text_are_skipped_but_counted(delimiter: str) -> None:
    text = "\n  \nuser_pk,amount\n\n   \nada,1\n,\n\ngrace,2\n\n".replace(",", delimiter)
    assert parsed(text) == ParsedRows(
        (Row(6, "user_pk", "ada", 100, None), Row(9, "user_pk", "grace", 200, None)), ()
    )


def test_spaces_around_a_cell_are_none_of_it() -> None:
    found = parsed(HEADER + '  ada ," 1.00 ",  a note  \n ada,1,   \n')
    assert [(row.recipient, row.note) for row in found.rows] == [("ada", "a note"), ("ada", None)]


@pytest.mark.parametrize(
    ("currency", "text", "minor"), [("TRY", "10", 1000), ("JPY", "10", 10), ("KWD", "0.001", 1)]
)
def test_amounts_are_in_the_currencys_own_digits(currency: str, text: str, minor: int) -> None:
    assert parsed(f"user_pk,amount\nada,{text}\n", currency).rows[0].amount == minor


# --- bad files ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n\n",
        "ada,1.00\n",
        "user_pk\nada\n",
        "amount\n1.00\n",
        "user_pk,user_email,amount\nada,a@b,1\n",
        "user_pk,amount,amount\nada,1,1\n",
        "user_pk,amount,colour\nada,1,red\n",
        "user_pk|amount\nada|1\n",
        "user_pk\tamount\nada\t1\n",
        '"user_pk,amount\nada,1\n',
        "PK\x03\x04\x14\x00\x06\x00",
    ],
)
def test_a_file_without_a_good_header_is_refused_as_a_whole(text: str) -> None:
    with pytest.raises(InvalidCsv, match="must name the columns"):
        parsed(text)


def test_the_refusal_shows_what_was_found() -> None:
    with pytest.raises(InvalidCsv, match="is 'who;amount'"):
        parsed("who;amount\nada;1\n")
    with pytest.raises(InvalidCsv, match="is '\"user_pk,amount'"):
        parsed('"user_pk,amount\nada,1\n')
    with pytest.raises(InvalidCsv, match=r"is 'x{80}'\. The"):
        parsed("x" * 5000)
    with pytest.raises(InvalidCsv, match="is empty"):
        parsed("\ufeff \r\n")


def test_a_file_without_rows_is_refused() -> None:
    with pytest.raises(InvalidCsv, match="no rows"):
        parsed(HEADER)
    with pytest.raises(InvalidCsv, match="no rows"):
        parse_rows([], "TRY")


def test_a_distribution_has_at_most_20_000_rows() -> None:
    row = "ada,1.00,\n"
    assert len(parsed(HEADER + row * MAX_ROWS).rows) == MAX_ROWS == 20_000
    with pytest.raises(TooManyRows, match="20,001 rows"):
        parsed(HEADER + row * 20_000 + "x,x,x\n")
    with pytest.raises(TooManyRows):
        parse_rows([GOOD_ROW] * 20_001, "TRY")


def test_a_currency_is_known_or_refused() -> None:
    with pytest.raises(UnknownCurrency):
        parsed(HEADER + "ada,1.00,\n", "XXX")
    with pytest.raises(UnknownCurrency):
        parse_rows([{"user_pk": "ada", "amount": "1"}], "XXX")


# --- bad rows -----------------------------------------------------------------------------------


def test_every_bad_row_is_told_at_once() -> None:
    text = (
        "user_email,amount,note\n"
        "ada@example.com,1.00,\n"
        "ada,1.00,\n"
        "ada@example.com,-1.00,\n"
        "ada@example.com,1.005,\n"
        "=HYPERLINK(1),1.00,\n"
        "ada@example.com,1.00\n"
        "ada@example.com,1.00,+note\n"
    )
    assert bad_codes(text) == [
        (3, "invalid_recipient"),
        (4, "invalid_amount"),
        (5, "invalid_amount"),
        (6, "formula"),
        (7, "wrong_cells"),
        (8, "formula"),
    ]


@pytest.mark.parametrize(
    ("amount", "said"),
    [
        ("-5.00", "must be more than zero"),
        ("0", "must be more than zero"),
        ("0.00", "must be more than zero"),
        ('"10,50"', "after a point: 10.50"),
        ('"0,5"', "after a point: 0.5"),
        ('"10,5055"', "such as 10.00."),
        ('"abc,de"', "such as 10.00."),
        ('"1,000"', "thousands are not parted"),
        ('"1,000.00"', "thousands are not parted"),
        ('"1.000,50"', "thousands are not parted"),
        ("1 000", "thousands are not parted"),
        ("1.000", "thousands are not parted"),
        ("1.005", "at most 2 decimal digits"),
        ("1e3", "plain decimal"),
        ("ten", "plain decimal"),
        ("", "plain decimal"),
        ("=1+1", "plain decimal"),
        ("1" + "0" * 15, "plain decimal"),
        ("₺5", "plain decimal"),
    ],
)
def test_an_amount_that_is_none_is_told_in_a_sentence(amount: str, said: str) -> None:
    bad = only(f"ada,{amount},\n")
    assert (bad.line, bad.recipient, bad.code) == (2, "ada", "invalid_amount")
    assert said in bad.detail


def test_too_many_digits_depend_on_the_currency() -> None:
    assert "at most 2 decimal" in only("ada,10.555,\n", "TRY").detail
    assert "at most 0 decimal" in only("ada,10.5,\n", "JPY").detail
    assert "at most 3 decimal" in only("ada,10.5555,\n", "KWD").detail
    assert parsed(HEADER + "ada,10.555,\n", "KWD").bad == ()


@pytest.mark.parametrize(("currency", "text"), [("KWD", "1,000"), ("JPY", "10,50")])
def test_no_amount_is_proposed_that_may_not_be_meant(currency: str, text: str) -> None:
    detail = only(f'ada,"{text}",\n', currency).detail
    assert text.replace(",", ".") not in detail
    assert "plain decimal" in detail


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@SUM(A1)", '"\t1"', '"\r1"'])
def test_a_formula_is_no_note_and_no_name(cell: str) -> None:
    assert only(f"ada,1.00,{cell}\n").code == "formula"
    assert only(f"{cell},1.00,\n").code == "formula"


def test_letters_that_are_not_utf_8_are_told_by_line() -> None:
    text = HEADER + "ada,1.00,tea\ngrace,1.00,çay için\nalan,1.00,süt\nhal,1.00,water\n"
    found = parsed(text, encoding="windows-1254")
    assert [row.line for row in found.rows] == [2, 5]
    assert [(row.line, row.code) for row in found.bad] == [
        (3, "broken_encoding"),
        (4, "broken_encoding"),
    ]
    assert "UTF-8" in found.bad[0].detail
    assert only("ada,1.00,a\x00b\n").code == "broken_encoding"


def test_a_file_in_windows_1254_tells_only_rows_with_such_letters() -> None:
    note = '"çay için\nteşekkürler"'
    text = f"user_pk;amount;note\r\nada;1;\r\ngrace;2;{note}\r\nalan;3;ok\r\n"
    found = parsed(text, encoding="windows-1254")
    assert [(row.line, row.recipient) for row in found.rows] == [(2, "ada"), (5, "alan")]
    ((line, bad),) = [(row.line, row) for row in found.bad]
    assert (line, bad.recipient, bad.amount, bad.code) == (3, "grace", "2", "broken_encoding")
    assert "Windows-1254" in bad.detail


def test_the_first_of_several_reasons_is_told() -> None:
    cells = ["\x00", "extra", "=1", "a b", "x", "n" * 257]
    codes = []
    for mended in range(6):
        broken, extra, formula, name, amount, note = (
            "" if place < mended else cell for place, cell in enumerate(cells)
        )
        row = f"{name or 'ada'},{amount or '1'},{formula}{note}{broken}{',' * bool(extra)}\n"
        codes.append(only(row).code)
    assert codes == [
        "broken_encoding",
        "wrong_cells",
        "formula",
        "invalid_recipient",
        "invalid_amount",
        "note_too_long",
    ]


def test_lines_that_an_open_quote_takes_along_are_named() -> None:
    lost = "grace,1.00,\n" * 3
    found = parsed(HEADER + f'ada,1.00,"open\n{lost}alan,1.00,"closed"\nhal,1.00,\n')
    assert [row.line for row in found.rows] == [7]
    (bad,) = found.bad
    assert (bad.line, bad.code, "lines 2 to 6 were" in bad.detail) == (2, "broken_quotes", True)
    bad = only(f'ada,1.00,"open\n{lost}')
    assert (bad.line, bad.code, "lines 2 to 5 were" in bad.detail) == (2, "broken_quotes", True)


def test_a_cell_beyond_what_the_reader_holds_is_a_bad_row() -> None:
    found = parsed(HEADER + f"ada,1.00,{'x' * 131_073}\ngrace,1.00,\n")
    assert [row.line for row in found.rows] == [3]
    assert [(row.line, "131,072" in row.detail) for row in found.bad] == [(2, True)]


def test_broken_quotes_are_told_and_the_rest_is_read() -> None:
    found = parsed(HEADER + 'ada,1.00,"a"b\ngrace,1.00,\nalan,1.00,"never\nclosed,1.00,\n')
    assert [row.line for row in found.rows] == [3]
    assert [(row.line, row.code) for row in found.bad] == [
        (2, "broken_quotes"),
        (4, "broken_quotes"),
    ]


@pytest.mark.parametrize("cells", ["ada", "ada,1.00", "ada,1.00,,", "ada,1.00,a,b"])
def test_a_row_has_as_many_cells_as_the_header(cells: str) -> None:
    assert only(f"{cells}\n").code == "wrong_cells"


def test_a_note_is_as_long_as_that_of_a_transfer() -> None:
    assert parsed(HEADER + f"ada,1.00,{'ş' * 128}\n").bad == ()
    bad = only(f"ada,1.00,{'ş' * 128}x\n")
    assert (bad.code, "257 bytes" in bad.detail) == ("note_too_long", True)


@pytest.mark.parametrize("naming", ["user_pk", "account_id"])
@pytest.mark.parametrize("name", ["a b", "x" * 65, "ada@example.com", "ç", "a:b"])
def test_a_name_is_an_id(naming: str, name: str) -> None:
    assert bad_codes(f"{naming},amount\n{name},1.00\n") == [(2, "invalid_recipient")]


@pytest.mark.parametrize("email", ["ada", "ada@", "a b@example.com", ""])
def test_an_address_is_a_complete_one(email: str) -> None:
    assert bad_codes(f"user_email,amount\n{email},1.00\n") == [(2, "invalid_recipient")]


def test_what_is_told_of_a_row_is_cut_to_what_a_message_may_hold() -> None:
    bad = only(f"{'x' * 5000},{'9' * 5000},\n")
    assert (len(bad.recipient), len(bad.amount)) == (2, 80)


@pytest.mark.parametrize(
    ("naming", "recipient", "told"),
    [
        ("user_email", "ada@example.com", "a…@e…"),
        ("user_email", "ada", "a…"),
        ("user_email", "@", "…@…"),
        ("user_pk", "1001", "1001"),
        ("user_pk", "ada@example.com", "a…@e…"),
        ("account_id", "Ada Lovelace", "A…"),
        ("account_id", "", ""),
    ],
)
def test_a_bad_row_tells_an_id_and_of_all_else_the_initials(
    naming: Naming, recipient: str, told: str
) -> None:
    """Bad rows are kept, and belong to no user whose erasure would find them."""
    assert told_of(naming, recipient) == told
    (bad,) = parsed(f"{naming},amount\n{recipient},x\n").bad
    assert bad.recipient == told


@pytest.mark.parametrize(
    ("amount", "told"),
    [("1O.00", "1O.00"), ("ten", "ten"), ("ada@example.com", "a…@e…"), ("Ada Lovelace", "A…")],
)
def test_an_amount_that_may_be_a_name_is_not_repeated(amount: str, told: str) -> None:
    assert only(f"1001,{amount},\n").amount == told


# --- rows of a request --------------------------------------------------------------------------


def test_rows_of_a_request_are_numbered_from_one() -> None:
    rows: list[dict[str, object]] = [
        {"user_pk": "ada", "amount": "1.00"},
        {"user_email": "grace@example.com", "amount": "2", "note": "- thanks"},
        {"account_id": "a-1", "amount": "3.00", "note": None},
    ]
    assert parse_rows(rows, "TRY") == ParsedRows(
        (
            Row(1, "user_pk", "ada", 100, None),
            Row(2, "user_email", "grace@example.com", 200, "- thanks"),
            Row(3, "account_id", "a-1", 300, None),
        ),
        (),
    )


GOOD_ROW: dict[str, object] = {"user_pk": "x", "amount": "1"}


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ({}, "invalid_row"),
        ({"amount": "1.00"}, "invalid_row"),
        ({"user_pk": "ada", "account_id": "a-1", "amount": "1.00"}, "invalid_row"),
        ({"user_pk": 1001, "amount": "1.00"}, "invalid_row"),
        ({"user_pk": None, "amount": "1.00"}, "invalid_row"),
        ({"user_pk": "ada", "amount": "1.00", "note": 7}, "invalid_row"),
        ({"user_pk": "ada", "amount": 1.0}, "invalid_amount"),
        ({"user_pk": "ada", "amount": 1}, "invalid_amount"),
        ({"user_pk": "ada"}, "invalid_amount"),
        ({"user_pk": "ada", "amount": "-1.00"}, "invalid_amount"),
        ({"user_pk": "ada", "amount": "1.00", "colour": "red"}, "unknown_field"),
        ({"user_pk": "a b", "amount": "1.00"}, "invalid_recipient"),
        ({"user_pk": "ada", "amount": "1.00", "note": "x" * 257}, "note_too_long"),
        ({"user_pk": "ada", "amount": "1.00", "note": "a\x00b"}, "broken_encoding"),
        ({"user_pk": "ada", "amount": "1.00", "note": "\ud800"}, "broken_encoding"),
        ({"user_pk": "\ud800", "amount": "1.00"}, "broken_encoding"),
        ({"user_pk": "ada", "amount": "x", "note": "x" * 257}, "invalid_amount"),
    ],
)
def test_a_row_of_a_request_that_cannot_be_read_is_told(row: dict[str, object], code: str) -> None:
    found = parse_rows([GOOD_ROW, row], "TRY")
    assert [each.line for each in found.rows] == [1]
    assert [(bad.line, bad.code) for bad in found.bad] == [(2, code)]
    assert found.bad[0].detail.endswith(".")


# --- anything -----------------------------------------------------------------------------------


def check(found: ParsedRows) -> None:
    good, bad_lines = [row.line for row in found.rows], [bad.line for bad in found.bad]
    assert (good, bad_lines) == (sorted(good), sorted(bad_lines))
    assert len({*good, *bad_lines}) == len(good) + len(bad_lines) > 0
    assert all(row.amount > 0 and row.recipient for row in found.rows)
    assert all(bad.code and bad.detail.endswith(".") for bad in found.bad)


CELLS = st.text(alphabet=st.sampled_from('abç1.,;"\n\r\t=+-@ \x00\ufffd'), max_size=12)


@given(st.one_of(st.binary(max_size=300), CELLS.map(str.encode)))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    for head in (b"", b"user_pk,amount,note\n", b"user_email;amount\n"):
        try:
            check(parse_csv(head + body, "TRY"))
        except InvalidCsv:
            continue


@given(st.lists(st.dictionaries(st.text(max_size=5), st.one_of(CELLS, st.none(), st.integers()))))
def test_any_rows_are_read_or_told(rows: list[dict[str, object]]) -> None:
    try:
        check(parse_rows(rows, "TRY"))
    except InvalidCsv:
        assert not rows


NOTES = st.text(max_size=40).filter(
    lambda text: (
        not text.startswith(("=", "+", "-", "@", "\t", "\r"))
        and text.strip(" ") == text
        and "\x00" not in text
        and "\ufffd" not in text
    )
)


@given(
    st.lists(
        st.tuples(
            st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,20}", fullmatch=True),
            st.integers(min_value=1, max_value=10**9),
            NOTES,
        ),
        min_size=1,
        max_size=20,
    ),
    st.sampled_from([",", ";"]),
)
def test_what_a_spreadsheet_writes_is_read_back(
    rows: list[tuple[str, int, str]], delimiter: str
) -> None:
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter)
    writer.writerow(["user_pk", "amount", "note"])
    for name, minor, note in rows:
        writer.writerow([name, f"{minor // 100}.{minor % 100:02d}", note])
    found = parsed(text.getvalue())
    assert found.bad == ()
    assert [(row.recipient, row.amount, row.note or "") for row in found.rows] == rows
