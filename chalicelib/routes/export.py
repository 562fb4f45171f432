"""The door where a shop gets everything that is held about a shopper."""

from typing import Literal

from pydantic import JsonValue

from chalicelib import privacy
from chalicelib.core.errors import InvalidCursor, UnknownChannel, UnknownUser
from chalicelib.http import Answer, Request, Routes, Shown
from chalicelib.routes.paging import Listed, ListQuery, listed, start_of

routes = Routes(__name__)


class HeldShown(Shown):
    """One thing that is held about a user; its kind says what `content` has."""

    kind: Literal[
        "user",
        "account",
        "entry",
        "hold",
        "order",
        "pre_order",
        "basket",
        "order_contents",
    ]
    content: dict[str, JsonValue]


@routes.route(
    "GET",
    "/channels/{channel}/users/{user_pk}/export",
    access="users",
    query=ListQuery,
    answers={200: Listed[HeldShown]},
    refusals=(UnknownChannel, UnknownUser, InvalidCursor),
)
def export(request: Request, query: ListQuery) -> Answer:
    """List everything that is held about a user, page by page to the last."""
    channel, user_pk = request.path["channel"], request.path["user_pk"]
    name = ("export", channel, user_pk)
    found, last = privacy.export(
        request.call, channel, user_pk, limit=query.limit, start=start_of(query, *name)
    )
    items = [HeldShown.model_validate({"kind": kind, "content": held}) for kind, held in found]
    return Answer(listed(items, last, *name))
