"""`serve`: the whole service on this machine, on the embedded engine, until Ctrl-C.

It starts what it needs, in order, and ends it in the reverse order, saving the engine's state.
"""

import functools
import importlib
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import ThreadingHTTPServer
from pathlib import Path
from socketserver import BaseRequestHandler
from types import FrameType
from typing import Annotated, Any, Final

import typer
from chalice.config import Config
from chalice.local import ChaliceRequestHandler, LocalChalice, LocalDevServer
from rich.console import Console

from chalicelib import registry
from chalicelib.auth import staff_token
from chalicelib.core.errors import Busy, OutcomeUnknown
from chalicelib.core.events import Event
from chalicelib.events import publish
from chalicelib.outside.events import listening
from chalicelib.store.tables import create_missing
from cli.calls import call_as_developer
from cli.clock import ticking
from cli.demo import CHANNEL, SHOPPER, load_demo
from cli.engine import Engine
from cli.local import (
    PROJECT,
    STAGE,
    LocalError,
    Lock,
    ServiceFile,
    chalice_settings,
    folder,
    stage_variables,
)
from cli.streams import Streams, publishing
from cli.worker import working

HOST: Final = "127.0.0.1"
_TOKEN_LIFE_S: Final = 8 * 60 * 60

_console = Console(highlight=False, soft_wrap=True)


class Handler(ChaliceRequestHandler):
    """Chalice's handler without its stall of 44 ms on every kept-alive request.

    It writes head and body in two small packets, which Nagle's algorithm and delayed
    acknowledgements turn into a wait; here both leave in one.
    """

    wbufsize = -1
    disable_nagle_algorithm = True
    log_requests = False

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002, ANN401
        """Print one line per request where that was asked for."""
        if self.log_requests:
            sys.stderr.write(f"{self.log_date_time_string()}  {format % args}\n")


class Server(ThreadingHTTPServer):
    """The threaded server on a socket that was bound before anything was started."""

    request_queue_size = 256

    def __init__(
        self,
        bound: socket.socket,
        address: tuple[str, int],
        handler: Callable[..., BaseRequestHandler],
    ) -> None:
        super().__init__(address, handler, bind_and_activate=False)
        self.socket.close()
        self.socket = bound
        self.server_address = bound.getsockname()
        self.server_name, self.server_port = HOST, bound.getsockname()[1]
        self.server_activate()

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401
        """Stay silent about clients that went away; report anything else."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


def serve(
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes any free port.")] = 8000,
    fresh: Annotated[bool, typer.Option("--fresh", help="Forget what earlier runs saved.")] = False,
    log_requests: Annotated[
        bool, typer.Option("--log-requests", help="Print a line per request.")
    ] = False,
) -> None:
    """Serve on loopback with the embedded engine and demo data, until Ctrl-C."""
    _interrupt_at_signals()
    try:
        with Lock(folder()).held(), _bound(port) as bound:
            _serve(bound, fresh=fresh, log_requests=log_requests)
    except KeyboardInterrupt:
        _console.print("Ended; the state is saved.")


def _serve(bound: socket.socket, *, fresh: bool, log_requests: bool) -> None:
    engine = Engine(folder() / "engine")
    service_file = ServiceFile(folder())
    if fresh:
        engine.forget()
    try:
        with engine:
            _serve_on(engine, service_file, bound, log_requests=log_requests)
    finally:
        service_file.end()
    raise LocalError(
        f"The engine ended by itself, so the service ended too; {engine.log} may say why."
    )


def _serve_on(
    engine: Engine, service_file: ServiceFile, bound: socket.socket, *, log_requests: bool
) -> None:
    address = f"http://{HOST}:{bound.getsockname()[1]}"
    running = {"ADDRESS": address, "DYNAMODB_ENDPOINT": engine.address}
    os.environ.update(service_file.begin(stage_variables(STAGE) | running))
    try:
        _prepare(folder() / "engine")
        with _serving(bound, _streams(), log_requests=log_requests):
            _announce(address)
            engine.wait()
    except (Busy, OutcomeUnknown):
        if not engine.has_ended():
            raise LocalError(f"The engine does not answer; {engine.log} may say why.") from None
    except KeyboardInterrupt:
        _console.print("\nEnding, and saving the state ...")
        raise


@contextmanager
def _bound(port: int) -> Iterator[socket.socket]:
    """Take the port before anything is started, or refuse with a sentence that names it."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as bound:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            bound.bind((HOST, port))
        except PermissionError:
            raise LocalError(f"Port {port} needs rights we lack: choose one above 1023.") from None
        except OSError:
            raise LocalError(
                f"Port {port} is busy: something else listens on it. "
                f"End that, or choose another port, as in `make run PORT={port % 65535 + 1}`."
            ) from None
        yield bound


