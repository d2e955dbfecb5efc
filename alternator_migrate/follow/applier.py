"""Applies changes to the target, in the order of each key."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol, TypeAlias

from alternator_migrate.core.batching import fold
from alternator_migrate.core.counts import ChangeCounts
from alternator_migrate.core.limiter import Limiter
from alternator_migrate.core.model import Change, ChangeBatch, Item, Reject
from alternator_migrate.core.ports import RejectBook, Target

Needed: TypeAlias = tuple[Sequence[Change], ChangeCounts]
"""Changes that are to be written, and the counts of others."""


class ChangeShaper(Protocol):
    """Makes of a source's changes those that the target is to have."""

    async def __call__(self, changes: Sequence[Change]) -> Needed:
        """The changes, in order, and the counts of those that come to nothing. Raises
        `MigrateError`."""
        ...


class SinceFilter:
    """Leaves out the changes made before `needed_from` (epoch seconds), which a copy has. Their
    times are not exact: what follows a needed one, in its shard or the next, is needed too, and so
    is what has none."""

    def __init__(self, needed_from: float) -> None:
        self._needed_from = needed_from
        self._passed: set[str] = set()

    def __call__(self, shard: str, parent: str | None, changes: Sequence[Change]) -> Needed:
        """The needed ones of a page of `shard`, and the counts of the others."""
        if not changes:
            return changes, ChangeCounts()
        first = 0
        if self._passed.isdisjoint((shard, parent)):
            while first < len(changes) and 0 < changes[first].created < self._needed_from:
                first += 1
        if first < len(changes):
            self._passed.add(shard)
        return changes[first:], ChangeCounts(read=first, superseded=first)


class Applier:
    """Writes changes to the target: of each key the last one, all keys at once.

    A change whose image is not `wanted` (in the source's names) is written as the deletion of
    its key: the item left the filter, or never was in it. At most so many batches are written at
    once as the `limiter` lets in. `reshape` leaves out and renames the attributes of an image or a
    key.
    """

    def __init__(
        self,
        target: Target,
        rejects: RejectBook,
        limiter: Limiter,
        reshape: Callable[[Item], Item] | None = None,
        wanted: Callable[[Item], bool] | None = None,
    ) -> None:
        self._target, self._rejects = target, rejects
        self._limiter = limiter
        self._reshape, self._wanted = reshape, wanted
        self.backlog = 0

    async def __call__(self, changes: Sequence[Change]) -> ChangeCounts:
        """Write `changes`, in order; return when all of them are acknowledged.

        Raises `MigrateError`, or an exception group of them.
        """
        if not changes:
            return ChangeCounts()
        last = self._shaped(fold(changes))
        refused = await self._write(self._target.batches(last))
        self._rejects.overtaken(last, refused)
        return ChangeCounts(
            read=len(changes),
            applied=len(last) - len(refused),
            superseded=len(changes) - len(last),
            rejected=len(refused),
            expired=sum(change.by_service for change in last),
        )

    async def _write(self, batches: Sequence[ChangeBatch]) -> Sequence[Reject]:
        """Write batches at once; the changes that were refused."""
        if len(batches) == 1:
            return await self._one(batches[0])
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._one(batch)) for batch in batches]
        return [reject for task in tasks for reject in task.result()]

    async def _one(self, batch: ChangeBatch) -> Sequence[Reject]:
        self.backlog += 1
        try:
            async with self._limiter.slot():
                refused = await self._target.apply(batch)
        finally:
            self.backlog -= 1
        if refused:
            self._rejects.keep(refused)
        return refused

    def _shaped(self, changes: Sequence[Change]) -> Sequence[Change]:
        wanted, reshape = self._wanted, self._reshape
        if wanted is not None:
            changes = [
                change
                if change.image is None or wanted(change.image)
                else replace(change, image=None)
                for change in changes
            ]
        if reshape is None:
            return changes
        return [
            replace(
                change,
                key=bytes(reshape(change.key)),
                image=change.image and reshape(change.image),
            )
            for change in changes
        ]
