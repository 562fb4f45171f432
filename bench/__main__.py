"""`make bench`: what is measured, one after the other, or what is named: `ARGS=start`."""

import sys

from rich.console import Console

from bench import costs, distribution, start

ALL = {"costs": costs.measure, "start": start.measure, "distribution": distribution.measure}


def main() -> int:
    """Measure what was asked for, and print it."""
    wanted = sys.argv[1:] or [*ALL]
    console = Console(highlight=False)
    if unknown := {*wanted} - ALL.keys():
        console.print(f"There is no {' or '.join(unknown)} to measure: {' and '.join(ALL)}.")
        return 1
    for name in wanted:
        ALL[name](console)
    return 0


if __name__ == "__main__":
    sys.exit(main())
