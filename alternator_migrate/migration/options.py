"""A migration as a person asks for it."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Until:
    """The end of following: by itself when caught up, or not; with the stream disabled if it was
    enabled here, or not."""

    caught_up: bool = False
    disable_stream: bool = False


FOR_EVER: Final = Until()


@dataclass(frozen=True, slots=True)
class MigrateOptions:
    """A migration as a person asks for it: `into_existing` accepts a target that holds items,
    `fresh` begins anew, `makes_table` lets changes alone make the target, `until` says when
    following ends, the transform may have `transform_changed` since an earlier savepoint, a
    comparison comes after it (`validates`), and savepoints older than `fresh_since` (epoch seconds)
    do not count."""

    into_existing: bool = False
    fresh: bool = False
    makes_table: bool = True
    until: Until = FOR_EVER
    transform_changed: bool = False
    validates: bool = False
    fresh_since: float = 0.0
