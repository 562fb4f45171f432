"""Lays what the writers of the bank test were answered beside what the store holds, row by row.

Three things are compared: the raw rows, the outcomes, and how each operation ended when it was
done again at last, with the faults off.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from tests.engine.bank_journal import Noted
from tests.engine.bank_operations import CHANNEL, CURRENCY, Json, Operation
from tests.properties.books import PREFIX, Books, audit, plain

FOR_EVER: Final = frozenset({"id_conflict", "not_reversible", "hold_captured", "hold_voided"})
"""Refusals that rest on what never changes again; any other may turn into success later."""
_UNKNOWN: Final = frozenset({"unknown_hold", "unknown_transfer", "unknown_distribution"})
_OWN: Final = frozenset({"opening", "distribution", "undo"})
"""Kinds of transfers that nobody asks for by their ids."""

RawRows = dict[str, list[Json]]


@dataclass(frozen=True, slots=True)
class Store:
    """What the writers left, in the shape of answers; `holds` by user and id.

    `names` are those of all operations that left something; `distributions` by such a name.
    """

    transfers: dict[str, Json]
    holds: dict[tuple[str, str], Json]
    distributions: dict[str, Json]
    jobs: dict[str, Json]
    names: frozenset[str]

    @classmethod
    def of(cls, rows: RawRows) -> "Store":
        """Return what raw rows of every table show, by the tables' names without prefix."""
        moved = [_transfer(plain(row)) for row in rows["transfers"]]
        transfers = {t["id"]: t for t in moved if t["kind"] not in _OWN}
        kept = [_hold(plain(row)) for row in rows["holds"]]
        holds = {(hold["account"]["user_pk"], hold["id"]): hold for hold in kept}
        names = {*transfers, *(f"authorize:{user}:{hold_id}" for user, hold_id in holds)}
        names |= {f"void:{u}:{i}" for (u, i), hold in holds.items() if hold["state"] == "voided"}
        jobs, distributions = _distributions(rows["distributions"])
        return cls(transfers, holds, distributions, jobs, frozenset({*names, *distributions}))

    def answer_to(self, operation: Operation) -> Json | None:
        """Return what an operation with this name is answered, by what is stored; or None."""
        if operation.name not in self.names:
            return None
        if operation.kind in {"distribute", "undo"}:
            return self.distributions[operation.name]
        if operation.kind not in {"authorize", "capture", "void"}:
            return self.transfers[operation.name]
        hold = self.holds[(operation.user, operation.id)]
        if operation.kind == "authorize":
            not_ended = dict.fromkeys(("order", "ended_ms", "ended_by"))
            return {**hold, "state": "open", "captured": 0, **not_ended}
        return hold


def check(rows: RawRows, journals: Iterable[Iterable[Noted]]) -> int:
    """Assert that rows and outcomes say the same.

    Returns how many operations were done by an attempt that nobody got an answer to, though a
    later attempt was refused: the protocol allows it, after `outcome_unknown` or silence only.
    """
    audit(Books.of({PREFIX + noun: items for noun, items in rows.items()}))
    store = Store.of(rows)
    by_name: defaultdict[str, list[Noted]] = defaultdict(list)
    for journal in journals:
        done: set[str] = set()
        for noted in journal:
            by_name[noted.operation.name].append(noted)
            _check_outcome(noted, store)
            _check_again(noted)
            _check_order(noted, done)
    surprising = store.names - set(by_name)
    assert not surprising, f"nobody asked for {sorted(surprising)}"
    return sum(_check_name(name, noted, store) for name, noted in by_name.items())


