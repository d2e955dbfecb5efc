"""Joinery of endings: whether a migration that was completed once still is."""

from typing import Final

from alternator_migrate import savepoints
from alternator_migrate.config import Settings
from alternator_migrate.connectors import Inspection, lacking
from alternator_migrate.savepoints import Savepoint

DONE: Final = ("completed", "rejects")


def is_over(settings: Settings, savepoint: Savepoint) -> bool:
    """Whether a savepoint says that nothing is left to do; following goes on whenever it is asked
    for."""
    stream = savepoint.state.stream
    over = not settings.target.stream_changes or (stream is not None and stream.phase == "over")
    return over and savepoint.status in DONE


def what_lacks(
    settings: Settings, savepoint: Savepoint, found: Inspection, *, is_part: bool
) -> list[str]:
    """What the configuration asks for beyond what was done and is there, for a person. To a part
    (see `parts`) belong its segments only, to following alone nothing."""
    left = savepoints.left(settings, savepoint)
    missing = [f"segment {each.index}" for each in found.segments if each.index in left]
    if is_part or settings.target.skip_initial_snapshot_transfer or found.existing is None:
        return missing
    return missing + lacking(found.plan, found.existing)
