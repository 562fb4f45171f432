"""What was measured is kept part by part, and the page shows just that."""

import json
from pathlib import Path
from typing import Any

import pytest

from bench import results
from bench.results import Part
from cli.local import PROJECT

KEPT: Any = json.loads(results.FILE.read_text())


def test_a_target_says_whether_it_is_met() -> None:
    part = Part()
    part.at_most("slow", 1.36, 1.35)
    part.at_most("fast", 1.35, 1.35)
    part.at_least("few", 2.9, 3)
    part.at_least("many", 3.0, 3)
    assert {name: target.met for name, target in part.targets.items()} == {
        "slow": False,
        "fast": True,
        "few": False,
        "many": True,
    }


def test_a_series_shows_its_noise() -> None:
    part = Part()
    assert part.note("ours", "ms", [3.0, 1.0, 2.0]) == 2.0
    series = part.series["ours"]
    assert (series.runs, series.min, series.median, series.max) == (3, 1.0, 2.0, 3.0)


def test_a_part_replaces_its_own_and_leaves_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(results, "FILE", tmp_path / "results.json")
    monkeypatch.setattr(results, "put", lambda *_: None)
    first, second, other = Part(), Part(), Part()
    first.at_most("old", 1, 2)
    second.at_most("new", 3, 2)
    other.at_most("its", 1, 2)
    for name, part in (("a", first), ("ab", other), ("a", second)):
        results.keep(name, part)
    assert set(results.kept()["targets"]) == {"a: new", "ab: its"}
    assert not results.kept()["targets"]["a: new"]["met"]


def test_the_page_shows_what_is_kept() -> None:
    page = (PROJECT / "docs" / "performance.md").read_text()
    assert results.targets_of(KEPT) in page
    assert results.series_of(KEPT) in page


def test_what_is_kept_has_every_part() -> None:
    parts = {name.partition(":")[0] for name in KEPT["series"]}
    assert {"floor", "growth", "checkout", "distribution", "peers", "start"} <= parts
    assert all(set(each) == {"figure", "target", "met"} for each in KEPT["targets"].values())
    for each in KEPT["targets"].values():
        kind, _, limit = each["target"].rpartition(" ")
        good = (
            each["figure"] <= float(limit) if kind == "at most" else each["figure"] >= float(limit)
        )
        assert each["met"] == good
