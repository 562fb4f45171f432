"""docs/checkout-protocol.md says what the pages do: states and refusals, cell by cell."""

import re

import pytest

from chalicelib.core.page_errors import PageRefusal
from chalicelib.core.transitions import TRANSITIONS, Move, PageEvent, Step
from chalicelib.routes import storefront
from cli.local import PROJECT
from tests.core.made import leaves
from tests.docs.documents import document, name, names, section, source, table

PROTOCOL = document("checkout-protocol.md")
CARD = ("card_number", "card_holder", "card_month", "card_year", "card_cvv")


REFUSALS = {refusal.code: refusal for refusal in leaves(PageRefusal)}


def cell_of(step: Step, event: PageEvent) -> str:
    outcome = TRANSITIONS[step][event]
    return f"`{outcome}`" if isinstance(outcome, Move) else f"✗ `{outcome.code}`"


def test_the_state_table_is_the_one_in_the_code() -> None:
    lines = section(PROTOCOL, "The state table").splitlines()
    (header,) = (line for line in lines if line.startswith("| step | `"))
    columns = [PageEvent[title.upper()] for title in names(header)]
    assert columns == list(PageEvent)
    rows = table(section(PROTOCOL, "The state table"), "step", names_header(header))
    assert [name(step) for step, *_ in rows] == [str(step) for step in Step]
    for title, *cells in rows:
        assert cells == [cell_of(Step(name(title)), event) for event in columns]


def names_header(header: str) -> str:
    """Return the second cell of a header, which tells one table of steps from another."""
    return header.strip("|").split("|")[1].strip()


def test_every_step_is_explained() -> None:
    rows = table(section(PROTOCOL, "The state table"), "step", "when")
    assert [name(step) for step, _ in rows] == [str(step) for step in Step]


def test_every_event_is_explained() -> None:
    text = section(PROTOCOL, "The state table").partition("Each cell is")[0]
    assert {event.name.lower() for event in PageEvent} <= set(names(text))


def test_the_refusals_are_those_of_pages_with_their_fields() -> None:
    rows = table(section(PROTOCOL, "Refusals on pages"), "code", "field", "text")
    described = {name(code): name(field) for code, field, *_ in rows}
    assert described == {code: refusal.field for code, refusal in REFUSALS.items()}
    assert len(rows) == len(described)


@pytest.mark.parametrize("code", REFUSALS)
def test_a_refusal_has_the_text_that_is_printed(code: str) -> None:
    rows = table(section(PROTOCOL, "Refusals on pages"), "code", "field", "text")
    (text,) = (text for each, _, text, _ in rows if name(each) == code)
    assert text == REFUSALS[code].fallback


def test_every_page_and_its_field_is_in_the_table_of_requests() -> None:
    rows = table(section(PROTOCOL, "Requests"), "what the shopper does")
    described = {
        page: names(field)
        for _, request, field in rows
        for page in re.findall(r"POST .*?page=(\w+)", request.replace("` or `…", "` POST …"))
    }
    assert described == {
        page: [
            *([field] if (field := storefront._FIELDS[event]) else []),
            *(CARD if event is PageEvent.CONFIRM_CARD else ()),
        ]
        for page, event in storefront._EVENTS.items()
    }


def test_rules_and_decisions_are_numbered_without_a_gap() -> None:
    for title, count in (("Ten rules of the wire", 10), ("The decisions", 21)):
        numbers = re.findall(r"^(\d+)\. \*\*", section(PROTOCOL, title), re.MULTILINE)
        assert numbers == [str(number) for number in range(1, count + 1)]


def test_the_code_names_decisions_that_there_are() -> None:
    named = re.findall(r"decisions? ((?:\d+(?:, | and )?)+)", source())
    numbers = {int(number) for text in named for number in re.findall(r"\d+", text)}
    assert numbers
    assert numbers <= set(range(1, 22))


def test_each_decision_has_a_test_that_names_it() -> None:
    numbers = re.findall(r"^(\d+)\. \*\*", section(PROTOCOL, "The decisions"), re.MULTILINE)
    assert numbers == [str(number) for number in range(1, len(numbers) + 1)]
    tests = "\n".join(path.read_text() for path in (PROJECT / "tests").rglob("test_*.py"))
    named = set(re.findall(r"[Dd]ecisions?[ _](\d+)", tests))
    lists = re.findall(r"[Dd]ecisions ((?:\d+(?:, | and )?)+)", tests)
    named |= {number for each in lists for number in re.findall(r"\d+", each)}
    assert set(numbers) - named == set()
