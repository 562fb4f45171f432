"""What the published client keeps in its store, and which calls it makes by itself.

After `redux/middlewares/checkout.ts` of `@akinon/next` 1.24.0 (protocol 2.2 and 2.3): the lists
of an answer are kept first, then its pre-order is judged, and each judgement may post a page
without any user. Whoever answers such a post so that it is judged the same again has a client
that posts for ever.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Protocol

from tests.routes.shop import Json

Post = tuple[str, tuple[tuple[str, str], ...]]
"""A page and its fields."""

LISTS: Final = (
    "delivery_options",
    "addresses",
    "shipping_options",
    "payment_options",
    "installments",
)
MOST_CALLS: Final = 8
"""How many calls of its own may follow one of the user's. The guide's worst case needs four."""


class Pages(Protocol):
    """Where pages are posted to and looked at."""

    def post(self, page: str, /, **fields: str) -> Json:
        """Return the answer of a posted page."""

    def show(self) -> Json:
        """Return the checkout as it loads."""


@dataclass
class Store:
    """The part of the client's state that decides about calls of its own."""

    lists: dict[str, list[Json]] = field(default_factory=lambda: {name: [] for name in LISTS})
    pre_order: Json = None
    errors: Json = None
    gone_to: str | None = None

    def copy(self) -> "Store":
        """Return a store that changes by itself."""
        return Store(dict(self.lists), self.pre_order, self.errors, self.gone_to)

    def apply(self, envelope: Json) -> list[Post]:
        """Keep an answer as the client does, and return what it now posts by itself."""
        names = {context["page_name"] for context in envelope["context_list"]}
        for context in envelope["context_list"]:
            content = context["page_context"]
            if content.get("redirect_url"):
                self.gone_to = content["redirect_url"]
                continue
            for name in LISTS:
                kept = name != "installments" or "DeliveryOptionSelectionPage" not in names
                if content.get(name) is not None and kept:
                    self.lists[name] = content[name]
        if envelope["errors"]:
            self.errors = envelope["errors"]
        if not envelope.get("pre_order"):
            return []
        self.pre_order = envelope["pre_order"]
        assert not self.pre_order.get("is_redirected")
        return [post for judge in _JUDGES for post in judge(self)]


def run(store: Store, storefront: Pages, post: Post) -> list[Post]:
    """Make a call of the user's and all that follow from it; return those that followed."""
    waiting, own = deque([post]), list[Post]()
    while waiting:
        page, fields = waiting.popleft()
        following = store.apply(storefront.post(page, **dict(fields)))
        if store.gone_to is not None:
            break
        own += following
        waiting += following
        assert len(own) <= MOST_CALLS, f"the client does not end: {post}, then {own}"
    return own


def load(store: Store, storefront: Pages) -> list[Post]:
    """Load the checkout page and make the calls that follow from it."""
    envelope = storefront.show()
    if "basket" in envelope.get("redirect_url", ""):
        store.gone_to = envelope["redirect_url"]
        return []
    own = store.apply(envelope)
    return own + [more for post in own for more in run(store, storefront, post)]


def _delivery(store: Store) -> list[Post]:
    options = store.lists["delivery_options"]
    if store.pre_order["delivery_option"] or not options:
        return []
    pk = next((o["pk"] for o in options if o.get("delivery_option_type") == "customer"), "")
    return [("DeliveryOptionSelectionPage", (("delivery_option", str(pk)),))]


def _addresses(store: Store) -> list[Post]:
    pre_order, addresses = store.pre_order, store.lists["addresses"]
    both = pre_order["shipping_address"] and pre_order["billing_address"]
    kind = (pre_order["delivery_option"] or {}).get("delivery_option_type")
    if both or not addresses or kind != "customer":
        return []
    pk = str(addresses[0].get("pk", ""))
    fields = (("shipping_address", pk), ("billing_address", pk))
    return [("AddressSelectionPage", fields)]


def _shipping(store: Store) -> list[Post]:
    chosen, options = store.pre_order["shipping_option"], store.lists["shipping_options"]
    pks = [option.get("pk") for option in options]
    if not options or (chosen and chosen.get("pk") in pks):
        return []
    return [("ShippingOptionSelectionPage", (("shipping_option", str(pks[0])),))]


def _payment(store: Store) -> list[Post]:
    options = store.lists["payment_options"]
    if store.pre_order["payment_option"] or not options:
        return []
    return [("PaymentOptionSelectionPage", (("payment_option", str(options[0]["pk"])),))]


def _installment(store: Store) -> list[Post]:
    plans = store.lists["installments"]
    if store.pre_order["installment"] or not plans:
        return []
    return [("InstallmentSelectionPage", (("installment", str(plans[0]["pk"])),))]


_JUDGES: Final[tuple[Callable[[Store], list[Post]], ...]] = (
    _delivery,
    _addresses,
    _shipping,
    _payment,
    _installment,
)
