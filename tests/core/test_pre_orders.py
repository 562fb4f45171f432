from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.pre_orders import price_installments, without_credit
from tests.core.made import ONE_PAYMENT, THREE_PAYMENTS, pre_order


@given(st.integers(0, 10**15), st.integers(0, 10**15))
def test_what_credit_does_not_pay_is_unpaid(total: int, loyalty: int) -> None:
    assert pre_order(total=total, loyalty=loyalty).unpaid == total - loyalty


def test_a_plan_is_priced_for_the_unpaid_amount_alone() -> None:
    one, three = price_installments((ONE_PAYMENT, THREE_PAYMENTS), 3000)
    assert (one.plan, one.monthly, one.total) == (ONE_PAYMENT, 3000, 3000)
    assert (three.plan, three.monthly, three.total) == (THREE_PAYMENTS, 1015, 3045)


def test_nothing_unpaid_costs_nothing_in_any_plan() -> None:
    prices = price_installments((ONE_PAYMENT, THREE_PAYMENTS), 0)
    assert [(price.monthly, price.total) for price in prices] == [(0, 0), (0, 0)]


def test_without_credit_the_amount_and_the_plan_priced_for_it_are_gone() -> None:
    chosen = pre_order(loyalty=1000, payment_option=2, bin_number="545454", installment=1)
    left = without_credit(chosen)
    assert (left.loyalty, left.installment) == (0, None)
    assert (left.payment_option, left.bin_number) == (2, "545454")


def test_a_checkout_without_credit_is_left_as_it_is() -> None:
    chosen = pre_order(payment_option=2, bin_number="545454", installment=1)
    assert without_credit(chosen) == chosen
