"""What reads what strangers send: anything is read, or refused by name, and nothing breaks it."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

import app  # noqa: F401  # declares the routes
from chalicelib import auth, http
from chalicelib.core import distribution_rows, errors, money, reconciliation_orders
from chalicelib.core.currencies import digits_of
from chalicelib.core.events import parse_event
from chalicelib.core.settings import CATALOGUE, parse_value
from chalicelib.routes.paging import ListQuery, start_of
from tests.routes.shop import opened
from tests.test_auth import NOW

pytestmark = pytest.mark.proof

BODIES: Final = {
    f"{route.method} {route.path}": route.body for route in http.DECLARED if route.body is not None
}
JSON_HEADERS: Final = {"content-type": "application/json"}
BAD_BODY: Final = (errors.InvalidJson, errors.InvalidRequest, errors.BodyTooLarge)

read: Final[Counter[str]] = Counter()
"""How often something was read, and how often it was refused by what name."""

# --- what strangers send ------------------------------------------------------------------------

HOSTILE: Final = (
    *("\x00", "\r\nSet-Cookie: a=b", "\u202e", "\ufeff", "${jndi:x}", "' OR 1=1 --", "../../etc"),
    *("=1+1", "@SUM(A1)", "%00", "%2F", "NaN", "Infinity", "-0", "1e309", "1e-9", "9" * 400),
    *("\u0661", "1_000", "0x10", "1,00", " 1", "[" * 500, '{"a":' * 200, "true", "null", '"'),
)
texts: Final = st.one_of(st.text(), st.sampled_from(HOSTILE), st.text().map(lambda t: t * 50))
values: Final = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), texts),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(texts, inner, max_size=4)),
    max_leaves=12,
)


def bodies_of(model: type[BaseModel]) -> st.SearchStrategy[bytes]:
    """Return bytes: any, any JSON, and JSON whose fields have the model's names."""
    names = [field.alias or name for name, field in model.model_fields.items()]
    named = (
        st.dictionaries(st.sampled_from(names), values, max_size=len(names)) if names else values
    )
    written = st.one_of(values, named).map(lambda value: json.dumps(value).encode())
    cut = st.tuples(written, st.integers(0, 60)).map(lambda both: both[0][: both[1]])
    return st.one_of(st.binary(max_size=200), written, cut)


def reads(parse: Callable[[], object], *refusals: type[Exception]) -> None:
    """Read something: it is read, or refused by one of the names that it may be refused by."""
    outcome = "read"
    try:
        parse()
    except refusals as refusal:
        outcome = type(refusal).__name__
    read[outcome] += 1


