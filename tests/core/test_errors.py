import re

import pytest

from chalicelib.core import errors
from chalicelib.core.errors import FieldError, Refusal
from chalicelib.core.page_errors import PageRefusal


def subclasses(of: type[Refusal]) -> list[type[Refusal]]:
    return [found for direct in of.__subclasses__() for found in (direct, *subclasses(direct))]


EVERY = sorted(subclasses(Refusal), key=lambda refusal: refusal.__name__)


def test_every_refusal_has_a_code_of_its_own() -> None:
    concrete = [refusal for refusal in EVERY if refusal is not PageRefusal]
    codes = [refusal.code for refusal in concrete]
    assert len(concrete) > 40
    assert len(set(codes)) == len(codes)
    assert Refusal.code not in codes


@pytest.mark.parametrize("refusal", EVERY, ids=lambda refusal: refusal.__name__)
def test_a_refusal_has_a_stable_code_a_title_and_its_own_docstring(refusal: type[Refusal]) -> None:
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", refusal.code)
    assert refusal.title
    assert refusal.__doc__ != Refusal.__doc__


def test_a_detail_is_a_whole_sentence_that_may_be_replaced() -> None:
    assert errors.UnknownUser().detail == errors.UnknownUser.fallback
    assert errors.UnknownUser("Other words.").detail == "Other words."
    assert str(errors.UnknownUser("Other words.")) == "Other words."
    for refusal in EVERY:
        if refusal.fallback:
            assert refusal.fallback.endswith("."), refusal


def test_field_errors_are_kept_in_order() -> None:
    wrong = [FieldError("a", "missing", "is missing"), FieldError("b", "malformed", "is wrong")]
    assert errors.InvalidRequest(errors=wrong).errors == tuple(wrong)
