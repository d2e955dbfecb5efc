"""State: where a copy, the following of changes and a validation stand, as savepoints keep it."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final, Literal, TypeAlias

from alternator_migrate.core.counts import ChangeCounts, Counts, ValidationCounts
from alternator_migrate.core.model import Position, Role, settled


class Status(StrEnum):
    """How a run stands or ended, in the words of savepoints, summaries and hooks; a table among
    many waits before it runs."""

    WAITING = "waiting"
    RUNNING = "running"
    STOPPED = "stopped"
    FAILED = "failed"
    COMPLETED = "completed"
    REJECTS = "rejects"
    DIFFERENCES = "differences"

    @property
    def is_final(self) -> bool:
        """Whether all that was asked for is done."""
        return self in (Status.COMPLETED, Status.REJECTS, Status.DIFFERENCES)

    @property
    def exit_code(self) -> int | None:
        """The exit code of a run that came to its end; None where a signal or an error ended it,
        which has a code of its own."""
        if not self.is_final:
            return None
        return 0 if self == Status.COMPLETED else 3


class FollowPhase(StrEnum):
    """Where changes go: into the spool beside the copy, from there to the target, straight to the
    target, or nowhere any more because the stream is being disabled at the end, or has been."""

    SPOOL = "spool"
    REPLAY = "replay"
    LIVE = "live"
    ENDING = "ending"
    OVER = "over"

    @property
    def keeps(self) -> bool:
        """Whether changes that are read now are kept, and not written as they come."""
        return self in (FollowPhase.SPOOL, FollowPhase.REPLAY)

    def to(self, phase: "FollowPhase") -> "FollowPhase":
        """`phase`, which comes after this one. Raises `ValueError` for one that never does."""
        if phase not in _NEXT[self]:
            raise ValueError(f"following goes on from {self} to {phase}")
        return phase


_NEXT: Final[Mapping[FollowPhase, Collection[FollowPhase]]] = {
    FollowPhase.SPOOL: (FollowPhase.REPLAY, FollowPhase.LIVE),
    FollowPhase.REPLAY: (FollowPhase.LIVE,),
    FollowPhase.LIVE: (FollowPhase.ENDING, FollowPhase.SPOOL, FollowPhase.REPLAY),
    FollowPhase.ENDING: (FollowPhase.OVER, FollowPhase.LIVE),
    FollowPhase.OVER: (),
}
"""Without a copy nothing is kept; where more segments are to be copied later, or while a run is
held back, changes are kept again; a stream that was not disabled in time is followed on."""


@dataclass(frozen=True, slots=True)
class SpoolState:
    """The durable part of a spool: `folder` is its name beside the savepoints; `files` has for each
    part its generation and length in bytes, `replayed` how far it was applied; `changes` wait in
    it."""

    folder: str
    files: Mapping[int, tuple[int, int]] = field(default_factory=dict)
    replayed: Mapping[int, int] = field(default_factory=dict)
    changes: int = 0


@dataclass(frozen=True, slots=True)
class FollowState:
    """Following as a savepoint keeps it.

    `shards` has the sequence number to go on after for each shard not done (None: from its
    oldest change), `ended` the shards that are done. `enabled_here` says that this tool enabled
    the stream, or, with an `arn` of "", that it was about to; `snapshot` that a copy goes with it.
    Following begins with what was made at `placed_at`, and was handled up to `watermark` (epoch
    seconds; both are 0 before the place is known). `lag` was that of live following, seconds.
    """

    arn: str
    enabled_here: bool = False
    snapshot: bool = True
    phase: FollowPhase = FollowPhase.SPOOL
    shards: Mapping[str, str | None] = field(default_factory=dict)
    ended: frozenset[str] = frozenset()
    placed_at: float = 0.0
    watermark: float = 0.0
    lag: float | None = None
    counts: ChangeCounts = field(default_factory=ChangeCounts)
    spool: SpoolState | None = None


@dataclass(frozen=True, slots=True)
class ExportState:
    """The export that a table is copied from, as a savepoint keeps it.

    `asked` is a digest of what the configuration says of it. `token` is the client token that it is
    asked for with ("": not yet), `arn` its own name once it is made ("" before); `manifests` are
    where the summaries of it and of those after it are, once all are complete. `digest` tells their
    data files from others, once a copy of them has begun.
    """

    asked: str
    token: str = ""
    arn: str = ""
    manifests: tuple[str, ...] = ()
    digest: str = ""


ValidationStage: TypeAlias = Literal["digests", "details"]


@dataclass(frozen=True, slots=True)
class CopyState:
    """The acknowledged part of a table's copy, as a savepoint keeps it.

    `positions` has the key to go on after for each segment begun and not done; the counts are
    those of wholly acknowledged pages before these positions, and so always accounted for.
    `stream` is None where no changes are followed.
    """

    done: frozenset[int] = frozenset()
    positions: Mapping[int, Position] = field(default_factory=dict)
    items: Counts = field(default_factory=Counts)
    bytes_read: int = 0
    batches: int = 0
    stream: FollowState | None = None

    @property
    def rejected(self) -> int:
        """Items and changes that the target refused."""
        return self.items.rejected + (self.stream.counts.rejected if self.stream else 0)

    def settled(self, rejects: int) -> "CopyState":
        """The same, when no more than `rejects` of the refused are refused still."""
        changes = self.stream.counts if self.stream else None
        items, counts = settled(self.items, changes, rejects)
        stream = self.stream
        if stream and counts:
            stream = replace(stream, counts=counts)
        return replace(self, items=items, stream=stream)


@dataclass(frozen=True, slots=True)
class ValidationState:
    """A validation as its savepoint keeps it.

    In the stage "digests" both sides are read once, and `digests` is the state of their sums; in
    "details" items are looked up one by one, in the buckets that differ by `digests`, or all of
    them where there are none. `now` (epoch seconds) decides which items count as expired, `seed`
    what is drawn; `segments` is their total, of which `sampled` are read (0: all). `findings` is
    the path of the file of findings, of which the first `findings_size` bytes count: none at all
    where that is 0.
    """

    stage: ValidationStage
    now: int
    seed: str
    segments: int
    findings: str
    sampled: int = 0
    sides: Mapping[Role, CopyState] = field(default_factory=dict)
    digests: bytes = b""
    validated: ValidationCounts = field(default_factory=ValidationCounts)
    findings_size: int = 0
