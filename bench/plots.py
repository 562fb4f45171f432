"""The pictures of docs/performance.md, drawn from `bench/results.json` alone.

matplotlib is in an environment of its own: `draw` runs this file there. A picture of the same
results is the same to the byte.
"""

import json
import subprocess
from pathlib import Path
from typing import Any, Final

HERE: Final = Path(__file__).parent
PICTURES: Final = HERE.parent / "docs" / "pictures"
PYTHON: Final = HERE.parent / ".engine" / "seldom" / "bin" / "python"


def draw() -> None:
    """Draw the pictures anew."""
    subprocess.run([str(PYTHON), str(Path(__file__))], check=True)


def _bars(results: dict[str, Any], part: str, unit: str, title: str, file: str) -> None:
    import matplotlib  # noqa: PLC0415  # in another environment

    matplotlib.use("svg")
    matplotlib.rcParams.update({"svg.hashsalt": "loyalty-money", "svg.fonttype": "none"})
    from matplotlib import pyplot  # noqa: PLC0415

    shown = {
        name.partition(": ")[2]: each
        for name, each in results["series"].items()
        if name.startswith(f"{part}: ") and each["unit"] == unit
    }
    if not shown:
        return
    figure, axes = pyplot.subplots(figsize=(8, 0.8 + 0.32 * len(shown)))
    names = [*reversed(shown)]
    middles = [shown[name]["median"] for name in names]
    least = [shown[name]["median"] - shown[name]["min"] for name in names]
    axes.barh(names, middles, color="#4a6fa5", xerr=[least, [0] * len(names)], ecolor="#99aabb")
    axes.set_xlabel(f"{unit}, median; the line goes down to the least")
    axes.set_title(title, loc="left")
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(PICTURES / file, bbox_inches="tight", metadata={"Date": None})
    pyplot.close(figure)


def main() -> None:
    """Draw what there is."""
    results = json.loads((HERE / "results.json").read_text())
    _bars(results, "floor", "ms", "One transfer, beside its two bare requests", "floor.svg")
    _bars(results, "growth", "ms", "The same operation on longer histories", "growth.svg")


if __name__ == "__main__":
    main()
