"""Events, one JSON line each, with ids and never personal data."""

import json
import logging
import sys
from typing import Final

log: Final = logging.getLogger("loyalty_money")

_STANDARD: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class JsonLines(logging.Formatter):
    """Formats a record as one JSON object: level, event, and whatever `extra` holds."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as a single line; a line break in a value stays escaped."""
        fields = {key: value for key, value in vars(record).items() if key not in _STANDARD}
        line = {"level": record.levelname, "event": record.getMessage(), **fields}
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


def start_logging() -> None:
    """Send events to standard error, a line each, and nothing of ours to Lambda's own handler."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    log.propagate = False
