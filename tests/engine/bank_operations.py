"""What the writers of the bank test do: operations drawn from a seed, and performed by the verbs.

A seed says which operations are drawn and in which order, whatever becomes of them: so a writer
that was killed draws the same ones again.
"""

import datetime
import json
import random
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final, Literal

from chalicelib import ledger
from chalicelib.auth import Call
from chalicelib.core.accounts import AccountKey
from chalicelib.core.errors import Refusal
from chalicelib.core.transfers import Transfer
from chalicelib.ledger import ByAccountIds, ByUsers, StandingHold
from chalicelib.store.requests import Settled
from tests.engine.bank_distributions import Distributed, Undone, distribute, undo

Json = dict[str, Any]
Kind = Literal[
    "transfer",
    "authorize",
    "capture",
    "void",
    "reverse",
    "refund",
    "adjust",
    "distribute",
    "undo",
]

CHANNEL: Final = "bank"
CURRENCY: Final = "TRY"
OPENINGS: Final = {"ada": 2000, "bob": 2000, "cem": 1500, "dee": 500, "eve": 0, "fay": 1000}
"""What each account is opened with: little, so that much is refused."""
MAY_OWE: Final = frozenset({"fay"})

CALL_LIFE_S: Final = 6.5
"""What a request has for its answer, as at the service's own doors."""
HURRIED_LIFE_S: Final = 0.03
"""What is left to one that waited long: it ends busy or unknown where others retry."""

_SHARES: Final[dict[Kind, int]] = {
    "transfer": 34,
    "authorize": 18,
    "capture": 13,
    "refund": 12,
    "reverse": 9,
    "adjust": 8,
    "void": 6,
    "distribute": 5,
    "undo": 3,
}
_LIVES_S: Final = (1, 1, 2, 5, 20)
"""How long holds last: most that nobody ends lapse while the test runs."""
_RECENT: Final = 8
_POOL_STEP: Final = 4


def account_id_of(user: str) -> str:
    """Return the account id of a user's account."""
    return f"account-{user}"


@dataclass(frozen=True, slots=True)
class Operation:
    """One request of a shop: with the same id it is the same request, whoever sends it.

    `minor` is in minor units: below zero an adjustment takes; None captures the whole; each target
    of a distribution gets it. `id` is the hold's of `authorize`, `capture` and `void`, and the
    original's of `reverse`. `other` of a distribution are its targets, joined by commas.
    """

    kind: Kind
    id: str
    user: str = ""
    other: str = ""
    minor: int | None = None
    life_s: int = 0
    hold: str = ""
    note: str | None = None
    by_ids: bool = False

    @property
    def name(self) -> str:
        """The id that it leaves in the store: of a transfer, or `hold:{user}:{id}`."""
        match self.kind:
            case "transfer" | "adjust":
                return self.id
            case "reverse":
                return f"reversal:{self.id}"
            case "refund":
                return f"refund:capture:{account_id_of(self.user)}:{self.hold}:{self.id}"
            case "capture":
                return f"capture:{account_id_of(self.user)}:{self.id}"
            case "authorize" | "void":
                return f"{self.kind}:{self.user}:{self.id}"
            case "distribute" | "undo":
                return f"{self.kind}:{self.id}"

    @property
    def rests_on(self) -> str | None:
        """The name of the operation without which it is refused as unknown."""
        match self.kind:
            case "capture" | "void":
                return f"authorize:{self.user}:{self.id}"
            case "refund":
                return f"authorize:{self.user}:{self.hold}"
            case "reverse":
                return self.id
            case "undo":
                return f"distribute:{self.id}"
            case _:
                return None


# --- drawing --------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Drawn:
    """One run of operations that build on each other, by a chance and under a prefix of ids."""

    chance: random.Random
    prefix: str
    count: int = 0
    reversible: list[str] = field(default_factory=list)
    holds: list[Operation] = field(default_factory=list)
    captures: list[Operation] = field(default_factory=list)
    distributions: list[str] = field(default_factory=list)

    def draw(self) -> Operation:
        """Return the next operation; what lacks something to build on becomes a transfer."""
        self.count += 1
        [kind] = self.chance.choices(list(_SHARES), list(_SHARES.values()))
        if kind in {"capture", "void"} and self.holds:
            return self._ending(kind)
        if kind == "refund" and self.captures:
            return self._refund()
        if kind == "reverse" and self.reversible:
            return Operation("reverse", self.chance.choice(self.reversible[-_RECENT:]))
        if kind == "authorize":
            return self._hold()
        if kind == "distribute":
            return self._distribution()
        if kind == "undo" and self.distributions:
            return Operation("undo", self.chance.choice(self.distributions[-_RECENT:]))
        return self._movement("adjust" if kind == "adjust" else "transfer")

    def _movement(self, kind: Literal["adjust", "transfer"]) -> Operation:
        user, other = self.chance.sample(list(OPENINGS), 2)
        made = Operation(
            kind=kind,
            id=f"{self.prefix}-{self.count}",
            user=user,
            other=other if kind == "transfer" else "",
            minor=self.chance.randint(50, 1200),
            note=self.chance.choice([None, "çay", "lunch"]) if kind == "transfer" else "goodwill",
            by_ids=kind == "transfer" and self.chance.random() < 0.3,
        )
        if kind == "adjust" and self.chance.random() < 0.5:
            made = replace(made, minor=-self.chance.randint(50, 1200))
        self.reversible.append(made.id)
        return made

    def _hold(self) -> Operation:
        made = Operation(
            kind="authorize",
            id=f"{self.prefix}-{self.count}",
            user=self.chance.choice(list(OPENINGS)),
            minor=self.chance.randint(50, 900),
            life_s=self.chance.choice(_LIVES_S),
        )
        self.holds.append(made)
        return made

    def _distribution(self) -> Operation:
        source, *targets = self.chance.sample(list(OPENINGS), self.chance.randint(3, 5))
        made = Operation(
            kind="distribute",
            id=f"{self.prefix}-{self.count}",
            user=source,
            other=",".join(targets),
            minor=self.chance.randint(1, 150),
        )
        self.distributions.append(made.id)
        return made

    def _ending(self, kind: Literal["capture", "void"]) -> Operation:
        hold = self.chance.choice(self.holds[-_RECENT:])
        if kind == "void":
            return Operation("void", hold.id, user=hold.user)
        assert hold.minor is not None
        minor = self.chance.choice([None, hold.minor, self.chance.randint(1, hold.minor + 20)])
        note = self.chance.choice([None, f"order-{hold.id}"])
        made = Operation("capture", hold.id, user=hold.user, minor=minor, note=note)
        self.captures.append(made)
        return made

    def _refund(self) -> Operation:
        # So many and so much of so few that together they soon exceed what was captured.
        capture = self.chance.choice(self.captures[-3:])
        return Operation(
            kind="refund",
            id=f"{self.prefix}-{self.count}",
            user=capture.user,
            hold=capture.id,
            minor=self.chance.randint(1, 600),
        )


