"""Every block of every document is proved: run, read by what would read it, or held to the code.

`sh` is run; `shell` are commands that cannot be run here (a deployment, say) and are held against
the real commands, targets and routes; `text` is to be looked at and holds no command.
"""

import json
import re
import shlex
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

import pytest
from pydantic import BaseModel
from typer.main import get_command

import app as service  # noqa: F401  # declares the routes
from chalicelib.core import distribution_rows, reconciliation_orders
from chalicelib.core.errors import InvalidCsv
from chalicelib.core.events import parse_event
from chalicelib.http import DECLARED, Problem, Route
from cli.__main__ import app
from cli.local import PROJECT
from tests.docs.documents import markdown_files
from tests.docs.test_walks import WALKS

BLOCK: Final = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
FENCE: Final = re.compile(r"^[ \t>]*(?:```|~~~)", re.MULTILINE)
"""A line that begins or ends a block in any way that Markdown knows."""

MAKEFILE: Final = (PROJECT / "Makefile").read_text()
ROUTE: Final = re.compile(r"^### `([A-Z]+) (\S+)`$", re.MULTILINE)

RUN_ELSEWHERE: Final = {
    ("docs/integrate-storefront.md", "sh"): ("nginx/test_holds.py", 2),
    ("docs/payments.md", "python"): ("outside/test_http_gateway.py", 1),
    ("docs/data-model.md", "json"): ("docs/test_data_model.py", 1),
    ("docs/checkout-protocol.md", "json"): ("routes/test_decisions.py", 1),
}
"""Blocks that another test runs or recomputes: in which file, and how many it knows."""

OTHERS: Final = {"aws", "export", "git", ".engine/deploy/bin/sam"}
"""Programs that are not ours."""

