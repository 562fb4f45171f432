"""The line to the bus, on which tests read what goes out, and say what comes back."""

import json
from collections import deque
from collections.abc import Callable
from typing import Any

from botocore.awsrequest import AWSPreparedRequest, AWSResponse

from chalicelib.outside import aws
from tests.store.wire import NOWHERE

Json = dict[str, Any]
Answer = Callable[[list[Json]], AWSResponse]


class Line:
    """The line to the bus: the entries of each request; planned answers come in its place."""

    def __init__(self) -> None:
        self.requests: list[list[Json]] = []
        self.planned: deque[Answer | None] = deque()
        self.lasting: Answer | None = None
        aws.client("events").meta.events.register_first("before-send.events", self._before)

    def _before(self, request: AWSPreparedRequest, **_: object) -> AWSResponse | None:
        assert isinstance(request.body, bytes)
        entries = json.loads(request.body)["Entries"]
        self.requests.append(entries)
        answer = self.planned.popleft() if self.planned else self.lasting
        if answer is None:
            return None
        # botocore asks every listener, and moto, too, would take the events.
        request.url = NOWHERE
        return answer(entries)

    @property
    def told(self) -> list[Json]:
        """The events that went out, in order."""
        return [json.loads(entry["Detail"]) for entries in self.requests for entry in entries]

    @property
    def ids(self) -> list[list[str]]:
        """The ids of the events of each request."""
        return [[json.loads(e["Detail"])["id"] for e in entries] for entries in self.requests]
