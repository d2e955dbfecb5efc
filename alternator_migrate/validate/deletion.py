"""The items that only the target has: found by a comparison, deleted once a person agrees."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any, Final, TypeAlias

from alternator_migrate.core.counts import ValidationCounts
from alternator_migrate.core.model import Difference
from alternator_migrate.core.ports import Repairer
from alternator_migrate.validate.findings_file import FindingsFile

Ask: TypeAlias = Callable[[int, Sequence[str]], Coroutine[Any, Any, bool]]
"""Asks a person whether so many items may be deleted, whose first keys are given."""
SHOWN: Final = 5
_AT_ONCE: Final = 100


class Deletion:
    """Deletes the items of the target that the findings file calls extra. `repairer` looks at each
    of them on both sides again: one that is on the source by now stays."""

    def __init__(self, findings: FindingsFile, repairer: Repairer) -> None:
        self._findings, self._repairer = findings, repairer

    def first_keys(self) -> Sequence[str]:
        """The keys of the first items that would be deleted, as JSON."""
        extra = (each for each in self._findings.all() if _is_open(each))
        return [each.key.decode() for each in islice(extra, SHOWN)]

    async def run(self, stop: asyncio.Event, settled: Callable[[ValidationCounts], None]) -> bool:
        """Delete them, and put what is known of each into the findings file; `settled` gets by how
        much the counts have changed. Returns whether all were dealt with: once `stop` is set, what
        is left stays as it was found. Raises `MigrateError`.
        """
        after = self._findings.beside()
        everything = self._findings.all()
        while found := [*islice(everything, _AT_ONCE)]:
            extra = [each for each in found if _is_open(each)]
            if stop.is_set() or not extra:
                after.keep(found)
                continue
            now = {each.key: each for each in await self._repairer.repair(extra)}
            kept = [each for each in found if not _is_open(each) or each.key in now]
            after.keep([_as_now(each, now) if _is_open(each) else each for each in kept])
            settled(
                ValidationCounts(
                    extra=len(now) - len(extra),
                    repaired=sum(each.repaired for each in now.values()),
                )
            )
        self._findings.become(after)
        return not stop.is_set()


def _is_open(difference: Difference) -> bool:
    return difference.kind == "extra" and not difference.repaired


def _as_now(before: Difference, now: dict[bytes, Difference]) -> Difference:
    """The finding with what became of it; the items are those of the comparison."""
    seen = now[before.key]
    return replace(before, repaired=seen.repaired, refused=seen.refused)
