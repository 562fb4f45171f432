"""The preview of a distribution: who is meant by each row, and what a run would do. Moves nothing.

It is kept with the list that it found, and the list is what runs: whoever accepts a preview
credits exactly those customers.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from typing import Final

from chalicelib.auth import Call
from chalicelib.core.accounts import Account, AccountKey
from chalicelib.core.distribution_rows import BadRow, ParsedRows, Row, told_of
from chalicelib.core.distributions import Distribution, Figures, Share, pack
from chalicelib.core.errors import CurrencyMismatch, IdConflict, UnknownAccount
from chalicelib.core.money import format_amount
from chalicelib.core.names import to_ms
from chalicelib.ledger.required import require_account, require_channel
from chalicelib.store.accounts import account_id_key, account_key, named_in
from chalicelib.store.actions import AnyKey, Rows
from chalicelib.store.distributions import (
    Lists,
    job_in,
    job_key,
    list_keys,
    lists_in,
    put_job,
    share_rows,
)
from chalicelib.store.jobs import keep_pieces, name_of, packed
from chalicelib.store.requests import BATCH_KEYS, Commit, Replay, Settled, batch_get, settle
from chalicelib.store.settings import channel_key
from chalicelib.store.users import email_key, owner_in, registered_in, user_key

READERS: Final = 8
"""How many batches are read at once: 20,000 addresses are 400 batches."""


@dataclass(frozen=True, slots=True)
class Source:
    """The primary account: by its id, or by its user."""

    account_id: str | None
    user_pk: str | None


@dataclass(frozen=True, slots=True)
class Upload:
    """What a caller wants to distribute, once its rows are parsed."""

    source: Source
    currency: str
    open_accounts: bool
    rows: ParsedRows


@dataclass(frozen=True, slots=True)
class Previewed:
    """A distribution with its bad rows, every one of them."""

    job: Distribution
    bad: list[BadRow]


def preview(call: Call, channel: str, distribution_id: str, upload: Upload) -> Settled[Previewed]:
    """Look up every row and keep the result, once for ever under this id.

    The same content is looked up anew until it runs. Raises `UnknownChannel`, `UnknownAccount`,
    `CurrencyMismatch` or `IdConflict`.
    """
    source, found = _find_source(call, channel, distribution_id, upload)
    content_hash = _content_hash(upload)
    if found is not None and found.content_hash != content_hash:
        raise IdConflict
    if found is not None and found.state != "previewed":
        return Settled(Previewed(found, bad_rows_of(call, found)), written=False)
    shares, bad = _look_up(call, source.key, upload)
    lists: Lists = {"shares": share_rows(shares), "bad": [list(asdict(b).values()) for b in bad]}
    pieces = packed(lists)
    now_ms = to_ms(call.now)
    new = Distribution(
        channel=channel,
        id=distribution_id,
        source=source.key,
        source_account_id=source.account_id,
        open_accounts=upload.open_accounts,
        content_hash=content_hash,
        preview_id=name_of(pieces),
        lists=len(pieces),
        chunks=len(pack(shares)),
        figures=_figures(upload, source, shares, bad),
        created_ms=now_ms,
        created_by=call.by,
        previewed_ms=now_ms,
        by=call.by,
    )
    keep_pieces(list_keys(new), pieces, deadline=call.deadline)

    def decide(rows: Rows) -> Commit[Previewed] | Replay[Previewed]:
        stored = job_in(rows, channel, distribution_id)
        if stored is None:
            return Commit([put_job(new, None)], Previewed(new, bad))
        if stored.content_hash != content_hash:
            raise IdConflict
        if stored.state != "previewed":
            return Replay(Previewed(stored, bad))
        same = (stored.preview_id, stored.figures) == (new.preview_id, new.figures)
        if same:
            return Replay(Previewed(stored, bad))
        renewed = replace(
            stored,
            preview_id=new.preview_id,
            lists=new.lists,
            chunks=new.chunks,
            figures=new.figures,
            previewed_ms=new.previewed_ms,
            rev=stored.rev + 1,
        )
        # The older list stays: another preview may find the same again at this moment.
        return Commit([put_job(renewed, stored)], Previewed(renewed, bad))

    keys: list[AnyKey] = [job_key(channel, distribution_id)]
    settled = settle(decide, keys, deadline=call.deadline, consistent=True)
    is_first = settled.written and settled.answer.job.rev == new.rev
    return Settled(settled.answer, written=is_first)


def bad_rows_of(call: Call, job: Distribution) -> list[BadRow]:
    """Return the bad rows that a preview kept."""
    return [BadRow(*row) for row in read_lists(call, job)["bad"]]


def read_lists(call: Call, job: Distribution) -> Lists:
    """Return what a preview kept: it lies there as long as the job names it."""
    rows = batch_get(list_keys(job), deadline=call.deadline, consistent=True)
    lists = lists_in(rows, job)
    assert lists is not None, "a preview is kept before its job"
    return lists


def _content_hash(upload: Upload) -> str:
    """Return what makes an upload the same, whatever has become of its customers since."""
    rows = [list(asdict(row).values()) for row in upload.rows.rows]
    bad = [list(asdict(row).values()) for row in upload.rows.bad]
    content = [asdict(upload.source), upload.currency, upload.open_accounts, rows, bad]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def _figures(
    upload: Upload, source: Account, shares: Sequence[Share], bad: Sequence[BadRow]
) -> Figures:
    return Figures(
        rows=len(upload.rows.rows) + len(upload.rows.bad),
        bad_reasons=dict(Counter(row.code for row in bad)),
        shares=len(shares),
        total=sum(share.amount for share in shares),
        openings=sum(share.opens for share in shares),
        available=source.available,
        debit_allowed=source.debit_allowed,
    )


def _find_source(
    call: Call, channel: str, distribution_id: str, upload: Upload
) -> tuple[Account, Distribution | None]:
    """Return the source as it stands, and the distribution if it was previewed before."""
    key = _source_key(call, channel, upload)
    keys: list[AnyKey] = [
        channel_key(channel),
        job_key(channel, distribution_id),
        account_key(key),
    ]
    rows = batch_get(keys, deadline=call.deadline, consistent=True)
    return require_account(rows, key, to_ms(call.now)), job_in(rows, channel, distribution_id)


def _source_key(call: Call, channel: str, upload: Upload) -> AccountKey:
    account_id, user_pk = upload.source.account_id, upload.source.user_pk
    if account_id is None:
        assert user_pk is not None, "a source is named in one way or the other"
        return AccountKey(channel, user_pk, upload.currency)
    keys: list[AnyKey] = [channel_key(channel), account_id_key(channel, account_id)]
    rows = batch_get(keys, deadline=call.deadline, consistent=True)
    require_channel(rows, channel)
    named = named_in(rows, channel, account_id)
    if named is None:
        raise UnknownAccount(f"No account of this channel has the account_id {account_id!r}.")
    if named.currency != upload.currency:
        raise CurrencyMismatch
    return named


# --- looking rows up ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Meant:
    """Whom a row means: a user's account, or why nobody's."""

    row: Row
    key: AccountKey | None
    code: str = ""
    detail: str = ""


def _look_up(call: Call, source: AccountKey, upload: Upload) -> tuple[list[Share], list[BadRow]]:
    """Return the rows to credit and the bad ones, each in the order of their lines."""
    meant = _find_users(call, source, upload.rows.rows)
    keys = [m.key for m in meant if m.key is not None]
    # An account that an id names is there; that of a user may be missing.
    named = {m.key for m in meant if m.row.naming == "account_id"}
    rows = _read(call, [account_key(key) for key in keys if key not in named])
    missing = {key for key in keys if key not in named and not rows.shows(account_key(key))}
    users = _read(call, [user_key(key.channel, key.user_pk) for key in missing])
    shares: list[Share] = []
    bad = list(upload.rows.bad)
    first: dict[AccountKey, int] = {}
    for m in meant:
        wrong = _why_bad(m, source, missing, users, first, opens=upload.open_accounts)
        if wrong is not None:
            amount = format_amount(m.row.amount, source.currency)
            recipient = told_of(m.row.naming, m.row.recipient)
            bad.append(BadRow(m.row.line, recipient, amount, *wrong))
            continue
        assert m.key is not None
        first[m.key] = m.row.line
        row = m.row
        shares.append(Share(row.line, m.key.user_pk, row.amount, row.note, m.key in missing))
    return shares, sorted(bad, key=lambda row: row.line)


def _find_users(call: Call, source: AccountKey, rows: Sequence[Row]) -> list[_Meant]:
    """Return whose account each row names, whether or not it is there."""
    channel, currency = source.channel, source.currency
    keys: list[AnyKey] = [
        email_key(channel, row.recipient)
        if row.naming == "user_email"
        else account_id_key(channel, row.recipient)
        for row in rows
        if row.naming != "user_pk"
    ]
    found = _read(call, keys)
    meant: list[_Meant] = []
    for row in rows:
        if row.naming == "user_pk":
            meant.append(_Meant(row, AccountKey(channel, row.recipient, currency)))
        elif row.naming == "user_email":
            owner = owner_in(found, channel, row.recipient)
            known = None if owner is None else AccountKey(channel, owner, currency)
            why = ("unknown_user", "No user has this e-mail address.")
            meant.append(_Meant(row, known) if known else _Meant(row, None, *why))
        else:
            meant.append(_by_account_id(found, channel, row, currency))
    return meant


def _by_account_id(found: Rows, channel: str, row: Row, currency: str) -> _Meant:
    key = named_in(found, channel, row.recipient)
    if key is None:
        return _Meant(row, None, "unknown_account", "No account has this account id.")
    if key.currency != currency:
        detail = f"This account is in {key.currency}, the distribution in {currency}."
        return _Meant(row, None, CurrencyMismatch.code, detail)
    return _Meant(row, key)


def _why_bad(
    meant: _Meant,
    source: AccountKey,
    missing: set[AccountKey],
    users: Rows,
    first: Mapping[AccountKey, int],
    *,
    opens: bool,
) -> tuple[str, str] | None:
    """Return why a row cannot be credited, as a code and a sentence, or None where it can."""
    key = meant.key
    if key is None:
        return meant.code, meant.detail
    if key == source:
        return "same_account", "This is the account that the credit comes from."
    if key in first:
        return "duplicate_account", f"Line {first[key]} credits this account already."
    if key not in missing:
        return None
    if registered_in(users, key.channel, key.user_pk) is None:
        return "unknown_user", "No such user is registered in this channel."
    if not opens:
        return "unknown_account", f"The user has no account in {key.currency}."
    return None


def _read(call: Call, keys: Sequence[AnyKey]) -> Rows:
    """Return any number of rows, strongly read: as many batches at once as there are readers."""
    unique = list({key.identity: key for key in keys}.values())
    batches = [unique[at : at + BATCH_KEYS] for at in range(0, len(unique), BATCH_KEYS)]

    def read(batch: Sequence[AnyKey]) -> Rows:
        return batch_get(batch, deadline=call.deadline, consistent=True)

    with ThreadPoolExecutor(READERS) as readers:
        parts = list(readers.map(read, batches))
    return Rows({identity: item for part in parts for identity, item in part.items.items()})
