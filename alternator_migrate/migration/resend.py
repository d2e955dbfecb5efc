"""Mended rejects, sent again: what was stored is settled, in the rejects files and savepoints of
the migration and of its parts; what was refused again stays."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace

from alternator_migrate.config import Settings
from alternator_migrate.connectors import Pair, RejectsFile, RejectsSource, rejects_file
from alternator_migrate.core.model import Reject
from alternator_migrate.core.state import Status
from alternator_migrate.core.steering import Steering
from alternator_migrate.dynamodb.values import canonical_key
from alternator_migrate.migration.assemble import build_resend
from alternator_migrate.migration.migration import Migration
from alternator_migrate.savepoints import (
    Located,
    Savepoint,
    Store,
    lock,
    newest_of_parts,
    place_of,
)


@dataclass(slots=True)
class _Refused:
    """Keeps what is refused again in memory: it is in a file already."""

    left: int
    kept: list[Reject] = field(default_factory=list)
    path: None = None

    @property
    def count(self) -> int:
        return len(self.kept)

    def keep(self, rejects: Sequence[Reject]) -> None:
        self.kept += rejects


class Resend:
    """Sends the items of a rejects file again.

    `left` says, once they are settled, how many items are refused still, and `path` where some of
    them are.
    """

    def __init__(
        self,
        settings: Settings,
        pair: Pair,
        items: RejectsSource,
        whole: str,
        steering: Steering,
    ) -> None:
        self._settings, self._sides, self._whole = settings, pair, whole
        self._place = place_of(settings)
        self._key_names = pair.inspection.plan.spec.key_names
        self._refused = _Refused(items.count)
        self.migration: Migration = build_resend(settings, pair, items, self._refused, steering)
        self._refused_with = items.once_each(self._key_names)
        self.left, self.path = 0, ""

    @contextmanager
    def alone(self) -> Iterator[None]:
        """While no part of the migration runs. Raises `UsageError` where one does."""
        with ExitStack() as locks:
            for name in newest_of_parts(self._place, self._whole):
                if name != self._whole:
                    locks.enter_context(lock(self._place, name, self.migration.save_now))
            yield

    def settle(self) -> Located | None:
        """All was sent: settle what was stored, in the files first, then in the savepoints; a
        second go does what a kill left undone. The savepoint that was written last.

        Raises `MigrateError`.
        """
        stored, again = self._outcome()
        written = None
        for point in newest_of_parts(self._place, self._whole).values():
            if point.rejects is None:
                continue
            file = self._file_of(point.rejects, max(point.state.rejected - len(stored), 0))
            file.settle(stored)
            lines = {key: file.line(reject, key) for key, reject in again.items()}
            for key in file.replace(lines):
                del again[key]
            self._note(file)
            if (now := _settled(point, file.count)) != point:
                written = Store(self._place, point.migration).write(now)
        if again:
            place, allowed = self._place, len(again)
            own = RejectsFile(place.work, self._key_names, allowed, claim=place.claim)
            own.keep([*again.values()])
            place.keep()
            self._note(own)
        self._place.keep()
        return written

    def _file_of(self, told: str, counted: int) -> RejectsFile:
        """The file of a savepoint's rejects; where it is gone, they are `counted` still."""
        path, place = self._place.at_hand(told), self._place
        counted = 0 if path.exists() else counted
        found = self._sides.inspection
        return rejects_file(
            *(self._settings, found, place.work, path, counted, place.told, place.claim)
        )

    def _outcome(self) -> tuple[set[bytes], dict[bytes, Reject]]:
        """Of the keys that items were refused with: those stored now, and those refused again."""
        known, again = self._refused_with, dict[bytes, Reject]()
        for reject in self._refused.kept:
            keys = known[canonical_key(reject.item, self._key_names)]
            again |= dict.fromkeys(keys, reject)
        return set().union(*known.values()) - again.keys(), again

    def _note(self, file: RejectsFile) -> None:
        self.left += file.count
        if file.count and file.path:
            self.path = self._place.told(file.path)


def _settled(point: Savepoint, left: int) -> Savepoint:
    """A savepoint, when no more than `left` items are refused still."""
    state = point.state.settled(left)
    if not point.status.is_final:
        return replace(point, state=state)
    if state.rejected:
        return replace(point, state=state, status=Status.REJECTS)
    return replace(point, state=state, status=Status.COMPLETED, rejects=None)
