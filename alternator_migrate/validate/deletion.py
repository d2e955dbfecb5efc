"""The items that only the target has: found by a comparison, deleted once a person agrees."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any, Final, TypeAlias

from alternator_migrate.core.counts import ValidationCounts
from alternator_migrate.core.errors import MigrateError
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
        self.change = ValidationCounts()
        """By how much the counts will change once the findings file says so."""

    def first_keys(self) -> Sequence[str]:
        """The keys of the first items that would be deleted, as JSON."""
        extra = (each for each in self._findings.all() if _is_open(each))
        return [each.key.decode() for each in islice(extra, SHOWN)]

    async def run(self, stop: asyncio.Event, settled: Callable[[ValidationCounts], None]) -> bool:
        """Delete them, and put what is known of each into the findings file; `settled` gets by how
        much the counts have changed when it is there, also where this fails or is cancelled.
        Returns whether all were dealt with: once `stop` is set, what is left stays as it was found.
        Raises `MigrateError`.
        """
        after, everything = self._findings.beside(), self._findings.all()
        failure: BaseException | None = None
        while found := [*islice(everything, _AT_ONCE)]:
            extra = [each for each in found if _is_open(each)]
            if failure is None and extra and not stop.is_set():
                try:
                    found = self._dealt_with(found, await self._repairer.repair(extra))
                except (asyncio.CancelledError, ExceptionGroup, MigrateError) as error:
                    failure = error  # raised when the file says what was done before
            after.keep(found)
        self._findings.become(after)
        change, self.change = self.change, ValidationCounts()
        settled(change)
        if failure:
            raise failure
        return not stop.is_set()

    def _dealt_with(
        self, found: Sequence[Difference], seen: Sequence[Difference]
    ) -> list[Difference]:
        """What is left of findings whose extra items are as `seen` now."""
        now = {each.key: each for each in seen}
        gone = sum(_is_open(each) and each.key not in now for each in found)
        repaired = sum(each.repaired for each in seen)
        self.change += ValidationCounts(extra=-gone, repaired=repaired)
        kept = [each for each in found if not _is_open(each) or each.key in now]
        return [_as_now(each, now) if _is_open(each) else each for each in kept]


def _is_open(difference: Difference) -> bool:
    return difference.kind == "extra" and not difference.repaired


def _as_now(before: Difference, now: dict[bytes, Difference]) -> Difference:
    """The finding with what became of it; the items are those of the comparison."""
    seen = now[before.key]
    return replace(before, repaired=seen.repaired, refused=seen.refused)
