"""The engine's own process: ministack on a socket it is handed, in an environment of its own.

Run by path with the engine's Python, so nothing of the project may be imported here. It ends in
good order, saving its state, at SIGTERM and also when its parent is gone: the parent holds the
other end of its standard input, and never writes.
"""

import asyncio
import fcntl
import os
import signal
import sys
import threading
from pathlib import Path

from hypercorn.asyncio import serve
from hypercorn.config import Config


async def main(descriptor: int) -> None:
    """Serve on the inherited socket until told to stop, or until the parent is gone."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)

    def outlive_nobody() -> None:
        os.read(0, 1)  # unbuffered: a reader's lock held at exit would abort the interpreter
        loop.call_soon_threadsafe(stop.set)

    threading.Thread(target=outlive_nobody, daemon=True).start()
    config = Config()
    config.bind = [f"fd://{descriptor}"]
    config.graceful_timeout = 0.3
    config.loglevel = "WARNING"
    # Imported late: the state may be read only once the process before has saved it.
    from ministack.app import app  # noqa: PLC0415

    await serve(app, config, shutdown_trigger=stop.wait)


if __name__ == "__main__":
    # An engine whose parent was killed may still be saving: wait for it.
    with (Path(os.environ["STATE_DIR"]).parent / "engine.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        asyncio.run(main(int(sys.argv[1])))
