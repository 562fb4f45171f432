"""The program of the bank test's processes: one opens the bank, others write, others read."""

import logging
import os
import threading
from argparse import ArgumentParser
from pathlib import Path

from chalicelib import ledger, registry
from chalicelib.ledger import NewAccount
from chalicelib.store.tables import create_missing
from tests.engine.bank_operations import (
    CHANNEL,
    CURRENCY,
    MAY_OWE,
    OPENINGS,
    account_id_of,
    call,
)
from tests.engine.bank_reader import read
from tests.engine.bank_writer import write


def open_bank() -> None:
    """Make what is not there yet: the tables, the channel and its accounts."""
    create_missing(streams=False)
    by = "writer:open"
    registry.make_channel(call(by), CHANNEL, CURRENCY)
    registry.set_setting(call(by), CHANNEL, "LOYALTY_MONEY_ENABLED", True)  # a value
    for user, balance in OPENINGS.items():
        registry.register_user(call(by), CHANNEL, user, f"{user}@example.com")
        text = f"{balance // 100}.{balance % 100:02d}"
        wanted = NewAccount(user, None, CURRENCY, text, user in MAY_OWE, account_id_of(user), None)
        ledger.open_account(call(by), CHANNEL, wanted)


def _outlive_nobody() -> None:
    """End when the parent is gone: it holds the other end of standard input, and never writes."""
    os.read(0, 1)
    os._exit(1)


def main() -> None:
    """Be one of the processes."""
    options = ArgumentParser(description="One of the processes of the bank test.")
    options.add_argument("verb", choices=["open", "write", "read"])
    options.add_argument("--folder", type=Path, required=True, help="for journals")
    options.add_argument("--seed", type=int, required=True)
    options.add_argument("--number", type=int, required=True, help="which writer or reader")
    options.add_argument("--operations", type=int, required=True, help="of one writer")
    given = options.parse_args()
    threading.Thread(target=_outlive_nobody, daemon=True).start()
    # What the service logs of each fault would bury what a failing process has to say.
    logging.getLogger("loyalty_money").addHandler(logging.NullHandler())
    match given.verb:
        case "open":
            open_bank()
        case "write":
            write(given.folder, given.seed, given.number, given.operations)
        case "read":
            read(given.folder, given.number)


if __name__ == "__main__":
    main()
