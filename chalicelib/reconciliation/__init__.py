"""The verbs of reconciliations: start one, and read how it stands and what does not agree.

`work` is what a queue calls for each step, in a function of its own or in a thread beside a
local service.
"""

from chalicelib.reconciliation.jobs import (
    Comparison,
    list_differences,
    list_reconciliations,
    read_reconciliation,
    start,
)
from chalicelib.reconciliation.messages import is_message
from chalicelib.reconciliation.work import work

__all__ = [
    "Comparison",
    "is_message",
    "list_differences",
    "list_reconciliations",
    "read_reconciliation",
    "start",
    "work",
]