def _check_outcome(noted: Noted, store: Store) -> None:
    """Assert that every success is in the store as answered, and refusals have their reason."""
    operation = noted.operation
    stored = store.answer_to(operation)
    for ending in noted.endings:
        if "answer" in ending:
            assert stored == ending["answer"], (
                f"{operation} was answered {ending}, kept is {stored}"
            )
            assert fits(operation, ending["answer"], store), f"{operation} was answered {ending}"
        elif ending.get("refused") == "id_conflict" and operation.kind == "distribute":
            # A preview alone takes the id, though nothing has moved.
            assert operation.id in store.jobs, f"{operation} meets no other content: {ending}"
            assert not _has_content(operation, store), f"{operation} has the content of its id"
        elif ending.get("refused") == "id_conflict":
            assert stored is not None, f"{operation} meets no other content: {ending}"
            assert not fits(operation, stored, store), f"{operation} has the content of {stored}"
        elif ending.get("refused") in {"hold_captured", "hold_voided"}:
            hold = store.holds[(operation.user, operation.id)]
            assert f"hold_{hold['state']}" == ending["refused"], f"{operation}: {ending}, {hold}"
        elif ending.get("refused") == "hold_lapsed":
            hold = store.holds[(operation.user, operation.id)]
            assert hold["expires_ms"] <= ending["at_ms"], f"{operation}: {ending}, {hold}"


def _check_again(noted: Noted) -> None:
    """Assert that an operation ends again as it ended, where that is for ever."""
    first, again = noted.outcome, noted.again
    said = f"{noted.operation} ended {first} and again {again}"
    assert first is not None, said
    assert again is not None, said
    assert "given_up" not in again, said
    assert not again["unknown"], said
    if "answer" in first:
        assert first["answer"] == again.get("answer"), said
        assert again["written"] is False, said
    elif first.get("refused") in FOR_EVER:
        assert again.get("refused") == first["refused"], said


def _check_order(noted: Noted, done: set[str]) -> None:
    """Assert that what this writer did before, as `done` says, was there when it went on."""
    outcome = noted.outcome
    assert outcome is not None
    if outcome.get("refused") in _UNKNOWN:
        assert noted.operation.rests_on not in done, f"{noted.operation} was refused as {outcome}"
    if "answer" in outcome:
        done.add(noted.operation.name)


def _check_name(name: str, noted: list[Noted], store: Store) -> bool:
    """Assert that what all writers were answered about one name agrees with what it left.

    Returns whether an attempt without an answer left it, and all that were answered failed.
    """
    endings = [ending for each in noted for ending in each.endings]
    written = sum(ending.get("written") is True for ending in endings)
    assert written <= 1, f"{name} was written {written} times: {noted}"
    succeeded = any("answer" in ending for ending in endings)
    assert succeeded == (name in store.names), f"{name} is kept or not, unlike {noted}"
    answered = any("answer" in (each.outcome or {}) for each in noted)
    # Of a distribution no answer says that it wrote: another writer may have moved its total.
    tells = noted[0].operation.kind not in {"distribute", "undo"}
    if not succeeded or answered or written or not tells:
        return False
    assert not all(each.certain for each in noted), f"{name} was refused and left a trace: {noted}"
    return True


# --- what an answer must say ----------------------------------------------------------------------


def fits(operation: Operation, answer: Json, store: Store) -> bool:
    """Return whether an answer is about what the operation asked for."""
    return _FITS[operation.kind](operation, answer, store)


def _fits_transfer(operation: Operation, answer: Json, _: Store) -> bool:
    sides = [answer["source"]["user_pk"], answer["target"]["user_pk"]]
    return [answer["kind"], *sides, answer["amount"], answer["note"]] == [
        *("transfer", operation.user, operation.other, operation.minor, operation.note)
    ]


def _fits_adjustment(operation: Operation, answer: Json, _: Store) -> bool:
    minor = operation.minor or 0
    sides = [answer["source"]["user_pk"], answer["target"]["user_pk"]]
    asked = [operation.user, None] if minor < 0 else [None, operation.user]
    return [answer["kind"], *sides, answer["amount"]] == ["adjust", *asked, abs(minor)]


def _fits_reversal(operation: Operation, answer: Json, store: Store) -> bool:
    original = store.transfers[operation.id]
    sides = [answer["source"]["account_id"], answer["target"]["account_id"]]
    asked = [original["target"]["account_id"], original["source"]["account_id"]]
    return [answer["kind"], *sides, answer["amount"]] == ["reversal", *asked, original["amount"]]


def _fits_refund(operation: Operation, answer: Json, _: Store) -> bool:
    said = [answer["kind"], answer["source"]["account_id"], answer["target"]["user_pk"]]
    asked = ["refund", "house:REFUND", operation.user]
    return [*said, answer["amount"]] == [*asked, operation.minor]


