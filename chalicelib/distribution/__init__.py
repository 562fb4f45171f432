"""The verbs of distributions: preview one, run, cancel and undo it, and read what became of it.

`work` is what a queue calls for each chunk, in a function of its own or in a thread beside a
local service.
"""

from chalicelib.distribution.jobs import (
    Outcome,
    OutcomeRow,
    Standing,
    cancel,
    list_distributions,
    list_rows,
    read_distribution,
    run,
    undo,
)
from chalicelib.distribution.preview import Source, Upload, preview
from chalicelib.distribution.work import work

__all__ = [
    "Outcome",
    "OutcomeRow",
    "Source",
    "Standing",
    "Upload",
    "cancel",
    "list_distributions",
    "list_rows",
    "preview",
    "read_distribution",
    "run",
    "undo",
    "work",
]
