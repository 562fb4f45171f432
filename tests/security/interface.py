"""The described interface as it is fuzzed: with words that lead to what is there.

Random names would meet nothing but `unknown_channel`. So where the description has a name, half of
the time one is taken that exists, and amounts are often such as can be had.
"""

import copy
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import schemathesis
from schemathesis import Case
from schemathesis.schemas import BaseSchema

import app  # noqa: F401  # declares the routes
from chalicelib.openapi import describe
from tests.house.service import Service
from tests.house.staff import Staff

Json = dict[str, Any]

CHANNEL: Final = "fuzz"
USERS: Final = ("1000", "1001", "1002")
SHOPPER: Final = "shopper-7"

KNOWN: Final[Mapping[str, list[str]]] = {
    "user_pk": [*USERS],
    "source_user_pk": ["1000", "1001"],
    "target_user_pk": ["1001", "1002"],
    "currency": ["TRY"],
    "amount": ["1.00", "0.01"],
    "hold_id": ["hold-1", "hold-2"],
    "transfer_id": ["transfer-1", "transfer-2"],
    "distribution_id": ["distribution-1"],
    "reconciliation_id": ["reconciliation-1"],
    "reference": ["basket-1"],
    "source": ["account-1000", "account-1001"],
    "target": ["account-1001", "account-1002"],
}
"""Words that lead somewhere, by the name of the parameter or the field."""


@dataclass(frozen=True, slots=True)
class Callers:
    """Who calls: staff with every scope, or a shopper where only shoppers may.

    `answered` and `walked` count statuses, of single requests and of walks.
    """

    address: str
    staff: str
    session: str
    answered: Counter[int] = field(default_factory=Counter)
    walked: Counter[int] = field(default_factory=Counter)

    def of(self, case: Case[Any]) -> Json:
        """Return where a request goes, and the credential that it brings."""
        by_staff = case.operation.path.startswith("/channels/")
        headers = (
            {"Authorization": f"Bearer {self.staff}"}
            if by_staff
            else {"Cookie": f"loyalty_session={self.session}"}
        )
        return {"base_url": self.address, "headers": headers}


def described() -> Json:
    """Return the description of the interface, of which every path begins in one channel."""
    found = copy.deepcopy(describe())
    for path in found["paths"].values():
        for operation in path.values():
            # Who may call what is tested for every caller; here the caller may.
            operation.pop("security", None)
            for parameter in operation.get("parameters", []):
                _lead(parameter["name"], parameter)
                if parameter["name"] == "channel":
                    parameter["schema"] = {"type": "string", "enum": [CHANNEL]}
    for schema in found["components"]["schemas"].values():
        for name, content in schema.get("properties", {}).items():
            _lead(name, {"schema": content}, schema["properties"])
    return found


def open_channel(service: Service) -> Callers:
    """Make the channel with what the words lead to, and a shopper of whom no word knows."""
    staff = Staff(service, CHANNEL)
    for user_pk in USERS:
        staff.open_account(user_pk, "1000.00", f"account-{user_pk}")
    staff.must("PUT", "/settings/LOYALTY_MONEY_ENABLED", {"value": True})
    staff.open_account(SHOPPER, "1000.00")
    order = {"reference": "own-1", "total_amount": "40.00"}
    staff.must("PUT", f"/pre-orders/{SHOPPER}/TRY", order)
    session = service.cli("session", "--channel", CHANNEL, "--user", SHOPPER)
    return Callers(service.address, staff.token, session)


def load() -> BaseSchema:
    """Return the interface, ready to be fuzzed."""
    schema = schemathesis.openapi.from_dict(described())
    # The local server answers other methods by itself, before anything of ours is asked.
    schema.config.phases.coverage.unexpected_methods = {"delete", "patch"}
    return schema


def _lead(name: str, holder: Json, fields: Json | None = None) -> None:
    words = KNOWN.get(name)
    if words is None or "$ref" in holder["schema"]:
        return
    led = {"anyOf": [{"type": "string", "enum": words}, holder["schema"]]}
    if fields is None:
        holder["schema"] = led
    else:
        fields[name] = led
