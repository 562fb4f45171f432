"""Our ledger at work, as `oscar_worker.py` is the peer's: `python -m bench.our_worker COMMAND ...`.

The variables of the process say which tables are meant. `transfers PAIRS SECONDS` makes one
committed transfer after another and prints how many; `race COUNT` debits the poor account.
"""

import json
import random
import secrets
import sys
import time
from typing import Final

from chalicelib.core.errors import Busy, InsufficientCredit, OutcomeUnknown
from tests.verbs import shop

ACCOUNTS: Final = 200


def transfers(pairs: str, seconds: float) -> int:
    """Make transfers for a while; return how many were committed."""
    run = secrets.token_hex(4)
    names = [f"a{number}" for number in range(ACCOUNTS)]
    count, until = 0, time.monotonic() + seconds
    while time.monotonic() < until:
        source, target = random.sample(names, 2)
        _send(f"{run}-{count}", "hot" if pairs == "hot" else source, target, "0.01")
        count += 1
    return count


def race(count: int) -> int:
    """Debit the poor account, whose money suffices for ten; return how many were accepted."""
    run = secrets.token_hex(4)
    accepted = 0
    for number in range(count):
        try:
            _send(f"{run}-{number}", "poor", "a0", "1.00")
        except InsufficientCredit:
            continue
        accepted += 1
    return accepted


def _send(name: str, source: str, target: str, amount: str) -> None:
    """Send until the answer is definite, as any caller does."""
    while True:
        try:
            shop.send(name, source, target, amount)
        except (Busy, OutcomeUnknown):
            continue
        return


def main(command: str, *arguments: str) -> None:
    """Do what is asked, once a line of standard input says so."""
    shop.account_of("hot")
    print("ready", flush=True)
    sys.stdin.readline()
    result = (
        transfers(arguments[0], float(arguments[1]))
        if command == "transfers"
        else race(int(arguments[0]))
    )
    print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
