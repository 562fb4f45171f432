"""What stored jobs share: long lists beside them, compressed in pieces, and the list of jobs."""

import hashlib
import json
import zlib
from collections.abc import Callable, Sequence
from typing import Any, Final

from chalicelib.store.actions import Action, AnyKey, Item, Key, Rows, put
from chalicelib.store.requests import Commit, batch_get, query, settle
from chalicelib.store.tables import DistributionRow, PieceRow, ReconciliationRow

PIECE_BYTES: Final = 380_000
"""How much one row keeps of a list: an item ends at 400 KB."""


def packed(content: object) -> list[bytes]:
    """Return what JSON can hold, compressed, in pieces that rows can keep."""
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
    whole = zlib.compress(text)
    return [whole[at : at + PIECE_BYTES] for at in range(0, len(whole), PIECE_BYTES)]


def unpacked(pieces: Sequence[bytes]) -> Any:  # noqa: ANN401  # whatever was packed
    """Return what was packed, out of all of its pieces."""
    return json.loads(zlib.decompress(b"".join(pieces)))


def name_of(pieces: Sequence[bytes]) -> str:
    """Return the name of a list, which follows from its content."""
    return hashlib.sha256(b"".join(pieces)).hexdigest()[:16]


def put_piece(key: Key[PieceRow], piece: bytes) -> Action:
    """Return the put of a piece under a name of its own."""
    assert key.range is not None
    return put(key.row(id=key.hash, part=key.range, content=piece))


def keep_pieces(keys: Sequence[Key[PieceRow]], pieces: Sequence[bytes], *, deadline: float) -> None:
    """Keep a list named after its content, before the job that names it: repeating changes nothing.

    Whatever lies there is the same, so nothing is read first.
    """
    for key, piece in zip(keys, pieces, strict=True):
        _keep(put_piece(key, piece), deadline)


def _keep(piece: Action, deadline: float) -> None:
    def decide(_: Rows) -> Commit[None]:
        return Commit([piece], None)

    settle(decide, [], deadline=deadline, known=Rows({}))


def pieces_in(rows: Rows, keys: Sequence[Key[PieceRow]]) -> list[bytes] | None:
    """Return the pieces out of rows that hold their keys, or None where one is missing."""
    found = [rows.get(key) for key in keys]
    pieces = [row.content for row in found if row is not None]
    return pieces if len(pieces) == len(found) else None


def list_newest(
    row: type[DistributionRow] | type[ReconciliationRow],
    channel: str,
    key_of: Callable[[str], AnyKey],
    *,
    limit: int,
    start: Item | None,
    deadline: float,
) -> tuple[list[str], Rows, Item | None]:
    """Return the ids of a page of a channel's jobs, newest first, and their rows, strongly read.

    The key to go on from comes last. `key_of` makes the key of a job from its id.
    """
    items, last = query(
        row,
        row.channel == channel,
        index=row.by_channel.Meta.index_name,
        limit=limit,
        newest_first=True,
        start=start,
        deadline=deadline,
    )
    names = [item["id"]["S"].removeprefix(f"{channel}#") for item in items]
    if not names:
        return [], Rows({}), last
    keys = [key_of(name) for name in names]
    return names, batch_get(keys, deadline=deadline, consistent=True), last
