"""The words of the house: small frozen values that every other room speaks with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol, TypeAlias

from alternator_migrate.changes import ChangeCounts, Following, StreamStanding

Position: TypeAlias = bytes
"""Where to go on in a segment: the raw JSON of a LastEvaluatedKey. None means its start."""

Role: TypeAlias = Literal["source", "target"]
Difference: TypeAlias = Literal["missing", "different", "extra"]
Stage: TypeAlias = Literal["digests", "details"]


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
    `skipped` were expired and left out; `position` is None on the segment's last page.
    """

    items: Sequence[Item]
    size: int
    position: Position | None
    read: int
    skipped: int = 0


@dataclass(frozen=True, slots=True)
class Batch:
    """Items of one page, packed for one BatchWriteItem; `page` is the page's number in its
    segment, in the order of reading."""

    segment: int
    page: int
    items: Sequence[Item]
    size: int


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
    seconds, as the service gives it; 0 where it gives none); `by_service` marks deletions by TTL.
    """

    key: bytes
    image: Item | None
    sequence: str
    created: float
    by_service: bool = False


@dataclass(frozen=True, slots=True)
class ChangePage:
    """One answer of GetRecords: its changes in order.

    `position` is where to go on (a sequence number to go on AFTER, or the one it began with when
    nothing has been read yet); `at_tip` whether nothing newer was there when it was read; `ended`
    whether the shard is closed and wholly read.
    """

    changes: Sequence[Change]
    position: str | None
    at_tip: bool
    ended: bool


@dataclass(frozen=True, slots=True)
class Home:
    """The node that writes a change; `epoch` counts how often the nodes in use have changed."""

    node: str
    epoch: int


@dataclass(frozen=True, slots=True)
class ChangeBatch:
    """Changes of different keys, as WriteRequests packed for one BatchWriteItem of one node."""

    requests: Sequence[Item]
    size: int
    home: Home


@dataclass(frozen=True, slots=True)
class Reject:
    """An item that the target refuses, with the server's reason. As a `change` that puts or
    deletes it, it was followed; a deletion has but the key as its item."""

    item: Item
    error: str
    message: str
    change: Literal["", "put", "delete"] = ""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one BatchWriteItem may carry: items, and bytes of items (a single item may
    exceed `size`; nothing may exceed the 16 MB of a request)."""

    items: int
    size: int = 1_100_000


@dataclass(frozen=True, slots=True)
class Counts:
    """Items of one table, since the start of the migration."""

    read: int = 0
    written: int = 0
    skipped_expired: int = 0
    rejected: int = 0

    @property
    def handled(self) -> int:
        """Items that are done with: written + skipped_expired + rejected."""
        return self.written + self.skipped_expired + self.rejected

    @property
    def accounted(self) -> bool:
        """Whether read = written + skipped_expired + rejected."""
        return self.read == self.handled

    def settled(self, rejects: int) -> "Counts":
        """The same, when of the rejected ones `rejects` are left and the others were written."""
        gone = self.rejected - rejects
        return replace(self, written=self.written + gone, rejected=rejects)

    def plus(self, other: "Counts") -> "Counts":
        """The sum of both."""
        return Counts(
            self.read + other.read,
            self.written + other.written,
            self.skipped_expired + other.skipped_expired,
            self.rejected + other.rejected,
        )


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a table's copy is acknowledged: what a savepoint keeps.

    `positions` has the key to go on after for each segment begun and not done; the counts are
    those of wholly acknowledged pages before these positions, and so always accounted for.
    `stream` is None where no changes are followed.
    """

    done: frozenset[int] = frozenset()
    positions: Mapping[int, Position] = field(default_factory=dict)
    items: Counts = field(default_factory=Counts)
    bytes_read: int = 0
    batches: int = 0
    stream: StreamStanding | None = None

    @property
    def rejected(self) -> int:
        """Items and changes that the target refused."""
        return self.items.rejected + (self.stream.counts.rejected if self.stream else 0)

    def settled(self, rejects: int) -> "Standing":
        """The same, when no more than `rejects` of the refused are refused still."""
        changes = self.stream.counts if self.stream else None
        items, counts = settled(self.items, changes, rejects)
        stream = self.stream
        if stream and counts:
            stream = replace(stream, counts=counts)
        return replace(self, items=items, stream=stream)


def settled(
    items: Counts, changes: ChangeCounts | None, rejects: int
) -> tuple[Counts, ChangeCounts | None]:
    """The counts, when no more than `rejects` items and changes together are refused still."""
    items = items.settled(min(items.rejected, rejects))
    left = rejects - items.rejected
    return items, changes and changes.settled(min(changes.rejected, left))


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a validation found: `compared` items of the source, differences by kind, and how many
    of these are repaired."""

    compared: int = 0
    missing: int = 0
    different: int = 0
    extra: int = 0
    repaired: int = 0

    @property
    def found(self) -> int:
        """Differences of all kinds, repaired or not."""
        return self.missing + self.different + self.extra

    @property
    def left(self) -> int:
        """Differences that are there still."""
        return self.found - self.repaired

    def plus(self, other: "Verdict") -> "Verdict":
        """The sum of both."""
        return Verdict(
            self.compared + other.compared,
            self.missing + other.missing,
            self.different + other.different,
            self.extra + other.extra,
            self.repaired + other.repaired,
        )


