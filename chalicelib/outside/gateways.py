"""Payment gateways: who charges a card for the rest of an order. A channel chooses one by name."""

from typing import Protocol

from chalicelib.config import config
from chalicelib.core.payments import Card, Outcome, Payment
from chalicelib.core.settings import GatewayName
from chalicelib.outside.http_gateway import HttpGateway
from chalicelib.outside.sandbox import Sandbox


class Gateway(Protocol):
    """What a checkout needs of a gateway. No call raises: silence is `Outcome.UNKNOWN`.

    `deadline` is in seconds of the monotonic clock. A charge happens once under its key, however
    often it is asked for.
    """

    def charge(self, payment: Payment, card: Card, *, deadline: float) -> Outcome:
        """Charge the card."""

    def ask(self, payment: Payment, *, final: bool, deadline: float) -> Outcome:
        """Return how a charge ended.

        `final` makes a charge that was never seen one that is declined from now on.
        """

    def refund(self, payment: Payment, *, deadline: float) -> bool:
        """Give an approved charge back; `ask` says declined from then on. True when it is done."""


def gateway_named(name: str) -> Gateway | None:
    """Return a gateway of this deployment; None for "none" and for one that it does not have."""
    settings = config()
    if name == "sandbox" and settings.stage != "prod":
        return Sandbox()
    if name == "http" and settings.gateway_url and settings.gateway_keys:
        return HttpGateway(settings.gateway_url, settings.gateway_keys)
    return None


def why_missing(name: GatewayName) -> str | None:
    """Return the sentence for a gateway that this deployment does not have; None if it has it."""
    if name == "none" or gateway_named(name) is not None:
        return None
    if name == "sandbox":
        return "The sandbox charges nobody, so stage prod does not have it: use http, or none."
    return "This deployment has no payment service: set GATEWAY_URL and GATEWAY_KEYS."
