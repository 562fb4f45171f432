import json
from typing import Any

import pytest

from chalicelib.core.errors import InvalidRequest, UnknownSetting
from chalicelib.core.settings import (
    CATALOGUE,
    LOYALTY_MONEY,
    assemble,
    from_json,
    parse_value,
    setting_named,
    to_json,
)

OPTION = {"pk": 2, "name": "Card", "slug": "card", "payment_type": "credit_card"}
CREDIT = {
    "pk": 1,
    "name": "Store credit",
    "slug": "credit",
    "payment_type": "loyalty_money",
    "rule": "LoyaltyMoneyRule",
}
BANK = {"pk": 1, "bank_name": "Bank", "holder_name": "Shop", "iban": "TR330006100519786457841326"}
PLAN = {"pk": 1, "label": "One payment", "installment_count": 1}

GOOD: list[tuple[str, Any]] = [
    ("LOYALTY_MONEY_ENABLED", True),
    ("LOYALTY_MONEY_ENABLED", False),
    ("LOYALTY_MONEY_ENABLED", "Yes"),
    ("LOYALTY_MONEY_ENABLED", "No"),
    ("DEFAULT_CURRENCY", "TRY"),
    ("DEFAULT_CURRENCY", "JPY"),
    ("PAYMENT_OPTIONS", [OPTION]),
    ("PAYMENT_OPTIONS", [CREDIT, OPTION]),
    ("PAYMENT_OPTIONS", [OPTION | {"pk": n, "slug": f"card-{n}"} for n in range(1, 21)]),
    ("PAYMENT_OPTIONS", [OPTION | {"rule": None}]),
    ("BANK_ACCOUNTS", []),
    ("BANK_ACCOUNTS", [BANK]),
    ("BANK_ACCOUNTS", [BANK | {"pk": n} for n in range(1, 21)]),
    ("PAYMENT_GATEWAY", "none"),
    ("PAYMENT_GATEWAY", "sandbox"),
    ("PAYMENT_GATEWAY", "http"),
    ("INSTALLMENTS", [PLAN]),
    ("INSTALLMENTS", [PLAN | {"interest_rate": 150}]),
    ("INSTALLMENTS", [PLAN | {"pk": n} for n in range(1, 25)]),
]

WRONG_VALUES: dict[str, list[Any]] = {
    "LOYALTY_MONEY_ENABLED": [
        "yes",
        "YES",
        "no",
        "true",
        "on",
        "",
        1,
        0,
        1.0,
        None,
        [],
        {},
        [True],
    ],
    "DEFAULT_CURRENCY": ["try", "", "XXX", "XAU", "TR", "TRY ", None, 949, True, ["TRY"], {}],
    "PAYMENT_OPTIONS": [
        None,
        "",
        {},
        OPTION,
        [],
        [None],
        ["card"],
        [{}],
        [OPTION, OPTION],
        [OPTION, OPTION | {"pk": 3}],
        [OPTION, OPTION | {"slug": "other"}],
        [CREDIT, CREDIT | {"pk": 3, "slug": "second-credit"}],
        [OPTION | {"pk": n, "slug": f"card-{n}"} for n in range(1, 22)],
        [OPTION | {"pk": 0}],
        [OPTION | {"pk": -1}],
        [OPTION | {"pk": 1_000_000}],
        [OPTION | {"pk": "2"}],
        [OPTION | {"pk": 2.0}],
        [OPTION | {"pk": True}],
        [OPTION | {"name": ""}],
        [OPTION | {"name": "x" * 65}],
        [OPTION | {"name": None}],
        [OPTION | {"slug": "Card"}],
        [OPTION | {"slug": ""}],
        [OPTION | {"slug": "a b"}],
        [OPTION | {"slug": "card\n"}],
        [OPTION | {"payment_type": "credit-card"}],
        [OPTION | {"payment_type": ""}],
        [OPTION | {"rule": "LoyaltyMoneyRule"}],
        [OPTION | {"payment_type": LOYALTY_MONEY}],
        [CREDIT | {"rule": "AnotherRule"}],
        [CREDIT | {"rule": None}],
        [OPTION | {"surplus": 1}],
        [{key: value for key, value in OPTION.items() if key != "slug"}],
    ],
    "BANK_ACCOUNTS": [
        None,
        BANK,
        [BANK, BANK],
        [BANK | {"pk": n} for n in range(1, 22)],
        [BANK | {"iban": "tr330006100519786457841326"}],
        [BANK | {"iban": ""}],
        [BANK | {"bank_name": ""}],
        [BANK | {"surplus": 1}],
    ],
    "PAYMENT_GATEWAY": ["", "Sandbox", "paypal", None, True, 1, [], {}, ["http"]],
    "INSTALLMENTS": [
        None,
        [],
        PLAN,
        [PLAN, PLAN],
        [PLAN | {"pk": n} for n in range(1, 26)],
        [PLAN | {"pk": 0}],
        [PLAN | {"label": ""}],
        [PLAN | {"installment_count": 0}],
        [PLAN | {"installment_count": 49}],
        [PLAN | {"installment_count": 2.0}],
        [PLAN | {"installment_count": "2"}],
        [PLAN | {"interest_rate": -1}],
        [PLAN | {"interest_rate": 100_001}],
        [PLAN | {"interest_rate": 1.5}],
        [PLAN | {"interest_rate": "150"}],
        [PLAN | {"surplus": 1}],
        [{"pk": 1, "label": "x"}],
    ],
}
WRONG = [(name, value) for name, values in WRONG_VALUES.items() for value in values]