COMMAND: Final = re.compile(r"^\s*(?:\$ )?(?:\w+=\S+ )*(?:make|curl|aws|git|python3?|\.venv\S*) \S")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: its document, its language, its text, and all that stands before it."""

    document: str
    kind: str
    text: str
    before: str

    def __str__(self) -> str:
        return f"{self.document}:{self.before.count(chr(10)) + 1}"


def blocks() -> list[Block]:
    found = []
    for path in markdown_files():
        text = path.read_text()
        for each in BLOCK.finditer(text):
            name = str(path.relative_to(PROJECT))
            found.append(Block(name, each[1], each[2], text[: each.start()]))
    return found


def of_kind(*kinds: str) -> pytest.MarkDecorator:
    chosen = [b for b in blocks() if b.kind in kinds and not is_run(b)]
    return pytest.mark.parametrize("block", chosen, ids=str)


def is_run(block: Block) -> bool:
    """Return whether another test runs a block, or recomputes what it says."""
    walked = block.document in WALKS and block.kind in {"sh", "json"}
    shown = block.document == "docs/integrate-backend.md" and block.kind == "text"
    return walked or shown or (block.document, block.kind) in RUN_ELSEWHERE


# --- JSON and files -----------------------------------------------------------------------------


def model_of(block: Block) -> type[BaseModel] | None:
    """Return the model of the body of the route under whose heading a block stands."""
    method, path = ROUTE.findall(block.before)[-1]
    return next(r.body for r in DECLARED if (r.method, r.path) == (method, path))


@of_kind("json")
def test_json_is_read_by_what_would_read_it(block: Block) -> None:
    content = json.loads(block.text)
    if block.document == "docs/events.md":
        parse_event(block.text)
    elif "code" in content:
        Problem.model_validate(content)
    else:
        model = model_of(block)
        assert model is not None
        model.model_validate_json(block.text)


@of_kind("csv")
def test_a_file_is_read_by_what_would_read_it(block: Block) -> None:
    body = block.text.encode()
    try:
        rows = distribution_rows.parse_csv(body, "TRY")
        assert rows.rows
        assert not rows.bad
    except InvalidCsv:
        assert reconciliation_orders.parse_csv(body, "TRY")


@of_kind("mermaid")
def test_a_drawing_is_of_a_kind_that_is_drawn(block: Block) -> None:
    first, *rest = block.text.splitlines()
    assert first == "sequenceDiagram"
    assert all(
        re.match(r" +(participant|note|\w+-?->>\w+: )", line, re.IGNORECASE) for line in rest
    )


# --- commands -----------------------------------------------------------------------------------


def commands_in(block: Block) -> Iterator[list[str]]:
    """Yield the commands of a block as words, without the variables that stand before them."""
    text = block.text.replace("\\\n", " ")
    lines = text.splitlines()
    if block.kind == "console":
        lines = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
    for line in lines:
        words = shlex.split(line, comments=True)
        while words and re.match(r"[A-Z_]+=", words[0]):
            words = words[1:]
        if words:
            yield words


@of_kind("shell", "console", "sh")
def test_a_command_is_one_that_there_is(block: Block) -> None:
    commands = [*commands_in(block)]
    assert commands
    for words in commands:
        check_command(words)


def check_command(words: list[str]) -> None:
    if words[0] == "make":
        targets = [word for word in words[1:] if "=" not in word]
        assert all(re.search(rf"^{target}\b.*:", MAKEFILE, re.MULTILINE) for target in targets)
        variables = [word.partition("=")[0] for word in words[1:] if "=" in word]
        assert all(re.search(rf"^{name} =", MAKEFILE, re.MULTILINE) for name in variables)
    elif words[0] == "curl":
        check_request(words[1:])
    elif words[1:3] == ["-m", "cli"]:
        check_options(words[3:])
    else:
        assert words[0] in OTHERS, words


def check_options(words: list[str]) -> None:
    """Hold a command of ours against the real one: every option and argument must be its own."""
    words = words[: words.index(">")] if ">" in words else words
    group = get_command(app)
    context = group.make_context("cli", [words[0]], resilient_parsing=True)
    command = group.get_command(context, words[0])  # type: ignore[attr-defined]  # a group
    assert command is not None, words[0]
    command.make_context(words[0], words[1:])


def check_request(words: list[str]) -> None:
    """Hold a request against the declared routes, and its JSON against the body of its route."""
    method = words[words.index("-X") + 1] if "-X" in words else "GET"
    [address] = [word for word in words if word.startswith(("$API", "$ACCOUNT", "http"))]
    path = urlsplit(address).path or address
    path = re.sub(r"^.*?\$ACCOUNT", "/channels/demo/accounts/1001/TRY", path.partition("?")[0])
    path = re.sub(r"^.*?\$API", "", path)
    route = route_at(method, path)
    body = words[words.index("-d") + 1] if "-d" in words else None
    if body is not None:
        assert route.body is not None
        route.body.model_validate_json(body)


def route_at(method: str, path: str) -> Route:
    shapes = ((r, re.sub(r"{\w+}", "[^/]+", r.path)) for r in DECLARED if r.method == method)
    found = [route for route, shape in shapes if re.fullmatch(shape, path)]
    assert found, f"{method} {path} is no route"
    return found[0]


@of_kind("text")
def test_what_is_only_looked_at_holds_no_command(block: Block) -> None:
    assert not [line for line in block.text.splitlines() if COMMAND.match(line)]


def test_a_command_that_there_is_not_would_be_found() -> None:
    for wrong in (
        ["make", "nothing"],
        ["python", "-m", "cli", "nothing"],
        ["python", "-m", "cli", "audit", "--nothing"],
        ["curl", "$API/channels/demo/nothing"],
        ["curl", "-X", "PUT", "$API/channels/demo/transfers/t", "-d", '{"nothing": 1}'],
        ["rm", "-rf"],
    ):
        with pytest.raises(Exception, match=r".*"):
            check_command(wrong)


# --- all of them --------------------------------------------------------------------------------


def test_every_fence_is_of_a_block_that_is_read() -> None:
    for path in markdown_files():
        text = path.read_text()
        read = len(BLOCK.findall(text))
        assert len(FENCE.findall(text)) == 2 * read, f"{path.name} has a block of another form"


@pytest.mark.parametrize("fence", ["~~~sh\n~~~", "  ```sh\n  ```", '```sh title="x"\n```'])
def test_a_block_of_another_form_would_be_found(fence: str) -> None:
    assert len(FENCE.findall(fence)) != 2 * len(BLOCK.findall(fence))


@pytest.mark.parametrize(("document", "kind"), RUN_ELSEWHERE)
def test_another_test_knows_every_block_that_is_left_to_it(document: str, kind: str) -> None:
    test, count = RUN_ELSEWHERE[document, kind]
    assert (PROJECT / "tests" / test).exists()
    found = [block for block in blocks() if (block.document, block.kind) == (document, kind)]
    assert len(found) == count


def test_no_block_is_without_a_proof(record_property: Callable[[str, Any], None]) -> None:
    known = {"sh", "shell", "console", "json", "csv", "text", "mermaid", "python"}
    unknown = [str(block) for block in blocks() if block.kind not in known]
    assert unknown == []
    counts = Counter("run" if is_run(block) else block.kind for block in blocks())
    told = ", ".join(f"{count} {kind}" for kind, count in counts.most_common())
    record_property("report", f"{counts.total()} blocks in documents: {told}")
