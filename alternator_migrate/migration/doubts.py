"""Doubts: what a migration leaves to a validation, as no copy and no change of it brings it."""

import math

from alternator_migrate.config import validation_identity, validation_shape
from alternator_migrate.connectors import Pair, what_is_not_followed, what_stayed
from alternator_migrate.core.state import Status
from alternator_migrate.savepoints import Resume, Savepoint, Store


async def doubts_of(resume: Resume, pair: Pair, earlier: Savepoint | None) -> list[str]:
    """Warnings of what the target may lack, or have too much of, by what an `earlier` run did;
    none that a validation has settled since."""
    if earlier is None:
        return []
    doubts, stream = list[tuple[float, str]](), earlier.state.stream
    if earlier.over_items_at:
        doubts.append((earlier.over_items_at, what_stayed()))
    if stream and not stream.snapshot:
        text = await what_is_not_followed(pair, begins=False)
        doubts.append((stream.placed_at or math.inf, text))
    equal_at = _equal_at(resume, pair) if doubts else 0.0
    return [text for since, text in doubts if since >= equal_at]


def _equal_at(resume: Resume, pair: Pair) -> float:
    """When (epoch seconds) the last whole validation of these tables began, as the configuration
    would have them compared now, if it found them equal; 0 without one."""
    settings, found = resume.loaded.settings, pair.inspection
    ids = found.source.id, found.existing.id if found.existing else ""
    wanted = validation_shape(settings), resume.transform, *ids
    for _, point in Store(resume.store.place, validation_identity(settings)).readable():
        this = point.shape, point.transform, point.source_id, point.target_id
        if point.comparison and point.status.is_final and this == wanted:
            return float(point.comparison.now) if point.status == Status.COMPLETED else 0.0
    return 0.0
