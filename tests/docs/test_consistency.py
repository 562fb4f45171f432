"""docs/consistency.md names what there is: tests, conditions and faults."""

import re

from chalicelib.core.audit import FaultKind
from cli.local import PROJECT
from tests.docs.documents import document, names, section, source, table

CONSISTENCY = document("consistency.md")


def test_the_tests_it_names_exist() -> None:
    files = {path.name for path in (PROJECT / "tests").rglob("*.py")}
    named = {name.rpartition("/")[2] for name in names(CONSISTENCY) if name.endswith(".py")}
    assert named
    assert named <= files


def test_each_promise_names_its_conditions_and_its_tests() -> None:
    rows = table(CONSISTENCY, "no.", "promise")
    assert [row[0] for row in rows] == [str(number) for number in range(1, 9)]
    for *_, tested in rows:
        assert re.search(r"`test_\w+\.py`", tested)


def test_the_functions_it_names_are_in_the_code() -> None:
    code = source()
    words = {name for name in names(CONSISTENCY) if re.fullmatch(r"_?[a-z]+(_[a-z]+)+", name)}
    known = {kind.value for kind in FaultKind} | {"outcome_unknown"}
    assert words - known
    assert not {word for word in words - known if not re.search(rf"\b{word}\b", code)}


def test_every_kind_of_fault_is_explained() -> None:
    rows = table(section(CONSISTENCY, "The audit"), "kind")
    explained = [name for kinds, _ in rows for name in names(kinds)]
    assert sorted(explained) == sorted(kind.value for kind in FaultKind)
