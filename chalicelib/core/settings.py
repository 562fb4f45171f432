"""The closed catalogue of settings: what a shop edits at run time, per channel.

A value is validated by its own model before it is stored, and read back through the same model.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal, Self, TypeAlias

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    Strict,
    StringConstraints,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from chalicelib.core.currencies import DIGITS
from chalicelib.core.errors import FieldError, InvalidRequest, UnknownSetting

Value: TypeAlias = Any
"""A validated value; its type depends on the setting."""

LOYALTY_MONEY: Final = "loyalty_money"
CREDIT_CARD: Final = "credit_card"
FUNDS_TRANSFER: Final = "funds_transfer"

_Label = Annotated[str, StringConstraints(min_length=1, max_length=64)]
_Pk = Annotated[int, Field(ge=1, le=999_999)]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class PaymentOption(_Frozen):
    """One way to pay, as checkout pages list it. `LoyaltyMoneyRule` marks the credit option."""

    pk: _Pk
    name: _Label
    slug: Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,64}$")]
    payment_type: Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]{1,64}$")]
    rule: Literal["LoyaltyMoneyRule"] | None = None

    @model_validator(mode="after")
    def _rule_belongs_to_loyalty(self) -> Self:
        if (self.payment_type == LOYALTY_MONEY) != (self.rule is not None):
            raise ValueError("the payment type loyalty_money, and no other, has LoyaltyMoneyRule")
        if self.payment_type.startswith("masterpass"):
            # The client has pages of its own for it, which are not served here.
            raise ValueError("the payment type masterpass is not served")
        return self


class Installment(_Frozen):
    """One instalment plan. `interest_rate` is in hundredths of a per cent: 150 is 1.50 %."""

    pk: _Pk
    label: _Label
    installment_count: Annotated[int, Field(ge=1, le=48)]
    interest_rate: Annotated[int, Field(ge=0, le=100_000)] = 0


class BankAccount(_Frozen):
    """A bank account of the shop, to which a shopper may transfer what an order costs."""

    pk: _Pk
    bank_name: _Label
    holder_name: _Label
    iban: Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}[0-9]{2}[A-Z0-9]{1,30}$")]


def _yes_or_no(value: object) -> object:
    return {"Yes": True, "No": False}.get(value, value) if isinstance(value, str) else value


def _known_currency(code: str) -> str:
    if code not in DIGITS:
        raise ValueError("use an active ISO 4217 code in upper case, such as TRY")
    return code


def _distinct_options(options: tuple[PaymentOption, ...]) -> tuple[PaymentOption, ...]:
    _require_distinct([option.pk for option in options], "pk")
    _require_distinct([option.slug for option in options], "slug")
    if sum(option.payment_type == LOYALTY_MONEY for option in options) > 1:
        raise ValueError("at most one option may be loyalty_money")
    return options


def _distinct_plans(plans: tuple[Installment, ...]) -> tuple[Installment, ...]:
    _require_distinct([plan.pk for plan in plans], "pk")
    return plans


def _distinct_banks(accounts: tuple[BankAccount, ...]) -> tuple[BankAccount, ...]:
    _require_distinct([account.pk for account in accounts], "pk")
    return accounts


def _require_distinct(values: list[int] | list[str], name: str) -> None:
    if len(set(values)) != len(values):
        raise ValueError(f"each needs a {name} of its own")


Enabled = Annotated[bool, Strict(), BeforeValidator(_yes_or_no)]
Currency = Annotated[str, AfterValidator(_known_currency)]
# A JSON array becomes a tuple; strict mode would refuse a list.
PaymentOptions = Annotated[
    tuple[PaymentOption, ...],
    Field(min_length=1, max_length=20, strict=False),
    AfterValidator(_distinct_options),
]
Installments = Annotated[
    tuple[Installment, ...],
    Field(min_length=1, max_length=24, strict=False),
    AfterValidator(_distinct_plans),
]
BankAccounts = Annotated[
    tuple[BankAccount, ...], Field(max_length=20, strict=False), AfterValidator(_distinct_banks)
]
GatewayName = Literal["none", "sandbox", "http"]


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings of one channel, with defaults where nothing was set."""

    loyalty_money_enabled: bool
    default_currency: str
    payment_options: tuple[PaymentOption, ...]
    installments: tuple[Installment, ...]
    bank_accounts: tuple[BankAccount, ...]
    payment_gateway: GatewayName


