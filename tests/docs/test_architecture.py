"""docs/architecture.md and the glossary name what there is."""

import re
import tomllib

import pytest

from chalicelib.config import Config
from chalicelib.store.tables import ROWS, noun
from cli.local import PROJECT
from tests.docs.documents import CODE, document, headings, names, section, source, table

ARCHITECTURE = document("architecture.md")
GLOSSARY = document("glossary.md")
WALKS = [title for title in headings(ARCHITECTURE, 2) if "walk" in title or "loop" in title]


def test_the_grid_names_the_files_that_there_are() -> None:
    named = {file for file in names(section(ARCHITECTURE, "The grid")) if file.endswith(".py")}
    there = {str(path.relative_to(CODE)) for path in CODE.rglob("*.py")}
    assert named - {"app.py"} == {file for file in there if not file.endswith("__init__.py")}


def test_the_rooms_are_the_folders() -> None:
    rooms = {cell for row in table(ARCHITECTURE, "room") for cell in names(row[0])}
    folders = {f"{path.parent.name}/" for path in CODE.glob("*/__init__.py")}
    assert {room for room in rooms if room.endswith("/")} - {"cli/"} == folders


def test_the_import_rule_is_the_one_that_is_proved() -> None:
    settings = tomllib.loads((PROJECT / "pyproject.toml").read_text())["tool"]["importlinter"]
    there = {path.stem for path in CODE.iterdir()} | {"cli"}
    layers = [
        [room for room in re.findall(r"(\w+)\)?(?: \||$)", layer) if room in there]
        for layer in settings["contracts"][0]["layers"]
    ]
    said = re.search(r"```text\n(.*?)\n```", section(ARCHITECTURE, "The import rule"), re.DOTALL)
    assert said is not None
    assert [line.split(" | ") for line in said[1].split("\n")] == layers


@pytest.mark.parametrize("title", WALKS)
def test_a_walk_names_what_is_in_the_code(title: str) -> None:
    code = source()
    words = {
        word
        for text in names(section(ARCHITECTURE, title))
        if re.fullmatch(r"[\w.]+(\([\w=]*\))?", text)
        for word in re.findall(r"[A-Za-z_]{3,}", text)
    }
    assert words
    assert not {word for word in words if not re.search(rf"\b{word}\b", code)}


def test_the_glossary_has_each_word_once() -> None:
    words = [
        row[0] for title in headings(GLOSSARY, 2) for row in table(section(GLOSSARY, title), "word")
    ]
    assert len(words) == len(set(words)) > 50


def test_the_glossary_knows_every_table() -> None:
    assert {noun(row) for row in ROWS} - {"settings"} <= set(names(GLOSSARY))


def test_what_the_glossary_points_at_is_in_the_code() -> None:
    code = source()
    pointed = {
        text
        for title in headings(GLOSSARY, 2)
        for _, _, seen in table(section(GLOSSARY, title), "word")
        for text in names(seen)
        if re.fullmatch(r"\w+", text)
    }
    variables = {field.upper() for field in Config.model_fields}
    assert not {t for t in pointed - variables if not re.search(rf"\b{t}\b", code)}
