"""What pages say: each language is complete, and a request finds its own."""

import json
from collections.abc import Iterator
from pathlib import Path
from string import Formatter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core import page_errors
from chalicelib.core.page_errors import AmountOverTotal, CardRefused, CardYearRefused, PageRefusal
from chalicelib.routes import texts
from chalicelib.routes.texts import ENGLISH, LANGUAGES, language_of, text_of

FILES = sorted(LANGUAGES.glob("*.json"))
ALL_LANGUAGES = [ENGLISH, *(file.stem for file in FILES)]

each_file = pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)


def leaves(refusal: type[PageRefusal] = PageRefusal) -> Iterator[type[PageRefusal]]:
    """Return every page refusal that is raised: the classes without subclasses."""
    below = [cls for cls in refusal.__subclasses__() if cls.__module__ == page_errors.__name__]
    if not below:
        yield refusal
    for each in below:
        yield from leaves(each)


ENGLISH_TEXTS = {refusal.code: refusal.fallback for refusal in leaves()}


def placeholders(template: str) -> set[tuple[str, str, str]]:
    """Return what a template says in braces, with any conversion, which none should have."""
    return {
        (name, spec or "", conversion or "")
        for _, name, spec, conversion in Formatter().parse(template)
        if name is not None
    }


def faults_of(language: str) -> list[str]:
    """Return what is wrong with the text of a language file."""
    pairs: list[tuple[str, Any]] = json.loads(language, object_pairs_hook=list)
    codes = [code for code, _ in pairs]
    faults = [f"{code} is missing" for code in ENGLISH_TEXTS if code not in codes]
    faults += [f"{code} is superfluous" for code in codes if code not in ENGLISH_TEXTS]
    faults += [f"{code} is there twice" for code in set(codes) if codes.count(code) > 1]
    for code, template in pairs:
        if not isinstance(template, str) or not template.strip(". "):
            faults.append(f"{code} says nothing")
        elif not template.endswith(".") or template != template.strip():
            faults.append(f"{code} is no sentence")
        elif code in ENGLISH_TEXTS and not fits(template, ENGLISH_TEXTS[code]):
            faults.append(f"{code} has other values")
    return faults


def fits(template: str, english: str) -> bool:
    try:
        return placeholders(template) == placeholders(english)
    except ValueError:
        return False


@each_file
def test_a_language_says_all_that_english_says(file: Path) -> None:
    assert faults_of(file.read_text(encoding="utf-8")) == []


def test_english_itself_is_complete() -> None:
    assert faults_of(json.dumps(ENGLISH_TEXTS)) == []
    assert len(ENGLISH_TEXTS) == len(list(leaves()))


@pytest.mark.parametrize(
    ("code", "text", "fault"),
    [
        ("no_such_code", "A sentence.", "no_such_code is superfluous"),
        ("unknown_page", "", "unknown_page says nothing"),
        ("unknown_page", " .", "unknown_page says nothing"),
        ("unknown_page", None, "unknown_page says nothing"),
        ("unknown_page", "No full stop", "unknown_page is no sentence"),
        ("unknown_page", " A blank before.", "unknown_page is no sentence"),
        ("unknown_page", "A {value} of nobody.", "unknown_page has other values"),
        ("unknown_page", "A lone { brace.", "unknown_page has other values"),
        ("unpaid_remains", "No value.", "unpaid_remains has other values"),
        ("unpaid_remains", "{unpayd} is mistyped.", "unpaid_remains has other values"),
        ("unpaid_remains", "{unpaid:d} is no number.", "unpaid_remains has other values"),
        ("unpaid_remains", "{unpaid!r} is quoted.", "unpaid_remains has other values"),
        ("unpaid_remains", "{unpaid.real} is within.", "unpaid_remains has other values"),
    ],
)
def test_a_planted_fault_is_found(code: str, text: str | None, fault: str) -> None:
    assert faults_of(json.dumps(ENGLISH_TEXTS | {code: text})) == [fault]


def test_a_missing_text_is_found() -> None:
    rest = {code: text for code, text in ENGLISH_TEXTS.items() if code != "bin_missing"}
    assert faults_of(json.dumps(rest)) == ["bin_missing is missing"]


