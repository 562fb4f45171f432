"""Reports of audits: put once under the time they were finished, read newest first."""

from chalicelib.store.actions import Action, Item, Key, put_once
from chalicelib.store.requests import query
from chalicelib.store.tables import AuditRow


def audit_key(channel: str, at_ms: int) -> Key[AuditRow]:
    """Return the key of the report of an audit that was finished at a time."""
    return Key(AuditRow, channel, f"{at_ms:013d}")


def put_audit(channel: str, at_ms: int, report: str) -> Action:
    """Return the put of a report, as JSON text."""
    return put_once(AuditRow(channel=channel, at=f"{at_ms:013d}", report=report))


def last_report(channel: str, *, deadline: float) -> str | None:
    """Return the channel's last report as JSON text, or None where there is none."""
    item = _last(channel, deadline)
    return None if item is None else str(item["report"]["S"])


def last_audit_ms(channel: str, *, deadline: float) -> int:
    """Return when the channel's last audit was finished, in milliseconds; 0 where none was."""
    item = _last(channel, deadline)
    return 0 if item is None else int(item["at"]["S"])


def _last(channel: str, deadline: float) -> Item | None:
    items, _ = query(
        AuditRow,
        AuditRow.channel == channel,
        limit=1,
        newest_first=True,
        consistent=True,
        deadline=deadline,
    )
    return items[0] if items else None
