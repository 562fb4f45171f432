"""Every verb that writes, and every way in which its write may fail: it is done exactly once.

Each runs undisturbed first. Then, for other users, its write meets one fault after another and is
repeated with the same id until it is definite: the answer and every row must be as undisturbed.
"""

import json
import re
import signal
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import chain, count
from typing import Any

import pytest

from chalicelib.checkout import Visit, payments
from chalicelib.core.errors import Busy, OutcomeUnknown, Refusal
from chalicelib.core.names import to_ms
from chalicelib.core.transitions import PageEvent
from chalicelib.core.users import User
from chalicelib.outside import sandbox
from chalicelib.store.connection import connection
from chalicelib.store.users import register
from tests.core.made import FUNDS
from tests.engine.conftest import tables_at
from tests.engine.line import Cut, DoneBut, Fault, Kill, Late, Line, Twice, act_and_die
from tests.engine.workers import FORKS, WAIT_S, Job, job, rows_of, settle
from tests.properties.books import PREFIX, Books, audit
from tests.store.kept import write
from tests.store.wire import NoConnection, Silence, cancelled, error
from tests.verbs import shop

INTERNAL = error("InternalServerError", 500)

FAULTS: dict[str, Fault] = {
    "time-out after the commit": Silence(done=True),
    "cut before the commit": Cut(),
    "no connection": NoConnection(),
    "throttled": error("ThrottlingException"),
    "conflict": error("TransactionConflictException"),
    "internal error after the commit": DoneBut(INTERNAL),
    "internal error before it": INTERNAL,
    "twice, second answer": Twice(second_answers=True, with_token=True),
    "twice without token, first answer": Twice(second_answers=False, with_token=False),
    "twice without token, second answer": Twice(second_answers=True, with_token=False),
    "late": Late(),
}
MEMBERS: dict[str, Fault] = {
    "conflict on a row": cancelled("TransactionConflict", "None"),
    "throttled table": cancelled("None", "ThrottlingError"),
}
"""What only a transaction meets."""

EXHAUSTING: dict[str, tuple[Fault, type[Refusal]]] = {
    "time-outs, all after the commit": (Silence(done=True), OutcomeUnknown),
    "time-outs, all before it": (Silence(done=False), OutcomeUnknown),
    "conflicts": (error("TransactionConflictException"), Busy),
}


@dataclass(frozen=True, slots=True)
class Verb:
    """What must be there before, and the request itself; both for a registered user's name."""

    prepare: Callable[[str], object]
    act: Callable[[str], Job]
    single: bool = False
    """Whether it writes one row, so without a transaction."""


def nothing(name: str) -> None:
    """The user is there, and that will do."""


def one(name: str) -> None:
    shop.open_account(name, account_id=f"account-{name}")


def two(name: str) -> None:
    one(name)
    one(f"{name}-to")


def sent(name: str) -> None:
    two(name)
    shop.send(name, name, f"{name}-to")


def authorized(name: str) -> None:
    one(name)
    shop.hold(name, name)


def captured(name: str) -> None:
    authorized(name)
    shop.capture(name, name)


def opened(name: str) -> None:
    one(name)
    shop.open_checkout(name, reference=name)


def chosen(name: str) -> None:
    opened(name)
    shop.visit(name, PageEvent.USE_CREDIT, "40.00")


def at_card(name: str) -> None:
    one(name)
    shop.come_to_card(name, card=sandbox.LOSES_REQUEST, reference=name)


def charged(name: str) -> None:
    """The card was charged, and the answer was lost."""
    one(name)
    shop.come_to_card(name, card=sandbox.LOSES_ANSWER, reference=name)
    assert shop.code_of(shop.pay(name, sandbox.LOSES_ANSWER)) == "payment_in_progress"


def declined(name: str) -> None:
    """The card was declined, and the function was ended before it could say so."""
    one(name)
    shop.come_to_card(name, card=sandbox.DECLINES, reference=name)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(payments, "_release", end_here)
        with pytest.raises(Ended):
            shop.pay(name, sandbox.DECLINES)


class Ended(BaseException):
    """No except clause of the service may catch it."""


def end_here(*_: object) -> None:
    raise Ended


def at_funds(name: str) -> None:
    opened(name)
    for event, text in (
        (PageEvent.USE_CREDIT, "12.00"),
        (PageEvent.SELECT_OPTION, str(FUNDS.pk)),
        (PageEvent.CHOOSE_BANK, "1"),
    ):
        assert shop.visit(name, event, text).refusal is None


