"""Events, one JSON line each, with ids and never personal data."""

import json
import logging
import sys
from typing import Any, Final

from chalicelib.metrics import measured

log: Final = logging.getLogger("loyalty_money")

_STANDARD: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class JsonLines(logging.Formatter):
    """Formats a record as one JSON object: level, event, and whatever `extra` holds.

    Where a stage is named, what the event counts for is described in the line.
    """

    def __init__(self, stage: str | None = None) -> None:
        """Count for a stage, or for none."""
        super().__init__()
        self._stage = stage

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as a single line; a line break in a value stays escaped."""
        fields = {key: value for key, value in vars(record).items() if key not in _STANDARD}
        line: dict[str, Any] = {"level": record.levelname, "event": record.getMessage(), **fields}
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        if self._stage is not None:
            now_ms = int(record.created * 1000)
            line |= measured(line["event"], fields, self._stage, now_ms)
        return json.dumps(line, default=str)


def start_logging(stage: str) -> None:
    """Send events to standard error, a line each, and nothing of ours to Lambda's own handler."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines(stage))
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    log.propagate = False
