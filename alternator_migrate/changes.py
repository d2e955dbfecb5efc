"""The words of following: what is counted, kept and shown of changes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

StreamPhase: TypeAlias = Literal["spool", "replay", "live", "ending", "over"]
"""Where changes go: into the spool beside the copy, from there to the target, straight to the
target, or nowhere any more because the stream is being disabled at the end, or has been."""


@dataclass(frozen=True, slots=True)
class ChangeCounts:
    """Changes of one table, since following began.

    Of those `read`, the `superseded` ones were followed by a newer change of their key before
    they were written; `expired` of the `applied` ones are deletions by TTL.
    """

    read: int = 0
    applied: int = 0
    superseded: int = 0
    rejected: int = 0
    expired: int = 0

    @property
    def accounted(self) -> bool:
        """Whether read = applied + superseded + rejected."""
        return self.read == self.applied + self.superseded + self.rejected

    def plus(self, other: "ChangeCounts") -> "ChangeCounts":
        """The sum of both."""
        return ChangeCounts(
            self.read + other.read,
            self.applied + other.applied,
            self.superseded + other.superseded,
            self.rejected + other.rejected,
            self.expired + other.expired,
        )


@dataclass(frozen=True, slots=True)
class SpoolStanding:
    """What of a spool is durable: `folder` is its name beside the savepoints; `files` has for
    each part its generation and length in bytes, `replayed` how far it was applied; `changes`
    wait in it."""

    folder: str
    files: Mapping[int, tuple[int, int]] = field(default_factory=dict)
    replayed: Mapping[int, int] = field(default_factory=dict)
    changes: int = 0


@dataclass(frozen=True, slots=True)
class StreamStanding:
    """How far a table's stream was dealt with: what a savepoint keeps.

    `shards` has the sequence number to go on after for each shard not done (None: from its
    oldest change), `ended` the shards that are done. `enabled_here` says that this tool enabled
    the stream, or, with an `arn` of "", that it was about to; `snapshot` that a copy goes with it.
    Following begins with what was made at `placed_at`, and was dealt with up to `fresh_at` (epoch
    seconds; both are 0 before the place is known). `lag` was that of live following, seconds.
    """

    arn: str
    enabled_here: bool = False
    snapshot: bool = True
    phase: StreamPhase = "spool"
    shards: Mapping[str, str | None] = field(default_factory=dict)
    ended: frozenset[str] = frozenset()
    placed_at: float = 0.0
    fresh_at: float = 0.0
    lag: float | None = None
    counts: ChangeCounts = field(default_factory=ChangeCounts)
    spool: SpoolStanding | None = None


@dataclass(frozen=True, slots=True)
class Following:
    """One snapshot of how changes are followed.

    `waiting` changes were read and are not applied, those in the spool included; `lag` is in
    seconds, None while it cannot be told; `caught_up` says that the rule for it holds.
    """

    counts: ChangeCounts
    waiting: int = 0
    lag: float | None = None
    shards: int = 0
    caught_up: bool = False
