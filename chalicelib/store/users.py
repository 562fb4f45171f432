"""Users and their addresses. An address has one owner, changed with the user in one transaction."""

from pynamodb.expressions.condition import Condition

from chalicelib.core.users import User, same_address
from chalicelib.store.actions import (
    Action,
    Item,
    Key,
    Rows,
    check,
    delete,
    exists,
    put_once,
    update,
)
from chalicelib.store.requests import query
from chalicelib.store.tables import UserEmailRow, UserRow


def user_key(channel: str, user_pk: str) -> Key[UserRow]:
    """Return the key of a user."""
    return Key(UserRow, f"{channel}#{user_pk}")


def email_key(channel: str, email: str) -> Key[UserEmailRow]:
    """Return the key of an address; spellings in other case are the same address."""
    return Key(UserEmailRow, f"{channel}#{same_address(email)}")


def user_in(rows: Rows, channel: str, user_pk: str) -> User | None:
    """Return the user, erased or not, out of rows that hold its key."""
    row = rows.get(user_key(channel, user_pk))
    return None if row is None else _user(row)


def registered_in(rows: Rows, channel: str, user_pk: str) -> User | None:
    """Return the user who is registered now; None also for one who was erased."""
    user = user_in(rows, channel, user_pk)
    return None if user is None or user.erased_ms is not None else user


def check_registered(channel: str, user_pk: str) -> Action:
    """Return the check that the user is registered, and not erased."""
    return check(user_key(channel, user_pk), exists(UserRow) & UserRow.erased_ms.does_not_exist())


def owner_in(rows: Rows, channel: str, email: str) -> str | None:
    """Return the `user_pk` that owns the address, out of rows that hold its key."""
    row = rows.get(email_key(channel, email))
    return None if row is None else row.user_pk


def register(user: User, by: str) -> list[Action]:
    """Return the puts of a new user and its address."""
    assert user.email is not None, "a user is registered with an address"
    row = UserRow(
        user=f"{user.channel}#{user.user_pk}",
        channel=user.channel,
        user_pk=user.user_pk,
        email=user.email,
        created_ms=user.created_ms,
        sessions_valid_from_ms=user.sessions_valid_from_ms,
        by=by,
    )
    return [put_once(row), _own_address(user.channel, user.email, user.user_pk)]


def change_email(user: User, email: str) -> list[Action]:
    """Return the change of a user's address, which moves its ownership.

    Who was erased is registered again by it.
    """
    key = user_key(user.channel, user.user_pk)
    if user.email is None:
        changes = [UserRow.email.set(email), UserRow.erased_ms.remove()]
        return [
            update(key, changes, _has_address(None)),
            _own_address(user.channel, email, user.user_pk),
        ]
    actions = [update(key, [UserRow.email.set(email)], _has_address(user.email))]
    if same_address(email) != same_address(user.email):
        actions.append(_give_up_address(user.channel, user.email, user.user_pk))
        actions.append(_own_address(user.channel, email, user.user_pk))
    return actions


def erase(user: User, erased: User) -> list[Action]:
    """Return the writes that take a user's address away, and make the user as `erased` says."""
    assert user.email is not None, "who was erased has nothing to be erased"
    assert erased.erased_ms is not None, "who is erased has the time of it"
    changes = [
        UserRow.erased_ms.set(erased.erased_ms),
        UserRow.sessions_valid_from_ms.set(erased.sessions_valid_from_ms),
        UserRow.email.remove(),
    ]
    return [
        update(user_key(user.channel, user.user_pk), changes, _has_address(user.email)),
        _give_up_address(user.channel, user.email, user.user_pk),
    ]


def revoke_sessions(user: User, valid_from_ms: int) -> Action:
    """Return the change that revokes every session issued before a time in milliseconds."""
    return update(
        user_key(user.channel, user.user_pk),
        [UserRow.sessions_valid_from_ms.set(valid_from_ms)],
        UserRow.sessions_valid_from_ms < valid_from_ms,
    )


def list_users(
    channel: str, *, limit: int, start: Item | None, deadline: float
) -> tuple[list[User], Item | None]:
    """Return a page of the channel's users by `user_pk`, and the key to go on from."""
    items, last = query(
        UserRow,
        UserRow.channel == channel,
        index=UserRow.by_channel.Meta.index_name,
        limit=limit,
        start=start,
        deadline=deadline,
    )
    return [_user(UserRow.from_raw_data(item)) for item in items], last


def _has_address(email: str | None) -> Condition:
    if email is None:
        without: Condition = exists(UserRow) & UserRow.email.does_not_exist()
        return without
    condition: Condition = UserRow.email == email
    return condition


def _give_up_address(channel: str, email: str, user_pk: str) -> Action:
    return delete(email_key(channel, email), UserEmailRow.user_pk == user_pk)


def _own_address(channel: str, email: str, user_pk: str) -> Action:
    return put_once(UserEmailRow(address=f"{channel}#{same_address(email)}", user_pk=user_pk))


def _user(row: UserRow) -> User:
    return User(
        channel=row.channel,
        user_pk=row.user_pk,
        email=row.email,
        created_ms=row.created_ms,
        sessions_valid_from_ms=row.sessions_valid_from_ms,
        erased_ms=row.erased_ms,
    )
