import pytest
from pydantic import TypeAdapter, ValidationError

from chalicelib.core.users import Email, same_address

email = TypeAdapter(Email)


@pytest.mark.parametrize(
    "address", ["a@b", "ada@example.com", "a+b'c@example.co.uk", "ädà@bücher.example"]
)
def test_a_complete_address_is_accepted_as_it_is(address: str) -> None:
    assert email.validate_python(address) == address


@pytest.mark.parametrize(
    "address",
    ["", "ada", "ada@", "@example.com", "a@b@c", "a b@c", "a@b c", "a@b\n", "\ta@b", "a\x00@b"],
)
def test_anything_else_is_no_address(address: str) -> None:
    with pytest.raises(ValidationError):
        email.validate_python(address)


def test_an_address_has_at_most_254_bytes() -> None:
    """RFC 5321 counts octets, and the rows that hold it are paid for by the kilobyte."""
    assert email.validate_python("a" * 242 + "@example.com")
    with pytest.raises(ValidationError):
        email.validate_python("a" * 243 + "@example.com")
    with pytest.raises(ValidationError):
        email.validate_python("ä" * 122 + "@example.com")


def test_two_spellings_in_other_case_are_one_address() -> None:
    assert same_address("Ada@Example.COM") == same_address("ada@example.com")
    assert same_address("ada@example.com") != same_address("ada@example.co")
