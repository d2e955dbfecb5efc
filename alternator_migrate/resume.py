"""Where a run begins: at the start, or where an earlier run of the same migration stopped."""

import asyncio
import hashlib
import json
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

from alternator_migrate.config import Loaded, Settings
from alternator_migrate.config.settings import Side
from alternator_migrate.errors import MigrateError, UsageError
from alternator_migrate.model import Standing, TableState
from alternator_migrate.savepoint import Savepoint, Store, decode


def identity(settings: Settings) -> str:
    """What tells one migration from another: which table goes where."""
    return _digest([_place(settings.source), _place(settings.target)])


def shape(settings: Settings) -> str:
    """What of the configuration decides which items arrive, and how they look."""
    source = settings.source
    item_filter = source.filter
    return _digest(
        [
            sorted((rename.from_, rename.to) for rename in settings.renames),
            [item_filter.expression, dict(item_filter.names), dict(item_filter.values)]
            if item_filter
            else None,
            source.expired_items,
        ]
    )


def earlier(loaded: Loaded, store: Store, *, fresh: bool) -> tuple[Path, Savepoint] | None:
    """The savepoint to go on from: the file given as CONFIG, or the newest of the migration
    (or of the part of it) whose savepoints `store` has.

    Raises `UsageError` where it does not fit the configuration.
    """
    if fresh:
        return None
    if loaded.savepoint:
        found: tuple[Path, Savepoint] | None = (loaded.savepoint, _given(loaded.savepoint))
    else:
        found = store.newest()
    if found is None:
        return None
    path, savepoint = found
    settings = loaded.settings
    if savepoint.migration != store.migration:
        raise _unfit(path, "source, target or --shard are others now")
    if savepoint.shape != shape(settings):
        raise _unfit(path, "renames, source.filter or source.expiredItems have changed")
    wanted = settings.source.scan_segments
    if wanted is not None and wanted != savepoint.segments:
        raise _unfit(path, f"it has {savepoint.segments} segments, scanSegments says {wanted}")
    if any(segment >= savepoint.segments for segment in settings.skip_segments):
        raise _unfit(path, f"it has {savepoint.segments} segments, skipSegments goes beyond")
    return found


def check_tables(
    path: Path, savepoint: Savepoint, source: TableState, target: TableState | None
) -> None:
    """Raise `UsageError` unless both tables are those that the savepoint speaks of."""
    if _other(savepoint.source_id, source.id):
        raise _unfit(path, f"the source table {source.spec.name} was made anew since then")
    if savepoint.target_id and target is None:
        raise _unfit(path, "the target table is gone, and with it what was written")
    if target and _other(savepoint.target_id, target.id):
        raise _unfit(path, f"the target table {target.spec.name} was made anew since then")


class Keeper:
    """Writes the savepoints of one run, one after another, beside the event loop."""

    def __init__(self, store: Store, base: Savepoint) -> None:
        self._store = store
        self._base = base
        self._began = time.monotonic()
        self._writer = ThreadPoolExecutor(1, "savepoint")

    def found_target(self, target: TableState) -> None:
        """Note which table is written to."""
        self._base = replace(self._base, target_id=target.id)

    def found_rejects(self, path: str) -> None:
        """Note which file holds rejected items."""
        self._base = replace(self._base, rejects=path)

    async def save(self, standing: Standing, status: str) -> None:
        """Write a savepoint durably. Raises `MigrateError` where the disk does not take it."""
        point = replace(
            self._base,
            standing=standing,
            status=status,
            seconds=self._base.seconds + time.monotonic() - self._began,
        )
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._writer, self._store.write, point)


class NoKeeper:
    """Keeps nothing: for a run that is not part of a resumable migration."""

    def found_target(self, target: TableState) -> None:
        """Nothing to note."""

    def found_rejects(self, path: str) -> None:
        """Nothing to note."""

    async def save(self, standing: Standing, status: str) -> None:
        """Nothing to write."""


def first_savepoint(
    loaded: Loaded,
    source: TableState,
    segments: int,
    earlier_one: Savepoint | None,
    migration: str | None = None,
) -> Savepoint:
    """What a run of `migration` (None: of the whole one) saves before it reads anything."""
    settings = loaded.settings
    skipped = frozenset(settings.skip_segments)
    folder = str(Path(settings.savepoints.path).absolute())
    plain: Mapping[str, Any] = {
        **loaded.plain,
        "savepoints": {**loaded.plain.get("savepoints", {}), "path": folder},
    }
    base = earlier_one or Savepoint(
        configuration=plain,
        migration=migration or identity(settings),
        shape=shape(settings),
        segments=segments,
        source_id=source.id,
    )
    standing = base.standing
    positions = {n: key for n, key in standing.positions.items() if n not in skipped}
    return replace(
        base,
        configuration=plain,
        source_id=source.id,
        standing=replace(standing, done=standing.done | skipped, positions=positions),
        config_file=str(loaded.file) if loaded.file else None,
    )


def _given(path: Path) -> Savepoint:
    try:
        return decode(path.read_bytes())
    except ValueError as error:
        raise UsageError(
            f"{path} cannot be resumed: {error}", "Name another savepoint, or the configuration."
        ) from error


def _place(side: Side) -> list[Any]:
    return [side.endpoint.contacts if side.endpoint else "aws", side.region, side.table]


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]


def _other(saved: str, now: str) -> bool:
    return bool(saved and now and saved != now)


def _unfit(path: Path, why: str) -> MigrateError:
    return UsageError(
        f"the savepoint {path} does not fit: {why}",
        "Pass --fresh to begin anew, or put back what has changed.",
    )
