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
_SIGNED: Final = "signatures more than 15 minutes off are refused"
_JUDGED: Final = {
    True: "an item counts as expired only where both say so, so that some that have are copied",
    False: "items that have expired there since are copied",
}
"""By whether this clock is ahead."""


def expiry_time(*sides: Service | ExportSide) -> float:
    """The time by which items expire, in epoch seconds: that of this machine, or of the first of
    these sides that tells its own, whichever is earlier. An item has expired only where both clocks
    say so: what is skipped is lost to the target."""
    ahead = next((side.skew for side in sides if side.skew is not None), 0.0)
    return time.time() - max(ahead, 0.0)


def clock_warnings(
    source: Service | ExportSide | None, target: Service, *, judged: bool
) -> Iterator[str]:
    """What a person should know of clocks that differ; `judged` says that items of the source are
    left out which have expired."""
    for role, side in (("source", source), ("target", target)):
        skew = side.skew if side else None
        is_judging = judged and role == "source"
        if skew is None or abs(skew) <= (_JUDGED_SECONDS if is_judging else _SIGNED_SECONDS):
            continue
        effects = [_JUDGED[skew > 0]] if is_judging else []
        effects += [_SIGNED] if abs(skew) > _SIGNED_SECONDS else []
        yield (
            f"this machine's clock is {duration(abs(skew))} {'ahead of' if skew > 0 else 'behind'} "
            f"the {role}'s: {'; '.join(effects)}"
        )


def judges_expiry(settings: Settings, table: TableState) -> bool:
    """Whether items of a source table are left out which have expired."""
    return settings.source.expired_items == "skip" and table.spec.ttl_attribute is not None
