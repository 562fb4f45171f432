"""What Lambda does with the tables' streams in AWS, done by a thread of the local service."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final, Literal

from chalicelib.config import config
from chalicelib.logs import log
from chalicelib.outside.aws import AwsError, client
from chalicelib.store.events import Record
from chalicelib.store.tables import STREAMS

LOOK_S: Final = 1.0
AT_ONCE: Final = 100

Publish = Callable[[Sequence[Record]], object]


class Streams:
    """Reads the streams of every table of the local engine, from now on or from their beginning."""

    def __init__(self, begin: Literal["LATEST", "TRIM_HORIZON"] = "LATEST") -> None:
        """Begin with what changes from now on, or with the oldest that is still known."""
        self._streams = client("dynamodbstreams", config().dynamodb_endpoint)
        self._begin: str = begin
        self._places: dict[str, tuple[str, str]] = {}
        self._ended: set[str] = set()
        self._look_for_shards()

    @property
    def are_there(self) -> bool:
        """Whether the tables have streams: those of a state that was saved long ago have none."""
        return bool(self._places)

    def publish(self, publish: Publish) -> int:
        """Publish what has changed since the last time; return how many changes there were.

        Where it raises, the same changes are published again the next time.
        """
        count = 0
        for shard, (stream, place) in list(self._places.items()):
            page = self._streams.get_records(ShardIterator=place, Limit=AT_ONCE)
            records = [{**each, "eventSourceARN": stream} for each in page["Records"]]
            if records:
                publish(records)
                count += len(records)
            following = page.get("NextShardIterator")
            if following is None:
                self._ended.add(shard)
                del self._places[shard]
                self._look_for_shards()
            else:
                self._places[shard] = (stream, following)
        return count

    def _look_for_shards(self) -> None:
        prefix = config().table_prefix
        for noun in STREAMS:
            for stream in self._streams.list_streams(TableName=prefix + noun)["Streams"]:
                self._look_at(stream["StreamArn"])
        # What comes into being later is read from its beginning.
        self._begin = "TRIM_HORIZON"

    def _look_at(self, stream: str) -> None:
        shards = self._streams.describe_stream(StreamArn=stream)["StreamDescription"]["Shards"]
        for shard in shards:
            name = f"{stream} {shard['ShardId']}"
            if name not in self._places and name not in self._ended:
                place = self._streams.get_shard_iterator(
                    StreamArn=stream, ShardId=shard["ShardId"], ShardIteratorType=self._begin
                )
                self._places[name] = (stream, place["ShardIterator"])


@contextmanager
def publishing(streams: Streams, publish: Publish, every_s: float = LOOK_S) -> Iterator[None]:
    """Publish what the streams hand out while the context is open; a failure is repeated."""
    ended = threading.Event()

    def go_on() -> None:
        while not ended.wait(every_s):
            try:
                streams.publish(publish)
            except AwsError:
                # The engine is busy, or gone, of which its service tells.
                log.info("streams_unanswered")

    thread = threading.Thread(target=go_on, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
