"""`make load`: the running service under mixed traffic, disturbed meanwhile, and then its books.

locust drives what `make run` runs, with more and more users. A third of the way the engine falls
silent for a while; after two thirds it is stopped, with the service, and started again. Every
write is noted before it is sent. At the end each that has no definite answer is repeated, and then
every balance must be what the definite answers add up to, and the audit must find the books right.
"""

import json
import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any, Final

import typer
from rich.console import Console

from bench.page import machine, put, table
from cli.local import PROJECT
from tests.house.service import Service, kept_variables, running
from tests.house.staff import Staff

Json = Any

LOCUST: Final = PROJECT / ".engine" / "seldom" / "bin" / "locust"
ACCOUNTS: Final = 60
SHOPPERS: Final = 12
OPENING: Final = 100_000_00
SILENCE_S: Final = 5.0
SETTLES_S: Final = 20.0
"""How long after a disturbance an answer may still be a late one of it."""

DONE: Final = frozenset({200, 201})


@dataclass(slots=True)
class Shop:
    """The channel under load: who calls, and what every account begins with."""

    staff: Staff
    users: list[str]
    shoppers: list[str]
    hot: str = "hot"

    @property
    def everybody(self) -> list[str]:
        """Every user with an account."""
        return [*self.users, *self.shoppers, self.hot]


@dataclass(slots=True)
class Outcome:
    """What came of it. Times in seconds.

    `wrong` says where the books are not what the answers were; `late` says what was answered 5xx
    beside the disturbances, and what took too long to come back, as a busy machine may make it.
    """

    requests: list[Json] = field(default_factory=list)
    recovered_s: list[float] = field(default_factory=list)
    writes: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    late: list[str] = field(default_factory=list)


def load(
    seconds: Annotated[float, typer.Option(min=15, help="How long the traffic goes on.")] = 240,
    users: Annotated[str, typer.Option(help="How many users at once, stage by stage.")] = "2,8,24",
) -> None:
    """Drive the running service with mixed traffic, stop its engine, prove its books."""
    console = Console(highlight=False, soft_wrap=True)
    if not LOCUST.exists():
        console.print("locust is not installed yet: make load installs it.")
        raise typer.Exit(1)
    outcome = drive(console, seconds, users)
    text = f"{machine()}, {seconds:.0f} s, {users} users at once.\n\n{shown(outcome)}\n"
    console.print(text, markup=False)
    put("load", text)
    raise typer.Exit(1 if outcome.wrong or outcome.late else 0)


def drive(console: Console, seconds: float, users: str) -> Outcome:
    """Run it all, and return what came of it."""
    outcome = Outcome()
    with TemporaryDirectory() as name:
        folder = Path(name)
        with running(folder / "service") as service:
            shop = open_shop(service, folder)
            port = service.address.rpartition(":")[2]
            console.print(f"Traffic for {seconds:.0f} s, of {users} users at once.")
            begun = time.time()
            with _locust(service, folder, seconds, users) as locust:
                _wait_until(begun + seconds / 3)
                with _trouble(folder, outcome):
                    _fall_silent(service)
                _wait_until(begun + seconds * 2 / 3)
                with ExitStack() as stack:
                    with _trouble(folder, outcome):
                        service.stop(signal.SIGTERM)
                        restarted = running(folder / "service", "--port", port)
                        again = stack.enter_context(restarted)
                    locust.wait(seconds + 180)
                    outcome.requests = json.loads((folder / "stats.json").read_text())
                    _judge(again, shop, folder, outcome)
    return outcome


def open_shop(service: Service, folder: Path) -> Shop:
    """Open the channel and its accounts, and write down for the users what they need."""
    staff = Staff(service)
    staff.must("PUT", "/settings/LOYALTY_MONEY_ENABLED", {"value": True})
    shop = Shop(
        staff,
        [f"user-{number}" for number in range(ACCOUNTS)],
        [f"shopper-{number}" for number in range(SHOPPERS)],
    )
    for user in shop.everybody:
        staff.open_account(user, f"{OPENING // 100}.00")
    sessions = [
        {
            "user_pk": user,
            "session": staff.must("POST", "/sessions", {"user_pk": user})["session"],
        }
        for user in shop.shoppers
    ]
    told = {"channel": staff.channel, "token": staff.token, "users": shop.users, "hot": shop.hot}
    (folder / "shop.json").write_text(json.dumps({**told, "shoppers": sessions}))
    return shop