@pytest.fixture(scope="module", autouse=True)
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Have keys to sign and to verify with."""
    with opened(tmp_path_factory.mktemp("shop")):
        yield


# --- bodies -------------------------------------------------------------------------------------


@pytest.mark.parametrize("operation", BODIES)
def test_any_body_is_read_or_refused(operation: str) -> None:
    model = BODIES[operation]
    assert model is not None

    @given(bodies_of(model))
    def check(body: bytes) -> None:
        reads(lambda: http.parse_json(model, body, JSON_HEADERS), *BAD_BODY)

    check()


encoded: Final = texts.map(lambda text: text.encode(errors="surrogatepass"))


@given(st.one_of(st.binary(), encoded))
@example(b"a=1&a=2&=&&%zz&b")
@example(b"&" * 20_000)
def test_any_form_is_fields_of_text(body: bytes) -> None:
    fields = http.parse_form(body)
    assert all(isinstance(part, str) for pair in fields.items() for part in pair)
    read["read"] += 1


@given(st.one_of(st.binary(max_size=300), encoded.map(lambda each: b"order,paid\n%b,1" % each)))
def test_any_file_of_orders_is_read_or_refused(body: bytes) -> None:
    bad = (errors.InvalidCsv, errors.TooManyRows, errors.BadOrders)
    reads(lambda: reconciliation_orders.parse_csv(body, "TRY"), *bad)


@given(texts, texts, texts)
def test_any_file_of_customers_is_read_or_refused(who: str, amount: str, note: str) -> None:
    body = f"user_email,amount,note\n{who},{amount},{note}\n".encode(errors="replace")
    bad = (errors.InvalidCsv, errors.TooManyRows)
    reads(lambda: distribution_rows.parse_csv(body, "TRY"), *bad)


@pytest.mark.parametrize("name", CATALOGUE)
def test_any_value_of_a_setting_is_taken_or_refused(name: str) -> None:
    @given(values)
    def check(value: object) -> None:
        reads(lambda: parse_value(CATALOGUE[name], value), errors.InvalidRequest)

    check()


# --- amounts and names --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "parse",
    [
        money.parse_amount,
        money.parse_change,
        money.parse_opening,
        money.parse_paid,
        money.parse_page_amount,
    ],
)
def test_any_amount_is_read_or_refused(parse: Callable[[str, str], int]) -> None:
    @given(texts, st.sampled_from(["TRY", "JPY", "KWD"]))
    def check(text: str, currency: str) -> None:
        reads(lambda: parse(text, currency), errors.InvalidAmount)

    check()


@given(texts)
def test_any_currency_is_known_or_refused(text: str) -> None:
    reads(lambda: digits_of(text), errors.UnknownCurrency)


@pytest.mark.parametrize("name", http.PATH_TYPES)
def test_any_name_in_a_path_is_read_or_refused(name: str) -> None:
    @given(texts)
    def check(text: str) -> None:
        refused = (errors.InvalidRequest, errors.UnknownCurrency)
        reads(lambda: http._path({name: text}), *refused)

    check()


# --- credentials --------------------------------------------------------------------------------


@given(texts, texts)
@example("Bearer", "eyJhbGciOiJub25lIn0.e30.")
@example("bearer", "a.b.c")
def test_any_bearer_token_is_refused(scheme: str, token: str) -> None:
    with pytest.raises(errors.NotSignedIn):
        auth.identify({"authorization": f"{scheme} {token}"}, NOW)
    read["NotSignedIn"] += 1


@given(texts, texts)
@example("loyalty_session", "1_k1_AAAA_" + "0" * 64)
@example("loyalty_session", "1___")
def test_any_cookie_is_nobody(name: str, value: str) -> None:
    cookie = f"{name}={value}; loyalty_session={value}; osessionid={value}"
    assert auth.identify({"cookie": cookie}, NOW) is None
    assert all(isinstance(each, str) for each in auth.parse_cookies(cookie).values())
    read["nobody"] += 1


@given(st.data())
def test_a_genuine_session_that_was_changed_anywhere_is_nobody(data: st.DataObject) -> None:
    session, _ = auth.open_session("demo", "1001", NOW)
    place = data.draw(st.integers(0, len(session) - 1))
    letter = data.draw(st.characters().filter(lambda each: each not in f'{session[place]};" '))
    changed = session[:place] + letter + session[place + 1 :]
    assert auth.identify({"cookie": f"loyalty_session={session}"}, NOW) is not None
    assert auth.unseal("session", changed) is None
    read["nobody"] += 1


@given(texts, texts)
def test_any_token_against_forgery_is_equal_or_refused(cookie: str, header: str) -> None:
    headers = {"cookie": f"csrftoken={cookie}", "x-csrftoken": header}
    reads(lambda: auth.check_same_site(headers), errors.CrossSiteWrite)


@given(texts)
def test_any_cursor_is_refused(text: str) -> None:
    with pytest.raises(errors.InvalidCursor):
        start_of(ListQuery.model_construct(cursor=text, limit=20), "users")
    read["InvalidCursor"] += 1


# --- what comes back from others ----------------------------------------------------------------


@given(st.one_of(texts, values.map(json.dumps)))
def test_any_event_is_read_or_refused(text: str) -> None:
    reads(lambda: parse_event(text), ValueError)


# --- how much was done --------------------------------------------------------------------------


def test_as_many_texts_were_parsed_as_were_promised(
    record_property: Callable[[str, Any], None],
) -> None:
    counts = ", ".join(f"{count:,} {name}" for name, count in read.most_common())
    record_property("report", f"parsers: {read.total():,} cases: {counts}")
    parsers = len(BODIES) + len(CATALOGUE) + len(http.PATH_TYPES)
    assert read.total() >= parsers * settings().max_examples // 2
