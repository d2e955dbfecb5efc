"""Looking at items on both sides by their keys."""

import asyncio
import time
from collections.abc import Callable, Sequence

from alternator_migrate.interfaces import Lookup
from alternator_migrate.judging import Judge
from alternator_migrate.model import Finding


class Looks:
    """Both sides by key, strongly consistent; what expires until then may be absent."""

    def __init__(
        self,
        source: Lookup,
        target: Lookup,
        judge: Judge,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._source, self._target, self._judge, self._clock = source, target, judge, clock

    async def at(self, keys: Sequence[bytes]) -> list[Finding]:
        """The differences there are now at `keys`, JSON objects that no two items share.

        Raises an exception group.
        """
        async with asyncio.TaskGroup() as group:
            reading = [group.create_task(side.get(keys)) for side in (self._source, self._target)]
        sources, targets = (
            {self._judge.identity(item): item for item in task.result()} for task in reading
        )
        now = self._clock()
        findings = []
        for key in keys:
            identity = self._judge.identity(key)
            source, target = sources.get(identity), targets.get(identity)
            kind = self._judge.differ(source, target, now)
            if kind is None:
                continue
            names = self._judge.differing(source, target) if source and target else ()
            findings.append(Finding(kind, key, names, source, target))
        return findings
