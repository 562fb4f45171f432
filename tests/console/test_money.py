"""The console's sums and cells, run by Node and compared with exact ones."""

import json
import random
import subprocess
from decimal import Decimal
from typing import Any

import pytest

from chalicelib.core.money import MAX_MINOR
from cli.local import PROJECT
from tests.npm import NODE

SOURCE = PROJECT / "console" / "src"


def run(file: str, expression: str, given: object) -> Any:
    """Return what an expression of `given` and of a file's exports comes to."""
    script = (
        f"import * as own from {json.dumps((SOURCE / file).as_uri())};"
        f"const given = {json.dumps(given)};"
        f"console.log(JSON.stringify({expression}));"
    )
    done = subprocess.run(
        [NODE, "--no-warnings", "--input-type=module", "-e", script],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
        env={"LANG": "en_US.UTF-8"},
    )
    return json.loads(done.stdout)


def written(minor: int, digits: int) -> str:
    return f"{Decimal(minor).scaleb(-digits):.{digits}f}"


@pytest.mark.parametrize("digits", [0, 2, 3])
def test_sums_are_exact_to_the_last_digit(digits: int) -> None:
    draw = random.Random(digits)  # amounts, not secrets
    edges = [0, 1, -1, 9, 10, 99, 100, MAX_MINOR, -MAX_MINOR]
    minors = [*edges, *(draw.randint(-MAX_MINOR, MAX_MINOR) for _ in range(200))]
    pairs = [(a, draw.choice(minors)) for a in minors]
    texts = [[written(a, digits), written(b, digits)] for a, b in pairs]
    sums = run("money.js", "given.map(([a, b]) => [own.plus(a, b), own.minus(a, b)])", texts)
    assert sums == [[written(a + b, digits), written(a - b, digits)] for a, b in pairs]


def test_a_shorter_amount_is_written_out_and_a_longer_one_is_none() -> None:
    cases = [["25", "1.00"], ["25.5", "-100.00"], ["7", "10"], ["0.125", "1.000"]]
    found = run("money.js", "given.map(([a, b]) => own.inDigitsOf(a, b))", cases)
    assert found == ["25.00", "25.50", "7", "0.125"]
    texts = ["1", "-1.5", "1.555", "1e3", "", ".5", "1.", "\u0661", "1,5", "0x1", "1" * 16]
    good = run("money.js", "given.map((text) => own.isAmount(text, '1.00'))", texts)
    assert [text for text, is_good in zip(texts, good, strict=True) if is_good] == ["1", "-1.5"]


def test_amounts_are_shown_with_all_their_digits() -> None:
    amounts = [["9999999999999.99", "USD"], ["-0.05", "USD"], ["1234567", "JPY"], ["1.005", "KWD"]]
    shown = run("money.js", "given.map(([a, c]) => own.shown(a, c))", amounts)
    assert shown == ["$9,999,999,999,999.99", "-$0.05", "¥1,234,567", "KWD\u00a01.005"]


def test_no_cell_of_a_spreadsheet_is_a_formula() -> None:
    formulas = ["x;=1+1", "=1+1", "+1", "@x", "\t=1", "-x"]
    plain = ["a;b", "-1", "-1.50", "a", ""]
    quoted = ['say "so", twice', "a\nb"]
    cells = "given.map(own.cell)"
    marked = ["x;'=1+1", "'=1+1", "'+1", "'@x", "'\t=1", "'-x"]
    assert run("csv.js", cells, formulas) == marked
    assert run("csv.js", cells, plain) == plain
    assert run("csv.js", cells, quoted) == ['"say ""so"", twice"', '"a\nb"']