@contextmanager
def _locust(
    service: Service, folder: Path, seconds: float, users: str
) -> Iterator[subprocess.Popen[bytes]]:
    variables = {"LOAD_FOLDER": str(folder), "LOAD_SECONDS": str(seconds), "LOAD_USERS": users}
    stats = str((folder / "stats").resolve())
    command = [
        *(str(LOCUST), "-f", str(PROJECT / "bench" / "locustfile.py"), "--headless"),
        *("--host", service.address, "--stop-timeout", "120", "--loglevel", "ERROR"),
        *("--json-file", stats),
    ]
    with (folder / "locust.log").open("wb") as log:
        process = subprocess.Popen(
            command, env=kept_variables() | variables, stdout=log, stderr=log
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


# --- the disturbances -----------------------------------------------------------------------------


@contextmanager
def _trouble(folder: Path, outcome: Outcome) -> Iterator[None]:
    """Let the users expect trouble while it lasts, and until all that was on its way is over.

    Notes how long it took, once the trouble was over, until a write was done.
    """
    mark = folder / "trouble"
    mark.touch()
    yield
    back_at = time.time()
    outcome.recovered_s.append(_recovered(folder, back_at))
    _wait_until(back_at + SETTLES_S)
    mark.unlink()


def _fall_silent(service: Service) -> None:
    """Let the engine, the one process that the service has started, answer nothing for a while."""
    started = ["pgrep", "-P", str(service.process.pid)]
    engine = int(subprocess.check_output(started).split()[0])  # of any system
    os.kill(engine, signal.SIGSTOP)
    try:
        time.sleep(SILENCE_S)
    finally:
        os.kill(engine, signal.SIGCONT)


def _recovered(folder: Path, back_at: float) -> float:
    """Return the seconds from the engine's return to the first write that was done after it."""
    until = time.monotonic() + SETTLES_S * 2
    while time.monotonic() < until:
        for line in reversed(_noted(folder)):
            if line.get("at", 0) > back_at and line["status"] in DONE:
                return float(line["at"]) - back_at
        time.sleep(0.1)
    return float("inf")


def _wait_until(at: float) -> None:
    time.sleep(max(0.0, at - time.time()))


# --- the verdict ----------------------------------------------------------------------------------


def _judge(service: Service, shop: Shop, folder: Path, outcome: Outcome) -> None:
    expected = dict.fromkeys(shop.everybody, OPENING)
    for write in _ended(shop.staff, folder, outcome):
        for user, moved in write["moves"].items():
            expected[user] += moved
    verdict = service.cli("audit", "--channel", shop.staff.channel)
    outcome.wrong += [
        *(f"unexpected: {line['unexpected']}" for line in _noted(folder) if "unexpected" in line),
        *differences(shop.staff, expected),
        *([] if "are right" in verdict else [verdict]),
    ]
    failed = {each["name"]: each["num_failures"] for each in outcome.requests}
    outcome.late += [
        *(f"{name}: {count} failed" for name, count in failed.items() if count),
        *(f"back after {s:.0f} s only" for s in outcome.recovered_s if s > SETTLES_S),
    ]


def differences(staff: Staff, expected: Mapping[str, int]) -> list[str]:
    """Return each balance that is not the expected one, which is in minor units."""
    found = {user: round(float(staff.balance(user)) * 100) for user in expected}
    return [
        f"{user} has {found[user]} and should have {minor}, in minor units"
        for user, minor in expected.items()
        if found[user] != minor
    ]


def _ended(staff: Staff, folder: Path, outcome: Outcome) -> list[Json]:
    """Return the writes that were done; one without a definite answer is repeated first."""
    sent: dict[str, Json] = {}
    status: dict[str, int] = {}
    for line in _noted(folder):
        if "status" in line:
            status[line["note"]] = line["status"]
        elif "note" in line:
            sent[line["note"]] = line
    found = []
    for note, write in sent.items():
        definite = status.get(note, 0)
        if definite in {0, 503, 504}:
            outcome.writes["repeated at the end"] += 1
            path = write["path"].removeprefix(f"/channels/{staff.channel}")
            definite, _ = staff.ask(write["method"], path, write["body"])
        outcome.writes["done" if definite in DONE else "refused"] += 1
        if definite in DONE:
            found.append(write)
    return found


def _noted(folder: Path) -> list[Json]:
    """Return the whole lines of the journal."""
    text = (folder / "journal.jsonl").read_text()
    return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]


# --- what is shown --------------------------------------------------------------------------------


def shown(outcome: Outcome) -> str:
    """Return latencies by operation, and the verdict, in Markdown."""
    rows = []
    for each in sorted(outcome.requests, key=lambda one: str(one["name"])):
        times = {int(float(ms)): count for ms, count in each["response_times"].items()}
        figures = [percentile(times, share) for share in (50, 95, 99)]
        most = round(each["max_response_time"])
        rows.append([each["name"], *(f"{n:,}" for n in (each["num_requests"], *figures, most))])
    counts = ", ".join(f"{count:,} {what}" for what, count in outcome.writes.items())
    pauses = " and ".join(f"{seconds:.1f} s" for seconds in outcome.recovered_s)
    good = "No answer of 5xx beside the disturbances; no movement lost or doubled; the books audit."
    return "\n".join(
        [
            table(["operation", "requests", "50 % (ms)", "95 %", "99 %", "most"], rows),
            "",
            f"Writes: {counts}. The first was done {pauses} after the engine was back.",
            *([f"WRONG: {each}" for each in (*outcome.wrong, *outcome.late)] or [good]),
        ]
    )


def percentile(times: Mapping[int, int], share: float) -> int:
    """Return the milliseconds within which a share (in per cent) of requests was answered."""
    wanted, seen = sum(times.values()) * share / 100, 0
    for ms, count in sorted(times.items()):
        seen += count
        if seen >= wanted:
            return ms
    return 0


if __name__ == "__main__":
    typer.run(load)
