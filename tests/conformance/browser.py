"""Tabs of a browser that run the client's own code, and what each call of a user's led to.

One Node process is the storefront's server and all of its shoppers' tabs. A tab's store, its calls
by itself and its navigation are the client's; its requests go through the client's proxy route.
"""

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import parse_qs, urlsplit

from cli.local import PROJECT
from tests.conformance.client import bundle
from tests.npm import NODE

Json = Any

PAGES: Final[Mapping[str, str]] = {
    "fetchCheckout": "/orders/checkout/",
    "getCheckoutLoyaltyBalance": "LoyaltyMoneyUsagePage",
    "payWithLoyaltyBalance": "LoyaltyMoneyUsagePage",
    "completeLoyaltyPayment": "LoyaltyPaymentSelectedPage",
    "setPaymentOption": "PaymentOptionSelectionPage",
    "setBinNumber": "BinNumberPage",
    "setInstallmentOption": "InstallmentSelectionPage",
    "completeCreditCardPayment": "CreditCardConfirmationPage",
    "setFundsTransferOption": "FundsTransferChoicePage",
    "completeFundsTransfer": "FundsTransferPage",
    "getLoyaltyBalance": "/account/loyalty-account-balance/",
    "getLoyaltyTransactions": "/account/loyalty/",
}
"""The client's calls, by the names of its hooks, and the page or path that each asks for."""

DRIVER: Final = PROJECT / "tests" / "conformance" / "driver" / "main.mjs"
_STOP_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that the storefront made of the service."""

    method: str
    path: str
    query: Mapping[str, str]
    form: Mapping[str, str] | None
    headers: Mapping[str, str]
    status: int

    @property
    def page(self) -> str:
        """The page that it is for, or the path where it is for none."""
        return self.query.get("page", self.path)


@dataclass(frozen=True, slots=True)
class Step:
    """What followed from one call of a user's, until nothing more went on."""

    data: Json
    """The answer, as the view that made the call gets it."""
    error: Json
    checkout: Json
    """The store's state of the checkout."""
    asked: tuple[Asked, ...]
    shown: tuple[int, ...]
    """The pks of the payment options that the shopper sees."""
    pending: tuple[str, ...]
    """Calls that are without an answer."""
    gone: tuple[str, ...]
    """Where the browser was sent."""
    signed_out: tuple[str, ...]
    endless: bool
    rejections: tuple[str, ...]

    @property
    def pages(self) -> list[str]:
        """The pages that were asked for."""
        return [asked.page for asked in self.asked]

    @property
    def pre_order(self) -> Json:
        """The pre-order in the store."""
        return self.checkout["preOrder"]

    @property
    def money(self) -> tuple[str, str]:
        """What is paid by credit, and what is unpaid."""
        return self.pre_order["loyalty_money"], self.pre_order["unpaid_amount"]

    @property
    def chosen(self) -> int | None:
        """The pk of the chosen payment option."""
        option = self.pre_order["payment_option"]
        return None if option is None else int(option["pk"])

    @property
    def errors(self) -> Json:
        """The errors in the store."""
        return self.checkout["errors"]

    @property
    def busy(self) -> bool:
        """Whether the store says of a step that it is busy, which locks its view."""
        steps = self.checkout["steps"]
        return bool(steps["payment"]["busy"] or steps["shipping"]["busy"])


class Storefront:
    """A storefront with its own server, and browsers on it. Use as a context to end it."""

    def __init__(self, service: str, folder: Path) -> None:
        """Bundle the client into `folder` and start, with the service at an address."""
        bundle(folder)
        self._log = (folder / "node.log").open("ab")
        self._process = subprocess.Popen(
            [NODE, DRIVER, folder],
            env={"PATH": os.defpath, "SERVICE_BACKEND_URL": service},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )
        self._base = urlsplit(service).path
        self._tabs = 0
        self.steps = 0
        """How many calls of users were made."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
        self._log.close()

    def open_tab(self, browser: str, cookies: Mapping[str, str]) -> "Tab":
        """Open a tab on the checkout, with cookies that the browser has from now on."""
        self._tabs += 1
        tab = f"{browser}-{self._tabs}"
        self._send({"command": "open", "tab": tab, "browser": browser, "cookies": {**cookies}})
        return Tab(self, tab)

    def call_all(self, *calls: tuple["Tab", str, object]) -> list[Step]:
        """Make calls of users all at once; return what each tab came to."""
        self.steps += len(calls)
        named = [{"tab": tab.name, "name": name, "argument": arg} for tab, name, arg in calls]
        answer = self._send({"command": "call", "calls": named})
        return [_step(step, answer["rejections"], self._base) for step in answer["steps"]]

    def _send(self, command: Json) -> Json:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, f"the driver ended: {Path(self._log.name).read_text()[-2000:]}"
        return json.loads(line)


class Tab:
    """One tab, with a store of its own and the cookies of its browser."""

    def __init__(self, storefront: Storefront, name: str) -> None:
        """Stand for a tab that was opened."""
        self._storefront = storefront
        self.name = name

    def call(self, name: str, argument: object = None, *then: str) -> Step:
        """Make a call of the user's, by the client's name for it; `then` is what follows by itself.

        The service is asked for the page of the call once and for those that follow, and for
        nothing else. The client is left at rest: see `hold`.
        """
        [step] = self._storefront.call_all((self, name, argument))
        hold(step)
        assert step.pages == [PAGES[name], *then], step.pages
        return step

    def thank(self, token: str) -> Json:
        """Return the order that the thank-you page of a token shows."""
        [step] = self._storefront.call_all((self, "fetchCheckoutResult", token))
        hold(step)
        assert step.pages == [f"/orders/completed/{token}/"]
        return step.data


ABORTED: Final = "Mutation already in progress."
"""How the client ends the second of two equal calls of one tab that go on at once."""


def hold(step: Step, *, may_abort: bool = False) -> None:
    """Hold a step to what holds for every one of them that ended well or in a refusal.

    The client does not post for ever, awaits nothing, shows no locked view, and no promise of it
    was broken, unless it `may_abort` one of its own calls; the service answered 200 each time.
    """
    assert not step.endless, step.pages
    broken = [text for text in step.rejections if not (may_abort and ABORTED in text)]
    assert broken == [], (broken, step.pages)
    assert step.pending == (), step.pages
    assert not step.busy, step.pages
    assert step.error is None, step.error
    assert {asked.status for asked in step.asked} == {200}, step.pages
    balance = step.checkout.get("loyaltyBalance", "0.00")
    assert isinstance(balance, str)


def _step(answer: Json, rejections: Sequence[str], base: str) -> Step:
    return Step(
        data=answer.get("data"),
        error=answer.get("error"),
        checkout=answer["checkout"],
        asked=tuple(_asked(request, base) for request in answer["requests"]),
        shown=tuple(answer["shown"]),
        pending=tuple(answer["pending"]),
        gone=tuple(answer["gone"]),
        signed_out=tuple(answer["signed_out"]),
        endless=answer["endless"],
        rejections=tuple(rejections),
    )


def _asked(request: Json, base: str) -> Asked:
    url = urlsplit(request["url"])
    path = url.path.removeprefix(base)
    query = {name: values[-1] for name, values in parse_qs(url.query).items()}
    status = request.get("status", 0)
    return Asked(request["method"], path, query, request["form"], request["headers"], status)
