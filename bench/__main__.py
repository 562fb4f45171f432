"""`make bench`: what is measured, one after the other, or what is named: `ARGS=start`.

What was found is in `bench/results.json` and in docs/performance.md. `make bench-full` takes more
runs and larger books, however long that takes.
"""

from typing import Annotated, Final, Protocol

import typer
from rich.console import Console

from bench import (
    checkout,
    costs,
    distribution,
    floor,
    growth,
    hot,
    peers,
    plots,
    results,
    scale,
    start,
)
from bench.results import Part


class Measure(Protocol):
    """Measures one part; `full` takes as long as it takes."""

    def __call__(self, console: Console, *, full: bool) -> Part:
        """Return what was found."""


ALL: Final[dict[str, Measure]] = {
    "costs": costs.measure,
    "scale": scale.measure,
    "hot": hot.measure,
    "floor": floor.measure,
    "growth": growth.measure,
    "checkout": checkout.measure,
    "distribution": distribution.measure,
    "peers": peers.measure,
    "start": start.measure,
}


def main(
    names: Annotated[list[str] | None, typer.Argument(help="What to measure; all if none.")] = None,
    full: Annotated[bool, typer.Option("--full", help="Take as long as it takes.")] = False,
) -> None:
    """Measure what was asked for, print which targets are met, and write it down."""
    console = Console(highlight=False)
    wanted = names or [*ALL]
    if unknown := {*wanted} - ALL.keys():
        console.print(f"There is no {' or '.join(unknown)} to measure: {' and '.join(ALL)}.")
        raise typer.Exit(1)
    for name in wanted:
        console.rule(name)
        found = ALL[name](console, full=full)
        results.keep(name, found)
        for what, target in found.targets.items():
            verdict = "met" if target.met else "MISSED"
            console.print(f"{what}: {target.figure:g} ({target.target}): {verdict}")
    plots.draw()


if __name__ == "__main__":
    typer.run(main)