def _fits_hold(operation: Operation, answer: Json, _: Store) -> bool:
    life_ms = answer["expires_ms"] - answer["created_ms"]
    said = [answer["state"], answer["amount"], life_ms, answer["captured"]]
    return said == ["open", operation.minor, operation.life_s * 1000, 0]


def _fits_capture(operation: Operation, answer: Json, store: Store) -> bool:
    asked = answer["amount"] if operation.minor is None else operation.minor
    moved = store.transfers[operation.name]
    said = [answer["state"], answer["captured"], answer["order"], moved["amount"]]
    return said == ["captured", asked, operation.note, asked]


def _fits_void(_: Operation, answer: Json, __: Store) -> bool:
    return [answer["state"], answer["captured"]] == ["voided", 0]


def _has_content(operation: Operation, store: Store) -> bool:
    job, targets = store.jobs[operation.id], operation.other.split(",")
    said: list[object] = [job["source_user_pk"], job["shares"], job["total"]]
    return said == [operation.user, len(targets), len(targets) * (operation.minor or 0)]


def _fits_distribution(operation: Operation, answer: Json, store: Store) -> bool:
    rows, total = len(operation.other.split(",")), store.jobs[operation.id]["total"]
    return [answer["rows"], answer["credited"]] == [rows, total] and _has_content(operation, store)


def _fits_undo(operation: Operation, answer: Json, store: Store) -> bool:
    credited = store.distributions[f"distribute:{operation.id}"]
    at_most: int = credited["credited"]
    return bool(answer["rows"] == credited["rows"]) and 0 <= answer["returned"] <= at_most


_FITS: Final[dict[str, Callable[[Operation, Json, Store], bool]]] = {
    "transfer": _fits_transfer,
    "adjust": _fits_adjustment,
    "reverse": _fits_reversal,
    "refund": _fits_refund,
    "authorize": _fits_hold,
    "capture": _fits_capture,
    "void": _fits_void,
    "distribute": _fits_distribution,
    "undo": _fits_undo,
}


# --- raw rows as answers --------------------------------------------------------------------------


def _transfer(row: Json) -> Json:
    channel, _, transfer_id = row["id"].partition("#")
    sides = {
        side: {
            "account_id": row[side],
            "user_pk": row.get(f"{side}_user_pk"),
            "balance_after": row.get(f"{side}_balance_after"),
        }
        for side in ("source", "target")
    }
    same = {name: row[name] for name in ("kind", "currency", "amount", "at_ms", "by")}
    optional = {name: row.get(name) for name in ("note", "order")}
    return {"channel": channel, "id": transfer_id, **same, **optional, **sides}


def _distributions(rows: list[Json]) -> tuple[dict[str, Json], dict[str, Json]]:
    """Return the jobs by id, and what each that has begun came to, by the operation's name."""
    parts = [plain(row) for row in rows if not row["part"]["S"].startswith("list:")]
    jobs = {row["id"].partition("#")[2]: row for row in parts if row["part"] == "job"}
    answers: dict[str, Json] = {}
    for name, job in jobs.items():
        chunks = [row for row in parts if row["id"] == job["id"] and row["part"] != "job"]
        rows_of_all = sum(chunk["rows"] for chunk in chunks)
        if "started_ms" in job:
            credited = sum(chunk["credited"] for chunk in chunks)
            answers[f"distribute:{name}"] = {"id": name, "rows": rows_of_all, "credited": credited}
        if job["state"] in {"undoing", "undone"}:
            returned = sum(chunk["returned"] for chunk in chunks)
            answers[f"undo:{name}"] = {"id": name, "rows": rows_of_all, "returned": returned}
    return jobs, answers


def _hold(row: Json) -> Json:
    names = ("id", "amount", "captured", "state", "created_ms", "by")
    user = row["account"].split("#")[1]
    account = {"channel": CHANNEL, "user_pk": user, "currency": CURRENCY}
    optional = {n: row.get(n) for n in ("order", "expires_ms", "ended_ms", "ended_by")}
    return {"account": account, **{name: row[name] for name in names}, **optional}
