"""What was measured, as `bench/results.json` keeps it: targets, and series with their noise."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, Final

from bench.page import machine, put, table

FILE: Final = Path(__file__).parent / "results.json"


@dataclass(frozen=True, slots=True)
class Target:
    """A figure, what it was to be, and whether it is."""

    figure: float
    target: str
    met: bool


@dataclass(frozen=True, slots=True)
class Series:
    """Repeated measurements of one thing."""

    unit: str
    runs: int
    min: float
    median: float
    max: float


@dataclass(slots=True)
class Part:
    """What one part of the benchmark has found, by name."""

    targets: dict[str, Target] = field(default_factory=dict)
    series: dict[str, Series] = field(default_factory=dict)

    def at_most(self, name: str, figure: float, most: float) -> None:
        """Note a figure that is to be no more than `most`."""
        shown = round(figure, 3)
        self.targets[name] = Target(shown, f"at most {most:g}", shown <= most)

    def at_least(self, name: str, figure: float, least: float) -> None:
        """Note a figure that is to be no less than `least`."""
        shown = round(figure, 3)
        self.targets[name] = Target(shown, f"at least {least:g}", shown >= least)

    def note(self, name: str, unit: str, values: Sequence[float]) -> float:
        """Note a series, and return its median."""
        middle = median(values)
        least, most = min(values), max(values)
        self.series[name] = Series(
            unit, len(values), round(least, 4), round(middle, 4), round(most, 4)
        )
        return middle


def kept() -> dict[str, Any]:
    """Return what was measured before."""
    found: dict[str, Any] = json.loads(FILE.read_text()) if FILE.exists() else {}
    return {"machine": machine(), "targets": {}, "series": {}} | found


def keep(part: str, found: Part) -> None:
    """Put what a part has found in the place of what it found before: file and page."""
    results = kept()
    results["machine"] = machine()
    for kind, ours in (("targets", found.targets), ("series", found.series)):
        others = {n: v for n, v in results[kind].items() if n.partition(":")[0] != part}
        named = {f"{part}: {name}": asdict(value) for name, value in ours.items()}
        results[kind] = dict(sorted((others | named).items()))
    FILE.write_text(f"{json.dumps(results, indent=1)}\n")
    put("targets", targets_of(results))
    put("series", series_of(results))


def targets_of(results: Mapping[str, Any]) -> str:
    """Return the table of all targets, in Markdown."""
    rows = [
        [name, f"{each['figure']:g}", each["target"], "met" if each["met"] else "**missed**"]
        for name, each in results["targets"].items()
    ]
    text = table(["what", "figure", "target", ""], rows)
    return f"{results['machine']}.\n\n{text}"


def series_of(results: Mapping[str, Any]) -> str:
    """Return the table of all series with their noise, in Markdown."""
    rows = [
        [name, each["unit"], str(each["runs"]), *(f"{each[n]:g}" for n in ("min", "median", "max"))]
        for name, each in results["series"].items()
    ]
    return table(["what", "unit", "runs", "min", "median", "max"], rows)