def _prepare(engine_folder: Path) -> None:
    """Create the tables that are missing, and load the demo data once into each state."""
    loaded = engine_folder / "demo-loaded"
    if create_missing():
        loaded.unlink(missing_ok=True)
    if not loaded.exists():
        load_demo()
        loaded.touch()


@contextmanager
def _serving(bound: socket.socket, streams: Streams, *, log_requests: bool) -> Iterator[None]:
    """Serve the application in threads of its own."""
    Handler.log_requests = log_requests
    # Imported late, when the variables are set.
    app = importlib.import_module("app").app
    config = Config(STAGE, config_from_disk=chalice_settings())
    # As Chalice's own local server does: the current request is one of each thread.
    app.__class__ = type("LocalApp", (LocalChalice, app.__class__), {})
    local = LocalDevServer(
        app, config, HOST, 0, handler_cls=Handler, server_cls=functools.partial(Server, bound)
    )
    thread = threading.Thread(target=local.server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        look = importlib.import_module("chalicelib.routes.schedule").look
        work = importlib.import_module("chalicelib.routes.work").work
        with ticking(look), working(work), listening(_print_event), publishing(streams, publish):
            yield
    finally:
        local.shutdown()
        thread.join()


def _streams() -> Streams:
    streams = Streams()
    if not streams.are_there:
        _console.print("The saved state is too old for events: make run FRESH=1 begins anew.")
    return streams


def _print_event(event: Event) -> None:
    _console.print(f"event  {event.type:<22} {event.id}", style="dim")


def _announce(address: str) -> None:
    call = call_as_developer()
    staff = staff_token("developer", [CHANNEL], ["admin"], now=call.now, life_s=_TOKEN_LIFE_S)
    shopper, _ = registry.mint_session(call, CHANNEL, SHOPPER)
    _console.print(f"\n[bold]Loyalty Money[/bold] serves [bold]{address}[/bold]\n")
    _announce_console(address)
    _console.print(f"A checkout to click through: [bold]{address}/demo/[/bold]")
    _console.print(f"What has happened, as other systems hear of it: {address}/demo/events")
    _console.print(f"The interface, to read and to call: {address}/docs/\n")
    _console.print("A staff token for the channel demo (bearer, 8 hours):", style="bold")
    _console.print(staff)
    _console.print("\nA session of the shopper ada (cookie osessionid, 2 hours):", style="bold")
    _console.print(shopper)
    python = ".venv/bin/python -m cli"
    _console.print("\nNew ones, in another terminal in this folder:", style="bold")
    _console.print(f"{python} token --channel {CHANNEL} --scopes admin")
    _console.print(f"{python} session --channel {CHANNEL} --user {SHOPPER}")
    _console.print("\nCtrl-C ends everything and saves the state.\n")


def _announce_console(address: str) -> None:
    if (PROJECT / "chalicelib" / "console" / "index.html").is_file():
        _console.print(f"The admin console: [bold]{address}/console/[/bold]")
    else:
        _console.print(f"The admin console at {address}/console/ is not built: make console")


def _interrupt_at_signals() -> None:
    """Let SIGTERM and the end of the terminal do what Ctrl-C does, and only once.

    After the first one the rest are ignored: nothing may disturb the saving of the state.
    """
    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def interrupt(_signal: int, _frame: FrameType | None) -> None:
        for each in signals:
            signal.signal(each, signal.SIG_IGN)
        # Nothing is printed here: the signal may have come in the middle of a print.
        raise KeyboardInterrupt

    for each in signals:
        signal.signal(each, interrupt)