def bought(name: str) -> None:
    chosen(name)
    shop.visit(name, PageEvent.COMPLETE, "true")


LOST = sandbox.LOSES_REQUEST
"""A card that lets a payment begin and go no further: what begins is one write."""

VERBS: dict[str, Verb] = {
    "transfer": Verb(two, lambda name: job(shop.send, name, name, f"{name}-to", note="çay")),
    "transfer by account ids": Verb(
        two,
        lambda name: job(shop.send_by_ids, name, f"account-{name}", f"account-{name}-to"),
    ),
    "opening with credit": Verb(
        nothing,
        lambda name: job(shop.open_account, name, account_id=f"account-{name}", key=name),
    ),
    "opening without credit": Verb(
        nothing,
        lambda name: job(shop.open_account, name, "0", account_id=f"account-{name}", key=name),
    ),
    "authorisation": Verb(one, lambda name: job(shop.hold, name, name)),
    "capture": Verb(
        authorized, lambda name: job(shop.capture, name, name, "7.00", order=f"order-{name}")
    ),
    "void": Verb(authorized, lambda name: job(shop.void, name, name)),
    "reversal": Verb(sent, lambda name: job(shop.reverse, name)),
    "refund of an order": Verb(bought, lambda name: job(shop.refund_order, "part", "15.00", name)),
    "refund of a hold": Verb(
        captured, lambda name: job(shop.refund_hold, "part", name, "3.00", name)
    ),
    "adjustment that gives": Verb(one, lambda name: job(shop.adjust, name, name, "5.00")),
    "adjustment that takes": Verb(one, lambda name: job(shop.adjust, name, name, "-5.00")),
    "pre-order": Verb(one, lambda name: job(shop.open_checkout, name, reference=name)),
    "choice of an amount": Verb(
        opened, lambda name: job(shop.visit, name, PageEvent.USE_CREDIT, "12.00"), single=True
    ),
    "completion": Verb(chosen, lambda name: job(shop.visit, name, PageEvent.COMPLETE, "true")),
    "begin of a card payment": Verb(at_card, lambda name: job(shop.pay, name, LOST)),
    "end of an approved one": Verb(charged, lambda name: job(shop.pay, name, LOST)),
    "end of a declined one": Verb(declined, lambda name: job(shop.visit, name, PageEvent.SHOW)),
    "completion by funds transfer": Verb(
        at_funds, lambda name: job(shop.visit, name, PageEvent.CONFIRM_FUNDS, "1")
    ),
}


@pytest.fixture(scope="module")
def store(endpoint: str) -> Iterator[dict[str, str]]:
    """One shop for all cases; each has users of its own. The books are audited at the end."""
    with tables_at(endpoint) as environment:
        shop.open_shop()
        _controls.clear()
        yield environment
        audit(Books.of({PREFIX + noun: rows for noun, rows in rows_of(environment).items()}))


@pytest.fixture
def line(store: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Line]:
    """The line of this process to the engine; the pauses between attempts are skipped."""
    monkeypatch.setattr(time, "sleep", lambda _: None)
    with Line(connection().client) as line:
        yield line


# --- what is compared -------------------------------------------------------------------------

_batches = count(1)


@dataclass(frozen=True, slots=True)
class Cases:
    """Users for whom a verb was prepared, one for each case; ids are made of their names."""

    batch: str
    names: dict[str, str]

    @classmethod
    def of(cls, verb: Verb, cases: Iterable[str]) -> "Cases":
        batch = f"b{next(_batches):03d}"
        names = {case: f"{batch}u{at:02d}" for at, case in enumerate(cases)}
        people = [pk for name in names.values() for pk in (name, f"{name}-to")]
        users = [User(shop.CHANNEL, pk, f"{pk}@example.com", to_ms(shop.NOW), 0) for pk in people]
        write(*chain.from_iterable(register(user, "staff:test") for user in users))
        for name in names.values():
            verb.prepare(name)
        return cls(batch, names)


@dataclass(frozen=True, slots=True)
class Control:
    """What an undisturbed request is answered, and what it leaves."""

    answer: Any
    rows: list[str]


_controls: dict[str, Control] = {}