@pytest.mark.parametrize(("name", "value"), GOOD)
def test_a_good_value_is_stored_as_json_and_read_back_the_same(name: str, value: object) -> None:
    setting = setting_named(name)
    parsed = parse_value(setting, value)
    text = to_json(setting, parsed)
    json.loads(text)
    assert from_json(setting, text) == parsed
    assert to_json(setting, parse_value(setting, json.loads(text))) == text


@pytest.mark.parametrize(("name", "value"), WRONG)
def test_a_wrong_value_is_refused_and_the_wrong_part_named(name: str, value: object) -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse_value(setting_named(name), value)
    assert caught.value.errors
    for error in caught.value.errors:
        assert error.field.split(".")[0] == "value"
        assert error.detail
    assert name in caught.value.detail


def test_a_field_deep_inside_is_named_by_its_path() -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse_value(setting_named("PAYMENT_OPTIONS"), [OPTION, CREDIT | {"pk": "x"}])
    assert [error.field for error in caught.value.errors] == ["value.1.pk"]


def test_every_setting_has_good_and_wrong_values_here() -> None:
    assert {name for name, _ in GOOD} == {name for name, _ in WRONG} == set(CATALOGUE)


def test_yes_and_no_mean_true_and_false() -> None:
    enabled = setting_named("LOYALTY_MONEY_ENABLED")
    assert parse_value(enabled, "Yes") is True
    assert parse_value(enabled, "No") is False
    assert to_json(enabled, parse_value(enabled, "Yes")) == to_json(enabled, value=True)


@pytest.mark.parametrize("name", ["", "CHANNEL", "loyalty_money_enabled", "LOYALTY_MONEY", "#"])
def test_a_name_outside_the_catalogue_is_refused_with_the_names_that_exist(name: str) -> None:
    """CHANNEL is the row of the channel itself: as a setting it would overwrite the channel."""
    with pytest.raises(UnknownSetting, match=r"LOYALTY_MONEY_ENABLED.*INSTALLMENTS"):
        setting_named(name)


def test_a_new_channel_has_the_feature_off_one_credit_option_and_one_plain_payment() -> None:
    settings = assemble("TRY", {})
    assert settings.loyalty_money_enabled is False
    assert settings.default_currency == "TRY"
    assert [option.payment_type for option in settings.payment_options] == [LOYALTY_MONEY]
    assert [(plan.installment_count, plan.interest_rate) for plan in settings.installments] == [
        (1, 0)
    ]


def test_what_is_stored_takes_the_place_of_the_defaults() -> None:
    stored = {
        "LOYALTY_MONEY_ENABLED": "true",
        "DEFAULT_CURRENCY": '"JPY"',
        "PAYMENT_OPTIONS": json.dumps([OPTION]),
        "INSTALLMENTS": json.dumps([PLAN | {"installment_count": 3, "interest_rate": 150}]),
    }
    settings = assemble("TRY", stored)
    assert settings.loyalty_money_enabled is True
    assert settings.default_currency == "JPY"
    assert [(option.pk, option.slug) for option in settings.payment_options] == [(2, "card")]
    assert [(plan.installment_count, plan.interest_rate) for plan in settings.installments] == [
        (3, 150)
    ]
