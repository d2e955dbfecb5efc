"""Joinery of endings: whether a migration that was completed once still is."""

from typing import Final

from alternator_migrate import resume
from alternator_migrate.config import Settings
from alternator_migrate.migration import Findings
from alternator_migrate.savepoint import Savepoint
from alternator_migrate.tables import lacking

DONE: Final = ("completed", "rejects")


def is_over(settings: Settings, savepoint: Savepoint) -> bool:
    """Whether a savepoint says that nothing is left to do; following goes on whenever it is asked
    for."""
    stream = savepoint.standing.stream
    over = not settings.target.stream_changes or (stream is not None and stream.phase == "over")
    return over and savepoint.status in DONE


def lacks(settings: Settings, savepoint: Savepoint, found: Findings, *, is_part: bool) -> list[str]:
    """What the configuration asks for beyond what was done and is there, for a person. To a part
    (see `parts`) belong its segments only, to following alone nothing."""
    left = resume.left(settings, savepoint)
    missing = [f"segment {each.index}" for each in found.segments if each.index in left]
    if is_part or settings.target.skip_initial_snapshot_transfer or found.existing is None:
        return missing
    return missing + lacking(found.plan, found.existing)
