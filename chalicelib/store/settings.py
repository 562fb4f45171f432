"""Channels and their settings. A channel is the row named CHANNEL: its default currency."""

import json
from typing import Final

from chalicelib.core import settings as catalogue
from chalicelib.core.settings import Channel, StoredSetting
from chalicelib.store.actions import Action, Item, Key, Rows, put, put_once
from chalicelib.store.requests import scan
from chalicelib.store.tables import SettingRow

CHANNEL: Final = "CHANNEL"
ROWS_A_SCAN: Final = 1000


def channel_key(channel: str) -> Key[SettingRow]:
    """Return the key of the channel itself."""
    return Key(SettingRow, channel, CHANNEL)


def setting_key(channel: str, name: str) -> Key[SettingRow]:
    """Return the key of one setting."""
    return Key(SettingRow, channel, name)


def all_keys(channel: str) -> list[Key[SettingRow]]:
    """Return the keys of the channel and of everything in its catalogue."""
    return [setting_key(channel, name) for name in (CHANNEL, *catalogue.CATALOGUE)]


def channel_in(rows: Rows, channel: str) -> Channel | None:
    """Return the channel out of rows that hold its key, or None where there is none."""
    row = rows.get(channel_key(channel))
    return None if row is None else Channel(channel, json.loads(row.value), row.at_ms)


def stored_in(rows: Rows, channel: str, name: str) -> StoredSetting | None:
    """Return one setting out of rows that hold its key, or None where it was never set."""
    row = rows.get(setting_key(channel, name))
    return None if row is None else StoredSetting(name, row.value, row.at_ms)


def scan_channels(*, start: Item | None, deadline: float) -> tuple[list[str], Item | None]:
    """Return the channels among the next settings, and the key to go on from."""
    items, last = scan(
        SettingRow, SettingRow.name == CHANNEL, limit=ROWS_A_SCAN, start=start, deadline=deadline
    )
    return [str(item["channel"]["S"]) for item in items], last


def settings_in(rows: Rows, channel: str) -> catalogue.Settings | None:
    """Return all settings out of rows that hold `all_keys`, or None for an unknown channel."""
    found = channel_in(rows, channel)
    if found is None:
        return None
    stored = [stored_in(rows, channel, name) for name in catalogue.CATALOGUE]
    return catalogue.assemble(
        found.default_currency, {s.name: s.text for s in stored if s is not None}
    )


def make_channel(channel: Channel, by: str) -> Action:
    """Return the put of a new channel."""
    return put_once(
        SettingRow(
            channel=channel.name,
            name=CHANNEL,
            value=json.dumps(channel.default_currency),
            by=by,
            at_ms=channel.created_ms,
        )
    )


def set_value(channel: str, stored: StoredSetting, seen: StoredSetting | None, by: str) -> Action:
    """Return the put of a setting in place of the one that was read, and of no later one."""
    row = SettingRow(
        channel=channel, name=stored.name, value=stored.text, by=by, at_ms=stored.at_ms
    )
    if seen is None:
        return put(row, SettingRow.channel.does_not_exist())
    return put(row, (SettingRow.value == seen.text) & (SettingRow.at_ms == seen.at_ms))
