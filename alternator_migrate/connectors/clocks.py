"""The clocks of this machine and of both sides: the time by which items expire, and warnings."""

import time
from collections.abc import Iterator
from typing import Final

from alternator_migrate.config import Settings
from alternator_migrate.connectors.s3_export import ExportSide
from alternator_migrate.connectors.service import Service
from alternator_migrate.core.texts import duration
from alternator_migrate.dynamodb.table_schema import TableState

_SIGNED_SECONDS: Final = 300.0
_JUDGED_SECONDS: Final = 10.0
"""A Date header has whole seconds, and comes after a round trip: what is less may be none."""
_FOLLOWED_SECONDS: Final = 5.0
_SIGNED: Final = "signatures more than 15 minutes off are refused"
_FOLLOWED: Final = "the lag, and whether the target has caught up, are told by the source's clock"
_JUDGED: Final = {
    True: "an item counts as expired only where both say so, so that some that have are copied",
    False: "items that have expired there since are copied",
}
"""By whether this clock is ahead."""


def expiry_time(*sides: Service | ExportSide) -> float:
    """The time by which items expire, in epoch seconds: that of this machine, or of the first of
    these sides that tells its own, whichever is earlier. An item has expired only where both clocks
    say so: what is skipped is lost to the target."""
    telling = next((side for side in sides if side.skew is not None), None)
    return min(time.time(), time_of(telling)) if telling else time.time()


def time_of(side: Service | ExportSide) -> float:
    """What time it is at least by the clock of a side, in epoch seconds; where that tells none, by
    this machine's."""
    return time.time() - (side.skew or 0.0)


def clock_warnings(
    source: Service | ExportSide | None,
    target: Service,
    *,
    judged: bool,
    followed: bool = False,
    told: set[str] | None = None,
) -> Iterator[str]:
    """What a person should know of clocks that differ, once for a side: those `told` of are left
    out. `judged` says that items of the source are left out which have expired, `followed` that its
    changes are followed."""
    told = set() if told is None else told
    for role, side in (("source", source), ("target", target)):
        skew = side.skew if side else None
        if skew is None or role in told:
            continue
        effects = [*_effects(skew, judged=judged, followed=followed)] if role == "source" else []
        effects += [_SIGNED] if abs(skew) > _SIGNED_SECONDS else []
        if not effects:
            continue
        told.add(role)
        yield (
            f"this machine's clock is {duration(abs(skew))} {'ahead of' if skew > 0 else 'behind'} "
            f"the {role}'s: {'; '.join(effects)}"
        )


def _effects(skew: float, *, judged: bool, followed: bool) -> Iterator[str]:
    if judged and abs(skew) > _JUDGED_SECONDS:
        yield _JUDGED[skew > 0]
    if followed and abs(skew) > _FOLLOWED_SECONDS:
        yield _FOLLOWED


def judges_expiry(settings: Settings, table: TableState) -> bool:
    """Whether items of a source table are left out which have expired."""
    return settings.source.expired_items == "skip" and table.spec.ttl_attribute is not None
