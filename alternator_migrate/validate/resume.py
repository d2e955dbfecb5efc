"""Where a validation begins: at the start, or where an earlier one stopped."""

import math
import secrets
import time
from dataclasses import replace
from pathlib import Path

from alternator_migrate import config, savepoints
from alternator_migrate.config import Loaded, Settings
from alternator_migrate.connectors import Pair
from alternator_migrate.core.state import ValidationState
from alternator_migrate.dynamodb.table_schema import TableState
from alternator_migrate.savepoints import Savepoint, Store
from alternator_migrate.validate.mode import MOST_SEGMENTS, ValidateOptions, choose_mode, mode_of
from alternator_migrate.validate.sample import DRAWN


def validation_shape(settings: Settings, options: ValidateOptions) -> str:
    """What of the configuration decides what is compared, and how."""
    rules = settings.validation
    return config.fingerprint(
        [config.migration_shape(settings), rules.floating_point_tolerance, options.sample]
    )


def earlier(
    loaded: Loaded, store: Store, options: ValidateOptions, *, fresh: bool
) -> tuple[Path, Savepoint] | None:
    """The savepoint of a validation that was stopped or failed; None where the last one came to
    its end, which makes the next one a new question.

    Raises `UsageError` where it does not fit the configuration.
    """
    if fresh:
        return None
    found = store.newest()
    if loaded.savepoint:
        given = savepoints.given(loaded.savepoint)
        found = (loaded.savepoint, given) if given.comparison else found
    if found is None or found[1].comparison is None:
        return None
    path, savepoint = found
    if savepoint.migration != config.validation_identity(loaded.settings):
        raise savepoints.unfit(path, "source or target are others now")
    if savepoint.status in ("completed", "differences"):
        return None
    if savepoint.shape != validation_shape(loaded.settings, options):
        raise savepoints.unfit(path, "what is compared, or how, has changed")
    if options.mode not in ("auto", mode_of(found[1].comparison)):
        raise savepoints.unfit(path, f"it was not begun with --mode {options.mode}")
    return found


def first_savepoint(
    loaded: Loaded,
    options: ValidateOptions,
    pair: Pair,
    target: TableState,
    begun: Savepoint | None,
) -> Savepoint:
    """What a validation saves before it reads anything."""
    configuration = savepoints.configuration(loaded)
    if begun:
        return replace(begun, configuration=configuration)
    found, settings = pair.inspection, loaded.settings
    segments, sampled = len(found.segments), 0
    if options.sample:
        segments = max(segments, min(math.ceil(DRAWN / options.sample), MOST_SEGMENTS))
        sampled = max(1, round(segments * options.sample))
    mode, _ = choose_mode(settings, options, found.source)
    now, folder = time.time(), Path(settings.savepoints.path)
    comparison = ValidationState(
        stage="digests" if mode == "digest" else "details",
        now=int(now),
        seed=secrets.token_hex(16),
        segments=segments,
        findings=str(folder / f"findings_{int(now * 1000)}.jsonl"),
        sampled=sampled,
    )
    return Savepoint(
        configuration=configuration,
        migration=config.validation_identity(settings),
        shape=validation_shape(settings, options),
        segments=segments,
        source_id=found.source.id,
        target_id=target.id,
        config_file=str(loaded.file) if loaded.file else None,
        comparison=comparison,
    )
