"""A process that runs a distribution and works it off with threads, until it is done or killed.

`python -m tests.engine.distributor ID THREADS`: the store is that of the environment.
"""

import sys
from concurrent.futures import ThreadPoolExecutor

from chalicelib.outside import queue
from tests.verbs import campaigns


def distribute(distribution_id: str, threads: int) -> None:
    """Run, or go on with, a distribution, and work off what this sends to the queue."""
    campaigns.run(distribution_id)
    work_off(threads)


def work_off(threads: int) -> None:
    """Work with some threads until no message is left, the looks at the job last."""
    while messages := campaigns.taken():
        looks = [message for message in messages if message["step"] == "close"]
        chunks = [message for message in messages if message["step"] != "close"]
        with ThreadPoolExecutor(threads) as workers:
            list(workers.map(campaigns.work, chunks))
        for look in looks:
            campaigns.work(look)


if __name__ == "__main__":
    distribute(sys.argv[1], int(sys.argv[2]))
    assert not len(queue.local())
