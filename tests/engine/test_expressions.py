"""What moto lets pass and Amazon's engine does not: expressions are checked before conditions."""

import pytest

from chalicelib.core.accounts import OpenHold
from chalicelib.store.accounts import keep
from chalicelib.store.requests import Refused, transact_write
from tests.verbs import shop


@pytest.mark.parametrize("after_s", [0, 60])
def test_a_hold_that_lies_there_is_refused_even_when_it_has_lapsed(
    tables: dict[str, str], after_s: int
) -> None:
    """To set a place and to take it off in one update is a ValidationException, hence a 500."""
    shop.open_shop()
    shop.open_accounts(ada="50.00")
    shop.hold("h-1", life_s=60)
    as_read = shop.account_of("ada", after_s=after_s)
    with pytest.raises(Refused):
        transact_write([keep(as_read, OpenHold("h-1", 1000, None))])
