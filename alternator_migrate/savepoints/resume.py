"""Going on from savepoints: which one, whether it fits, and the first one of a run."""

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

from alternator_migrate.config import Loaded, Settings
from alternator_migrate.core.errors import UsageError
from alternator_migrate.dynamodb.table_schema import TableState
from alternator_migrate.savepoints import foreign
from alternator_migrate.savepoints.format import Savepoint, decode
from alternator_migrate.savepoints.place import Located, Place
from alternator_migrate.savepoints.store import Store

log = logging.getLogger(__name__)
_TRANSFORM: Final = (
    "Put it back as it was; pass --transform-changed to go on with it as it is now (what is "
    "written stays as it was made); or pass --fresh to begin anew."
)
ANEW: Final = (
    "Pass --fresh to begin anew, or put back what has changed (`alternator-migrate help resume`)."
)
"""The remedy where tables or the configuration are not those of a savepoint."""
Earlier: TypeAlias = tuple[Located, Savepoint]
"""A savepoint, and its file."""


@dataclass(frozen=True, slots=True)
class Resume:
    """The resumption of one piece of work, whose savepoints `store` has.

    `shape` is what of the configuration decides what is done. A savepoint of another piece of work
    or shape is refused with `other_place` or `other_shape`; what else does not fit, `check_own`
    raises as `UsageError`. `transform` is the SHA-256 of the code of the transform, "" without one:
    a savepoint of another goes only where it may have `transform_changed`.
    """

    loaded: Loaded
    store: Store
    work: Literal["migration", "validation"]
    shape: str
    other_place: str
    other_shape: str
    check_own: Callable[[Located, Savepoint], None]
    transform: str = ""
    transform_changed: bool = False

    def earlier(self, *, fresh: bool, since: float = 0.0) -> Earlier | None:
        """The savepoint to go on from: the file given as CONFIG, or the newest of this work, unless
        it is older than `since` (epoch seconds). None to begin anew: so does a validation, where
        the last one came to its end.

        Raises `UsageError` where it does not fit the configuration, or cannot be read.
        """
        found = None if fresh else self._given() or self.store.newest()
        for why in self.store.passed_over:
            log.warning("warning: an older savepoint is used, this one cannot be read: %s", why)
        if found is None or found[1].written < since:
            return None
        path, savepoint = found[0], _told_apart(*found, self.loaded.settings)
        self._check_place(path, savepoint)
        if self.work == "validation" and savepoint.status.is_final:
            return None
        self.check(path, savepoint)
        self.store.latest = path
        return path, savepoint

    def check(self, path: Located, savepoint: Savepoint) -> None:
        """Raise `UsageError` unless what the configuration asks for is what was done, as far as
        both tell without a look at the tables."""
        self._check_place(path, savepoint)
        if savepoint.shape != self.shape:
            raise unfit(path, self.other_shape)
        if savepoint.transform != self.transform and not self.transform_changed:
            raise unfit(path, _other_transform(savepoint.transform, self.transform), _TRANSFORM)
        self.check_own(path, savepoint)

    def check_newest(self, earlier: Earlier | None) -> None:
        """Raise `UsageError` where a savepoint was written since `earlier` was found; called with
        the lock held."""
        if earlier is None or self.loaded.savepoint:
            return
        newest = self.store.newest()
        if newest and newest[0] != earlier[0]:
            raise UsageError(
                f"another run of this {self.work} has just written a savepoint", "Run it again."
            )

    def beginning(self, earlier: Earlier | None) -> Iterator[str]:
        """Lines that say where a run begins."""
        file, place = self.loaded.file, self.store.place
        if earlier:
            yield f"going on from {earlier[0]}"
        elif file and not self.loaded.savepoint and foreign.is_named_so(file):
            yield f"note: {file} is a savepoint of ScyllaDB Migrator, taken as a configuration"
        elif self.work == "migration" and (theirs := next(foreign.savepoints(place), None)):
            yield (
                f"note: {place} holds savepoints of ScyllaDB Migrator, which are left "
                f"alone; to go on from the newest of them: `run {theirs} --into-existing`"
            )

    def first(self, source: TableState, segments: int, earlier: Savepoint | None) -> Savepoint:
        """The savepoint that a run writes before it reads anything."""
        plain, file = configuration(self.loaded, self.store.place), self.loaded.file
        base = earlier or Savepoint(
            configuration=plain,
            migration=self.store.migration,
            shape=self.shape,
            segments=segments,
            source_id=source.id,
        )
        return replace(
            base,
            transform=self.transform,
            configuration=plain,
            source_id=source.id,
            config_file=str(file) if file else None,
        )

    def _given(self) -> Earlier | None:
        """The savepoint given as CONFIG; to a validation one of a migration is no more than a
        configuration."""
        path = self.loaded.savepoint
        if path is None:
            return None
        savepoint = _read(path)
        if self.work == "migration" and savepoint.comparison:
            raise UsageError(
                f"{path} is the savepoint of a validation", "`validate` goes on from it, not `run`."
            )
        if self.work == "validation" and savepoint.comparison is None:
            return None
        return path, savepoint

    def _check_place(self, path: Located, savepoint: Savepoint) -> None:
        if savepoint.migration != self.store.migration:
            raise unfit(path, self.other_place)


def check_tables(
    path: Located, savepoint: Savepoint, source: TableState, target: TableState | None
) -> None:
    """Raise `UsageError` unless both tables are those that the savepoint speaks of."""
    if _other(savepoint.source_id, source.id):
        raise unfit(path, f"the source table {source.spec.name} was made anew since then")
    begun = savepoint.target_id or savepoint.state.done or savepoint.state.items.read
    if begun and target is None:
        raise unfit(path, "the target table is gone, and with it what was written")
    if target and _other(savepoint.target_id, target.id):
        raise unfit(path, f"the target table {target.spec.name} was made anew since then")


def configuration(loaded: Loaded, place: Place) -> Mapping[str, Any]:
    """The plain configuration that a savepoint keeps; its place is found from everywhere."""
    return {**loaded.plain, "savepoints": place.setting(loaded.plain.get("savepoints") or {})}


def _other_transform(before: str, now: str) -> str:
    then, today = (f"one of SHA-256 {each[:16]}..." if each else "none" for each in (before, now))
    return f"the transform has changed: it was begun with {then}, and there is {today} now"


def unfit(path: Located, why: str, hint: str = "") -> UsageError:
    """The refusal of a savepoint that cannot be gone on from."""
    return UsageError(f"the savepoint {path} does not fit: {why}", hint or ANEW)


def _told_apart(path: Located, savepoint: Savepoint, settings: Settings) -> Savepoint:
    """A savepoint in which skipped segments do not count as done. One that does not tell has
    skipped those that the configuration leaves out now."""
    state, skips = savepoint.state, frozenset(settings.skip_segments)
    if savepoint.skipped is not None or savepoint.comparison:
        return savepoint
    if state.done:
        log.warning(
            "warning: %s was written by an earlier version, which did not tell skipped segments "
            "from copied ones: if skipSegments has changed since then, begin anew with --fresh",
            path,
        )
    return replace(savepoint, skipped=skips, state=replace(state, done=state.done - skips))


def _read(path: Path) -> Savepoint:
    try:
        return decode(path.read_bytes())
    except ValueError as error:
        raise UsageError(
            f"{path} cannot be resumed: {error}", "Name another savepoint, or the configuration."
        ) from error


def _other(saved: str, now: str) -> bool:
    return bool(saved and now and saved != now)
