"""Doors to users: a back end registers them, an admin finds them by complete e-mail."""

from typing import Annotated, Self

from pydantic import AwareDatetime, Field, model_validator

from chalicelib import registry
from chalicelib.core.errors import (
    EmailTaken,
    FieldError,
    InvalidCursor,
    InvalidRequest,
    UnknownChannel,
    UnknownUser,
)
from chalicelib.core.names import Identifier, to_ms
from chalicelib.core.users import Email, User, same_address
from chalicelib.http import Answer, Body, Request, Routes, Shown, example
from chalicelib.registry import Registration
from chalicelib.routes.paging import Listed, ListQuery, listed, start_of
from chalicelib.routes.times import Time, time_of

routes = Routes(__name__)


class UserBody(Body):
    """The e-mail address of a user."""

    model_config = example({"email": "ada@example.com"})

    email: Email


class NewUser(Body):
    """One user of a call that registers many."""

    user_pk: Identifier
    email: Email


class UsersBody(Body):
    """Up to 100 users; none and no address may be named twice."""

    model_config = example({"users": [{"user_pk": "1001", "email": "ada@example.com"}]})

    users: Annotated[list[NewUser], Field(min_length=1, max_length=100)]

    @model_validator(mode="after")
    def _names_each_once(self) -> Self:
        if len({user.user_pk for user in self.users}) < len(self.users):
            raise ValueError("a user_pk is named twice")
        if len({same_address(user.email) for user in self.users}) < len(self.users):
            raise ValueError("an email is named twice")
        return self


class UserShown(Shown):
    """A registered user. Who was erased has no `email`, until registered again."""

    user_pk: str
    email: str | None
    created_at: Time
    erased_at: Time | None


class UserRefused(Shown):
    """A user of the call who was not registered, and why."""

    user_pk: str
    code: str
    detail: str


class UsersRegistered(Shown):
    """What became of each user of the call; those under `errors` were left as they were."""

    items: list[UserShown]
    errors: list[UserRefused]


class UsersQuery(ListQuery):
    """A list of users: all, or the one with this complete address."""

    email: Email | None = None


class SessionsBody(Body):
    """The time before which every session of the user is revoked; not in the future."""

    model_config = example({"valid_from": "2026-11-22T09:30:00Z"})

    valid_from: AwareDatetime


@routes.route(
    "PUT",
    "/channels/{channel}/users/{user_pk}",
    access="users",
    body=UserBody,
    answers={201: UserShown, 200: UserShown},
    refusals=(UnknownChannel, EmailTaken),
)
def register_user(request: Request, body: UserBody) -> Answer:
    """Register a user, or change the address of one; who was erased is registered again."""
    path = request.path
    done = registry.register_user(request.call, path["channel"], path["user_pk"], body.email)
    assert done.user is not None
    return Answer(_shown(done.user), 201 if done.created else 200)


@routes.route(
    "POST",
    "/channels/{channel}/users",
    access="users",
    body=UsersBody,
    answers={200: UsersRegistered},
    refusals=(UnknownChannel,),
)
def register_users(request: Request, body: UsersBody) -> Answer:
    """Register up to 100 users; each succeeds or is refused by itself."""
    wanted = [(user.user_pk, user.email) for user in body.users]
    done = registry.register_users(request.call, request.path["channel"], wanted)
    shown = UsersRegistered(
        items=[_shown(one.user) for one in done if one.user is not None],
        errors=[refused for one in done for refused in _refused(one)],
    )
    return Answer(shown)


@routes.route(
    "GET",
    "/channels/{channel}/users",
    access="read",
    query=UsersQuery,
    answers={200: Listed[UserShown]},
    refusals=(UnknownChannel, InvalidCursor),
)
def list_users(request: Request, query: UsersQuery) -> Answer:
    """List users, or find one by the complete e-mail address in any case."""
    channel = request.path["channel"]
    if query.email is not None:
        user = registry.find_user(request.call, channel, query.email)
        return Answer(listed([_shown(user)] if user is not None else [], None))
    start = start_of(query, "users", channel)
    users, last = registry.list_users(request.call, channel, limit=query.limit, start=start)
    return Answer(listed([_shown(user) for user in users], last, "users", channel))


@routes.route(
    "PUT",
    "/channels/{channel}/users/{user_pk}/sessions",
    access="sessions",
    body=SessionsBody,
    answers={200: UserShown},
    refusals=(UnknownChannel, UnknownUser),
)
def end_sessions(request: Request, body: SessionsBody) -> Answer:
    """End every session of a user that was opened before a time."""
    path, valid_from = request.path, body.valid_from
    if valid_from > request.call.now:
        detail = "Use a time that is not in the future."
        raise InvalidRequest(detail, errors=[FieldError("valid_from", "in_the_future", detail)])
    user = registry.end_sessions(request.call, path["channel"], path["user_pk"], to_ms(valid_from))
    return Answer(_shown(user))


def _shown(user: User) -> UserShown:
    return UserShown(
        user_pk=user.user_pk,
        email=user.email,
        created_at=time_of(user.created_ms),
        erased_at=None if user.erased_ms is None else time_of(user.erased_ms),
    )


def _refused(done: Registration) -> list[UserRefused]:
    refusal = done.refusal
    if refusal is None:
        return []
    return [UserRefused(user_pk=done.user_pk, code=refusal.code, detail=refusal.detail)]
