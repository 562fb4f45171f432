import pytest

from chalicelib.core.errors import RefundExceedsPayment
from chalicelib.core.refunds import Sale, check_refund
from tests.core.made import account


def sale(currency: str = "TRY") -> Sale:
    return Sale(account(currency=currency).key, "order:basket-1", 4000, "basket-1")


@pytest.mark.parametrize(("refunded", "amount"), [(0, 4000), (0, 1), (3999, 1)])
def test_refunds_may_reach_the_payment(refunded: int, amount: int) -> None:
    check_refund(sale(), refunded, amount)


@pytest.mark.parametrize(("refunded", "amount"), [(0, 4001), (1, 4000), (4000, 1)])
def test_refunds_may_not_exceed_the_payment(refunded: int, amount: int) -> None:
    with pytest.raises(RefundExceedsPayment):
        check_refund(sale(), refunded, amount)


def test_a_refusal_says_what_is_left_in_the_currencys_digits() -> None:
    with pytest.raises(RefundExceedsPayment) as caught:
        check_refund(sale("JPY"), 1000, 3001)
    assert str(caught.value) == (
        "Credit paid 4000 JPY, of which 1000 is refunded; refund at most 3000."
    )