def test_a_code_that_is_there_twice_is_found() -> None:
    twice = json.dumps(ENGLISH_TEXTS).removesuffix("}") + ', "bin_missing": "Again."}'
    assert faults_of(twice) == ["bin_missing is there twice"]


def test_every_leaf_is_met_once() -> None:
    assert {AmountOverTotal, CardRefused} <= set(leaves())
    assert PageRefusal not in leaves()


@pytest.mark.parametrize("language", ALL_LANGUAGES)
def test_values_are_printed_as_they_come(language: str) -> None:
    assert "30.00 TRY" in text_of(AmountOverTotal(total="30.00 TRY"), language)
    assert "{total} {0}" in text_of(AmountOverTotal(total="{total} {0}"), language)


def test_texts_differ_by_language() -> None:
    english, turkish = (text_of(page_errors.CardNumberRefused(), each) for each in ("en", "tr"))
    assert english == "Please check the card number."
    assert turkish.startswith("Lütfen kart ")


def test_each_wrong_field_of_a_card_has_its_own_text() -> None:
    refused = CardRefused((CardYearRefused(),))
    (year,) = (text_of(part, "tr") for part in refused.parts)
    assert "son kullanma" in year
    assert text_of(refused, "tr") != year


def test_a_language_that_is_not_served_reads_english() -> None:
    assert text_of(page_errors.BinMissing(), "de") == page_errors.BinMissing.fallback


@pytest.mark.parametrize(
    ("header", "language"),
    [
        # what the client sends, by its locales, and when its cookie is missing
        ("tr-tr", "tr"),
        ("en-us", "en"),
        ("undefined", "en"),
        (None, "en"),
        ("", "en"),
        # prefixes: a longer tag is served by its shorter one, never the other way round
        ("tr", "tr"),
        ("TR-TR", "tr"),
        ("tr-Latn-TR", "tr"),
        ("t", "en"),
        ("trk", "en"),
        ("de, fr-CH", "en"),
        # how much each is wanted
        ("tr-TR,tr;q=0.9,en-US;q=0.8,en;q=0.7", "tr"),
        ("en-US,en;q=0.9,tr;q=0.8", "en"),
        ("en;q=0.8, tr;q=0.9", "tr"),
        ("en;q=0.8 , tr ; q=0.9", "tr"),
        ("de, tr;q=0.2", "tr"),
        ("tr;q=0.5, en;q=0.5", "tr"),
        ("en;q=0.5, tr;q=0.5", "en"),
        ("tr;q=0.123, en;q=0.122", "tr"),
        ("tr;Q=1.000", "tr"),
        ("tr;q=0", "en"),
        ("tr;q=0.000, de", "en"),
        ("*", "en"),
        ("*, tr;q=0.5", "en"),
        ("de, tr;q=0.9, *;q=0.5", "tr"),
        # what cannot be read counts for nothing, and spoils nothing else
        ("tr;q=2", "en"),
        ("tr;q=0.1234", "en"),
        ("tr;q=-1", "en"),
        ("tr;q=nan", "en"),
        ("tr;q=", "en"),
        ("tr;level=1", "en"),
        ("tr_TR", "en"),
        ("tr-", "en"),
        (",,;;==,tr", "tr"),
        ("\x00\ud800, tr", "tr"),
        ("../languages/tr", "en"),
        ("tr" + "," * 1022, "tr"),
        ("tr" + "," * 1023, "en"),
        ("tr-" * 100_000, "en"),
    ],
)
def test_a_request_finds_its_language(header: str | None, language: str) -> None:
    assert language_of(header) == language


PIECES = st.sampled_from(["tr", "en", "-", "_", ";", "q=", "0.5", "1", "*", ",", " ", "\t", "\x00"])


@given(st.none() | st.text() | st.lists(PIECES, max_size=40).map("".join))
def test_any_header_finds_a_language_that_there_is(header: str | None) -> None:
    assert language_of(header) in ALL_LANGUAGES


def test_a_language_is_one_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pt-BR.json").write_text(json.dumps({"unknown_page": "Página desconhecida."}))
    monkeypatch.setattr(texts, "LANGUAGES", tmp_path)
    monkeypatch.setattr(texts, "_TEMPLATES", texts._load())
    assert language_of("pt-BR") == "pt-br"
    assert text_of(page_errors.UnknownPage(), "pt-br") == "Página desconhecida."