@dataclass(frozen=True, slots=True)
class Finding:
    """A difference that was still there after the last look.

    `key` is the item's key on the target as a JSON object, `attributes` the names of those that
    differ; `source` and `target` are the items as last seen; `refused` is why a repair was not
    taken, or "".
    """

    kind: Difference
    key: bytes
    attributes: tuple[str, ...] = ()
    source: Item | None = None
    target: Item | None = None
    repaired: bool = False
    refused: str = ""


@dataclass(frozen=True, slots=True)
class Comparison:
    """How far a validation is: what its savepoint keeps.

    In the stage "digests" both sides are read once, and `digests` is the state of their sums; in
    "details" items are looked up one by one, in the buckets that differ by `digests`, or all of
    them where there are none. `now` (epoch seconds) decides which items count as expired, `seed`
    what is drawn; `segments` is their total, of which `sampled` are read (0: all). `findings` is
    the path of the file of findings, of which the first `findings_size` bytes count: none at all
    where that is 0.
    """

    stage: Stage
    now: int
    seed: str
    segments: int
    findings: str
    sampled: int = 0
    sides: Mapping[Role, Standing] = field(default_factory=dict)
    digests: bytes = b""
    verdict: Verdict = Verdict()
    findings_size: int = 0


@dataclass(frozen=True, slots=True)
class Progress:
    """One snapshot of a table's migration; every output reads this and nothing else.

    `state` is what is going on ("copying", "building index by-city", ...), `paced` why it is
    slower than it could be, or "". `expected` is the server's own, stale, item count; `speed` is
    in items a second, of what this run has copied or compared. In the phase "Validate" `examined`
    and `expected` count the items of both sides; `verdict` is None where nothing was validated.
    """

    source: str
    target: str
    state: str = "starting"
    phase: Literal["Copy", "Validate"] = "Copy"
    segments_total: int = 0
    segments_done: int = 0
    items: Counts = field(default_factory=Counts)
    expected: int = 0
    bytes_read: int = 0
    batches: int = 0
    backlog: int = 0
    retries: int = 0
    throttled: int = 0
    paced: str = ""
    speed: float = 0.0
    examined: int = 0
    verdict: Verdict | None = None
    changes: Following | None = None

    @property
    def handled(self) -> int:
        """Items that are done with, in the way of the phase."""
        if self.phase == "Validate":
            return self.examined
        return self.items.handled

    @property
    def rejected(self) -> int:
        """Items and changes that the target refused."""
        return self.items.rejected + (self.changes.counts.rejected if self.changes else 0)

    @property
    def fraction(self) -> float:
        """How much is done, 0 to 1: by items, or by segments where the expected count is
        absent or already passed; all of it where only changes are followed."""
        whole = self.segments_done == self.segments_total
        if whole and (self.segments_total or self.changes):
            return 1.0
        if self.expected and max(self.items.read, self.examined) <= self.expected:
            return self.handled / self.expected
        return self.segments_done / self.segments_total if self.segments_total else 0.0