@dataclass(frozen=True, slots=True)
class Channel:
    """A sales channel as it was made."""

    name: str
    default_currency: str
    created_ms: int


@dataclass(frozen=True, slots=True)
class StoredSetting:
    """One setting as it was set: JSON text, and when in milliseconds."""

    name: str
    text: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class Setting:
    """One entry of the catalogue. `default` is None where the channel brings it."""

    name: str
    meaning: str
    adapter: TypeAdapter[Any]
    default: Any


CATALOGUE: Final[Mapping[str, Setting]] = MappingProxyType(
    {
        setting.name: setting
        for setting in (
            Setting(
                "LOYALTY_MONEY_ENABLED",
                "Whether shoppers may pay with store credit: true or false, or Yes or No.",
                TypeAdapter(Enabled),
                default=False,
            ),
            Setting(
                "DEFAULT_CURRENCY",
                "The currency of a checkout that names none: an ISO 4217 code.",
                TypeAdapter(Currency),
                default=None,
            ),
            Setting(
                "PAYMENT_OPTIONS",
                "The ways to pay that checkout pages list, in this order.",
                TypeAdapter(PaymentOptions),
                default=(
                    PaymentOption(
                        pk=1,
                        name="Loyalty Money",
                        slug="loyalty-money",
                        payment_type=LOYALTY_MONEY,
                        rule="LoyaltyMoneyRule",
                    ),
                ),
            ),
            Setting(
                "INSTALLMENTS",
                "The instalment plans offered for a card.",
                TypeAdapter(Installments),
                default=(Installment(pk=1, label="Single payment", installment_count=1),),
            ),
            Setting(
                "BANK_ACCOUNTS",
                "The shop's bank accounts, of which a funds transfer chooses one.",
                TypeAdapter(BankAccounts),
                default=(),
            ),
            Setting(
                "PAYMENT_GATEWAY",
                "Who charges cards: none, sandbox (charges nobody, not in prod), or http.",
                TypeAdapter(GatewayName),
                default="none",
            ),
        )
    }
)


def setting_named(name: str) -> Setting:
    """Return the catalogue's entry of this name, or raise `UnknownSetting`."""
    setting = CATALOGUE.get(name)
    if setting is None:
        raise UnknownSetting(f"Settings are {', '.join(CATALOGUE)}.")
    return setting


def parse_value(setting: Setting, value: object) -> Value:
    """Return the validated value of a setting, or raise `InvalidRequest`."""
    try:
        return setting.adapter.validate_python(value)
    except ValidationError as error:
        problems = [
            FieldError(
                ".".join(("value", *(str(part) for part in problem["loc"]))),
                problem["type"],
                problem["msg"],
            )
            for problem in error.errors(include_url=False, include_context=False)
        ]
        raise InvalidRequest(f"{setting.name}: {setting.meaning}", errors=problems) from None


def to_json(setting: Setting, value: Value) -> str:
    """Return the canonical JSON text of a validated value."""
    return setting.adapter.dump_json(value).decode()


def from_json(setting: Setting, text: str) -> Value:
    """Return the value that `to_json` wrote."""
    return setting.adapter.validate_json(text)


def assemble(default_currency: str, stored: Mapping[str, str]) -> Settings:
    """Return the channel's settings from what is stored (name to JSON text) and the defaults."""
    values = {
        name: from_json(setting, stored[name]) if name in stored else setting.default
        for name, setting in CATALOGUE.items()
    }
    return Settings(
        loyalty_money_enabled=values["LOYALTY_MONEY_ENABLED"],
        default_currency=values["DEFAULT_CURRENCY"] or default_currency,
        payment_options=values["PAYMENT_OPTIONS"],
        installments=values["INSTALLMENTS"],
        bank_accounts=values["BANK_ACCOUNTS"],
        payment_gateway=values["PAYMENT_GATEWAY"],
    )
