"""Traits of the streams of DynamoDB, DynamoDB Local and Alternator, as values.

The times of DynamoDB Local are whole minutes. Alternator shows a change ten seconds after it is
made.
"""

from dataclasses import dataclass
from math import inf
from typing import Final

from alternator_migrate.core.model import KEPT_SECONDS
from alternator_migrate.dynamodb import stream_wire

READ_SECONDS: Final = 0.2
_FEWEST: Final = 1000
WRITE_ISOLATION: Final = "system:write_isolation"
ALWAYS: Final = ("a", "always", "always_use_lwt")
"""The isolation of a table of which every write is a round of Paxos (LWT)."""
_SQUASHED: Final = (
    "Before ScyllaDB 2026.2 a stream lacks changes that batches make while write isolation is "
    "`always`, and it keeps such records for 24 hours. Set the source table's tag "
    "system:write_isolation to only_rmw_uses_lwt and disable its stream; then follow anew with "
    "`follow --fresh`, and when that has caught up make the rest equal with "
    "`validate --repair --delete-extra`; or, and where the copy was not complete, empty the target "
    "and copy anew with `run --fresh`."
)


@dataclass(frozen=True, slots=True)
class StreamTraits:
    """Traits of a server's streams: `limited` to five reads a second and shard, which all its
    readers share, and ten of the list; the number of empty answers in a row at the tip (0: any
    answer that was not cut is the tip); the lowest Limit for answers that would be too large;
    seconds between reads of an idle shard; for how many seconds changes are `kept`, where that can
    be relied on; delay and skew as in `ChangeSource`; the remedy where a record contradicts
    itself."""

    limited: bool
    empty_at_tip: int
    fewest: int
    idle: float = READ_SECONDS
    kept: float = 0.0
    delay: float = 0.0
    skew: float = 900.0
    remedy: str = stream_wire.REMEDY


_DYNAMODB: Final = StreamTraits(
    limited=True, empty_at_tip=10, fewest=_FEWEST, idle=0.5, kept=KEPT_SECONDS
)
_DYNAMODB_LOCAL: Final = StreamTraits(limited=False, empty_at_tip=0, fewest=50)
# Alternator hands out no part of a batch of 100 changes: a lower Limit would stand still.
ALTERNATOR: Final = StreamTraits(
    limited=False, empty_at_tip=10, fewest=128, delay=10.0, skew=inf, remedy=_SQUASHED
)


def shown_late(arn: str) -> float:
    """The seconds by which a stream of this ARN shows changes late."""
    return traits_of(arn).delay


def has_every_change(arn: str) -> bool:
    """Whether the ARN of an Alternator's stream is that of ScyllaDB 2026.2 or later, whose streams
    lack nothing."""
    return arn.startswith("arn:")


def squash_warning(isolation: str) -> str | None:
    """The warning before an older Alternator's table of this write `isolation` is followed, ""
    where that is not known; None where its stream has every change."""
    if isolation and isolation not in ALWAYS:
        return None
    said = f"is `{isolation}`:" if isolation else "is not known: if it is `always`,"
    return (
        f"the source's write isolation {said} before ScyllaDB 2026.2 its stream lacks changes "
        "that a BatchWriteItem makes in one partition; set its tag system:write_isolation to "
        "only_rmw_uses_lwt before it is followed, and validate at the end"
    )


def traits_of(arn: str) -> StreamTraits:
    """The traits of the server that gave its stream this ARN."""
    if ":ddblocal:" in arn:
        return _DYNAMODB_LOCAL
    if not arn.startswith("arn:") or arn.endswith("_scylla_cdc_log") or "_scylla_cdc_log/" in arn:
        return ALTERNATOR
    return _DYNAMODB
