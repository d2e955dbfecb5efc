"""The words that every package speaks with: segments, items, batches, pages, limits."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal, Protocol, TypeAlias

from alternator_migrate.core.counts import ChangeCounts, Counts

Position: TypeAlias = bytes
"""Where to go on in a segment: the raw JSON of a LastEvaluatedKey. None means its start."""
Role: TypeAlias = Literal["source", "target"]
DifferenceKind: TypeAlias = Literal["missing", "different", "extra"]


class Item(Protocol):
    """One item as DynamoDB JSON, `{"id":{"S":"a"},...}`: a slice of its page, never decoded.

    It has a length and can be joined; `bytes(item)` copies it out of its page.
    """

    def __len__(self) -> int: ...

    def __buffer__(self, flags: int, /) -> memoryview: ...


@dataclass(frozen=True, slots=True)
class Segment:
    """Part `index` of `total` of a parallel Scan: what one task reads."""

    index: int
    total: int


@dataclass(frozen=True, slots=True)
class Page:
    """One source response.

    `size` is the response's length in bytes, `read` the items it stands for, of which
    `skipped` were expired and left out; `position` is None on the segment's last page. Of the
    others a transform `dropped` some and refused the `rejects`; where it made several of one,
    `origins` numbers the source items that `items` were made of. As
    `requests` its items are WriteRequests, which put or delete. `position_of` an item is the
    place after it; None where only the page's end is a place to go on at.
    """

    items: Sequence[Item]
    size: int
    position: Position | None
    read: int
    skipped: int = 0
    requests: bool = False
    dropped: int = 0
    rejects: Sequence["Reject"] = ()
    origins: Sequence[int] = ()
    position_of: Callable[[Item], Position] | None = None

    @property
    def sources(self) -> int:
        """The number of source items that `items` were made of."""
        return self.read - self.skipped - self.dropped - len(self.rejects)


@dataclass(frozen=True, slots=True)
class Batch:
    """Items of one page, packed for one BatchWriteItem; `page` is the page's number in its
    segment, in the order of reading, and `place` that of the batch in its page. As `requests` they
    are WriteRequests already; `origins` are those of these items, where the page tells them."""

    segment: int
    page: int
    items: Sequence[Item]
    size: int
    origins: Sequence[int] = ()
    requests: bool = False
    place: int = 0


@dataclass(frozen=True, slots=True)
class Shard:
    """One shard of a stream; `parent` is its parent's id where the stream still lists or names
    one. A shard is begun after all of a lower `generation`, where a service names but one of
    several parents."""

    id: str
    parent: str | None = None
    generation: int = 0


@dataclass(frozen=True, slots=True)
class Change:
    """One stream record.

    `key` is the raw JSON object of the key attributes, canonical (names in key-schema order,
    numbers normalised) so that equal keys are equal bytes; `image` is the new image as a raw
    item, None for a removal; `sequence` the SequenceNumber; `created` epoch seconds (whole
    seconds, as the service gives it; 0 where it gives none); `by_service` marks deletions by TTL;
    `old` is the old image, where that is asked for and there is one.
    """

    key: bytes
    image: Item | None
    sequence: str
    created: float
    by_service: bool = False
    old: Item | None = None


@dataclass(frozen=True, slots=True)
class ChangePage:
    """One answer of GetRecords: its changes in order.

    `position` is where to go on (a sequence number to go on AFTER, or the one it began with when
    nothing has been read yet); `at_tip` whether nothing newer was there when it was read; `ended`
    whether the shard is closed and wholly read; `asked` when it was asked for, by the clock of the
    source (epoch seconds), inf where that is not known.
    """

    changes: Sequence[Change]
    position: str | None
    at_tip: bool
    ended: bool
    asked: float = math.inf


@dataclass(frozen=True, slots=True)
class Route:
    """The node that writes a change; `epoch` counts how often the nodes in use have changed."""

    node: str
    epoch: int


@dataclass(frozen=True, slots=True)
class ChangeBatch:
    """Changes of different keys, as WriteRequests packed for one BatchWriteItem of one node."""

    requests: Sequence[Item]
    size: int
    route: Route


@dataclass(frozen=True, slots=True)
class Reject:
    """An item that the target refuses, with the server's reason. As a `change` that puts or
    deletes it, it was followed; a deletion has but the key as its item. With `source` a transform
    refuses it, as the source has it; `key` is then its key in the target's names, and `trace` the
    traceback."""

    item: Item
    error: str
    message: str
    change: Literal["", "put", "delete"] = ""
    source: bool = False
    key: bytes = b""
    trace: str = ""


@dataclass(frozen=True, slots=True)
class Limits:
    """The largest BatchWriteItem: items, and bytes of items (a single item may exceed `size`;
    nothing may exceed the 16 MB of a request)."""

    items: int
    size: int = 1_100_000


def settled(
    items: Counts, changes: ChangeCounts | None, rejects: int
) -> tuple[Counts, ChangeCounts | None]:
    """The counts, when no more than `rejects` items and changes together are refused still."""
    items = items.settled(min(items.rejected, rejects))
    left = rejects - items.rejected
    return items, changes and changes.settled(min(changes.rejected, left))


@dataclass(frozen=True, slots=True)
class Difference:
    """A difference that was still there after the last look.

    `key` is the item's key on the target as a JSON object, `attributes` the names of those that
    differ; `source` and `target` are the items as last seen; `refused` is why a repair was not
    taken, or "".
    """

    kind: DifferenceKind
    key: bytes
    attributes: tuple[str, ...] = ()
    source: Item | None = None
    target: Item | None = None
    repaired: bool = False
    refused: str = ""


KEPT_SECONDS: Final = 86_400.0
"""For how long a stream keeps a change, and lists a shard."""


FIRST_READERS: Final = 16
"""Segments read at once before it is found how many are best."""


@dataclass(frozen=True, slots=True)
class Concurrency:
    """The most segments read and the most batches written at once, and the most bytes that wait
    between the two."""

    readers: int = 64
    writers: int = 64
    queue_bytes: int = 8_000_000