def operations_of(seed: int, writer: int, count: int) -> Iterator[Operation]:
    """Yield the operations of one writer.

    About a quarter come from a pool that all writers draw alike, at about the same time; some
    repeat earlier ones of its own. Of either, some are altered under the same id.
    """
    chance = random.Random(f"{seed}:{writer}")
    pooled = _Drawn(random.Random(f"{seed}:pool"), "pool")
    pool = [pooled.draw() for _ in range(count // _POOL_STEP + 1)]
    own = _Drawn(chance, f"own{writer}")
    sent: list[Operation] = []
    for at in range(count):
        lot = chance.random()
        if lot < 0.25:
            operation = _perhaps_altered(pool[at // _POOL_STEP], chance)
        elif lot < 0.33 and sent:
            operation = _perhaps_altered(chance.choice(sent[-20:]), chance)
        else:
            operation = own.draw()
        sent.append(operation)
        yield operation


def _perhaps_altered(operation: Operation, chance: random.Random) -> Operation:
    if chance.random() < 0.75 or operation.kind in {"void", "reverse", "undo"}:
        return operation
    return replace(operation, minor=(operation.minor or 0) + chance.choice([1, 7]) or 1)


# --- performing -----------------------------------------------------------------------------------


def call(by: str, life_s: float = CALL_LIFE_S) -> Call:
    """Return a request that is made now."""
    now = datetime.datetime.now(datetime.UTC)
    return Call(by=by, now=now, deadline=time.monotonic() + life_s)


def perform(operation: Operation, made: Call) -> Json:
    """Send an operation once and return how it ended: `answer` and `written`, or `refused`."""
    try:
        settled = _send(operation, made)
    except Refusal as refusal:
        return {"refused": refusal.code}
    answer = settled.answer.hold if isinstance(settled.answer, StandingHold) else settled.answer
    return {"answer": json.loads(json.dumps(asdict(answer))), "written": settled.written}


Sent = Settled[Transfer] | Settled[StandingHold] | Settled[Distributed] | Settled[Undone]


def _send(operation: Operation, made: Call) -> Sent:
    match operation.kind:
        case "distribute" | "undo":
            return _send_distribution(operation, made)
        case "authorize" | "capture" | "void":
            return _send_of_hold(operation, made)
        case "transfer":
            return _send_transfer(operation, made)
        case "reverse":
            return ledger.reverse(made, CHANNEL, operation.id)
    key, text = _key(operation), _text(operation.minor)
    if operation.kind == "refund":
        return ledger.refund_hold(made, key, operation.hold, operation.id, amount=text)
    assert operation.note is not None
    return ledger.adjust(made, key, operation.id, amount=text, reason=operation.note)


def _send_distribution(operation: Operation, made: Call) -> Settled[Distributed] | Settled[Undone]:
    """Nobody tells which of several writers moved its total first: no answer says that it wrote."""
    if operation.kind == "undo":
        return Settled(undo(made, CHANNEL, operation.id), written=False)
    targets = operation.other.split(",")
    assert operation.minor is not None
    answer = distribute(made, CHANNEL, operation.id, operation.user, targets, operation.minor)
    return Settled(answer, written=False)


def _send_transfer(operation: Operation, made: Call) -> Settled[Transfer]:
    parties: ByUsers | ByAccountIds = ByUsers(operation.user, operation.other, CURRENCY)
    if operation.by_ids:
        ids = account_id_of(operation.user), account_id_of(operation.other)
        parties = ByAccountIds(*ids, currency=None)
    text = _text(operation.minor)
    return ledger.transfer(made, CHANNEL, operation.id, parties, amount=text, note=operation.note)


def _send_of_hold(operation: Operation, made: Call) -> Settled[StandingHold]:
    key, text = _key(operation), _text(operation.minor)
    if operation.kind == "authorize":
        return ledger.authorize(made, key, operation.id, amount=text, life_s=operation.life_s)
    if operation.kind == "void":
        return ledger.void(made, key, operation.id)
    amount = None if operation.minor is None else text
    return ledger.capture(made, key, operation.id, amount=amount, order=operation.note)


def _key(operation: Operation) -> AccountKey:
    return AccountKey(CHANNEL, operation.user, CURRENCY)


def _text(minor: int | None) -> str:
    """Return an amount as a request carries it."""
    whole, cents = divmod(abs(minor or 0), 100)
    return f"{'-' if (minor or 0) < 0 else ''}{whole}.{cents:02d}"
