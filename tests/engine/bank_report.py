"""What a run of the bank test has to tell: what was done, how it ended, and what it met."""

from collections import Counter
from collections.abc import Iterable, Mapping

from tests.engine.bank_journal import Noted
from tests.engine.bank_run import Bank


def report(bank: Bank) -> str:
    """Return a few lines about a run that has ended."""
    noted = [each for journal in bank.journals() for each in journal]
    ended = [each.outcome for each in noted if each.outcome is not None]
    written = [ending["writes"] for ending in ended if ending.get("written")]
    snapshots = bank.snapshots()
    lines = {
        "operations": _counted(each.operation.kind for each in noted),
        "outcomes": _counted(map(_code, noted)),
        "attempts": (
            f"{sum(written) / max(1, len(written)):.2f} for each success that wrote, at most "
            f"{max(written, default=0)}; {_sum(ended, 'busy')} requests ended busy, "
            f"{_sum(ended, 'unknown')} outcome_unknown"
        ),
        "kills": (
            f"{bank.kills}, which interrupted {_sum(ended, 'interrupted')} operations; "
            f"{bank.landed} landed without an answer, and were refused when repeated"
        ),
        "faults": _faults(bank.met),
        "snapshots": f"{snapshots['proved']} proved, {snapshots['busy']} ended busy",
    }
    head = (
        f"bank test: {len(noted)} operations by {bank.size.writers} processes in "
        f"{bank.duration_s:.0f} s, BANK_SEED={bank.seed}"
    )
    return "\n".join([head, *(f"  {name}: {text}" for name, text in lines.items())])


def _code(noted: Noted) -> str:
    outcome = noted.outcome or {}
    if "answer" in outcome:
        return "written" if outcome["written"] else "replayed"
    return str(outcome.get("refused") or f"given up {outcome.get('given_up')}")


def _counted(names: Iterable[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in Counter(names).most_common())


def _sum(endings: Iterable[Mapping[str, int]], name: str) -> int:
    return sum(ending[name] for ending in endings)


def _faults(met: Mapping[str, Mapping[str, int]]) -> str:
    """Return how often each kind of fault was met; the requests that passed are told apart."""
    kinds: Counter[str] = Counter()
    for counts in met.values():
        kinds.update(counts)
    forwarded = kinds.pop("forwarded", 0)
    told = ", ".join(f"{kind} {count}" for kind, count in kinds.most_common())
    return f"{told}; {forwarded} requests passed"