def control_of(environment: Mapping[str, str], of: str) -> Control:
    """Return how a verb goes undisturbed; it is made to once."""
    if of not in _controls:
        cases = Cases.of(VERBS[of], ["control"])
        [name] = cases.names.values()
        answer = told(VERBS[of].act(name), name)
        assert told(VERBS[of].act(name), name) == answer
        _controls[of] = Control(answer, left(environment, cases.batch)[name])
    return _controls[of]


RANDOM = {
    *("hash", "entry_hash", "content_hash", "contents_hash", "salt"),
    *("order_id", "idempotency_key"),
}


def alike(value: Any, name: str) -> Any:
    """Return a value without what chance or the name made different."""
    match value:
        case dict():
            pairs = {alike(n, name): alike(v, name) for n, v in value.items() if n not in RANDOM}
            return dict(sorted(pairs.items()))
        case list() | tuple():
            return [alike(each, name) for each in value]
        case str():
            text = re.sub("key:[0-9a-f]{64}", "key:", value.replace(name, "NAME"))
            # The key of a payment holds the id of the order it is to be.
            return re.sub(r"NAME:[0-9]+:([0-9]+):[0-9]+$", r"NAME:ORDER:\1", text)
    return value


def told(wanted: Job, name: str) -> Any:
    """Send a request until it is definite; return what its caller is told."""
    ending = settle(wanted)
    if ending.refused is not None:
        return ending.refused
    if isinstance(ending.answer, Visit):
        seen = ending.answer
        pre_order = seen.situation.pre_order
        assert pre_order is not None
        shown = [seen.move, shop.code_of(seen), seen.content, asdict(pre_order)]
    else:
        shown = [asdict(ending.answer.answer)]
    return alike(shown, name)


def left(environment: Mapping[str, str], batch: str) -> dict[str, list[str]]:
    """Return the rows of each user of a batch as text, without what chance made different."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for noun, rows in rows_of(environment, batch).items():
        for row in rows:
            [name] = set(re.findall(r"b\d{3}u\d{2}", json.dumps(row)))
            found[name].append(f"{noun} {json.dumps(alike(row, name))}")
    return {name: sorted(rows) for name, rows in found.items()}


def check(environment: Mapping[str, str], of: str, cases: Cases, ends: dict[str, Any]) -> None:
    """Assert that each case was answered, and left the rows, as without a fault."""
    control = control_of(environment, of)
    assert ends == dict.fromkeys(cases.names, control.answer)
    rows = left(environment, cases.batch)
    for case, name in cases.names.items():
        assert rows[name] == control.rows, case


# --- the cases --------------------------------------------------------------------------------


@pytest.mark.parametrize("of", VERBS)
def test_a_write_that_meets_a_fault_is_done_once_and_answered_as_ever(
    store: dict[str, str], line: Line, of: str
) -> None:
    verb = VERBS[of]
    faults = FAULTS if verb.single else FAULTS | MEMBERS
    cases, ends = Cases.of(verb, faults), {}
    for case, name in cases.names.items():
        line.plan(faults[case])
        ends[case] = told(verb.act(name), name)
        line.heal()
        # What comes late finds that it was done, and is refused.
        assert line.deliver() == [400] * isinstance(faults[case], Late)
    check(store, of, cases, ends)


@pytest.mark.parametrize("of", VERBS)
def test_when_every_attempt_fails_the_same_request_later_gets_the_first_answer(
    store: dict[str, str], line: Line, of: str
) -> None:
    verb = VERBS[of]
    cases, ends = Cases.of(verb, EXHAUSTING), {}
    for case, name in cases.names.items():
        fault, refusal = EXHAUSTING[case]
        line.always(fault)
        wanted = verb.act(name)
        with pytest.raises(refusal):
            wanted.verb(*wanted.args, **wanted.named)
        line.heal()
        ends[case] = told(verb.act(name), name)
    check(store, of, cases, ends)


@pytest.mark.parametrize("of", VERBS)
def test_what_a_killed_process_had_begun_another_ends_once(store: dict[str, str], of: str) -> None:
    verb = VERBS[of]
    kills = {"killed before the write": Kill(done=False), "killed after it": Kill(done=True)}
    cases = Cases.of(verb, kills)
    victims = [
        FORKS.Process(target=act_and_die, args=(store, verb.act(name), kills[case]))
        for case, name in cases.names.items()
    ]
    for victim in victims:
        victim.start()
    for victim in victims:
        victim.join(WAIT_S)
        assert victim.exitcode == -signal.SIGKILL
    ends = {case: told(verb.act(name), name) for case, name in cases.names.items()}
    check(store, of, cases, ends)
