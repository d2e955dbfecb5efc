"""Going on with a validation, or beginning one."""

import math
import secrets
from dataclasses import replace

from alternator_migrate import config
from alternator_migrate.config import Loaded
from alternator_migrate.connectors import Pair, expiry_time, find_code
from alternator_migrate.core.state import ValidationState
from alternator_migrate.dynamodb.table_schema import TableState
from alternator_migrate.savepoints import Located, Resume, Savepoint, Store, place_of, unfit
from alternator_migrate.validate.findings_file import new_file
from alternator_migrate.validate.mode import MOST_SEGMENTS, ValidateOptions, choose_mode, mode_of
from alternator_migrate.validate.sample import DRAWN


def resume_of(loaded: Loaded, options: ValidateOptions) -> Resume:
    """The resumption of a validation as `options` say."""
    settings = loaded.settings
    code = find_code(settings.transform)

    def check(path: Located, savepoint: Savepoint) -> None:
        begun = savepoint.comparison
        if begun and options.mode not in ("auto", mode_of(begun)):
            raise unfit(path, f"it was not begun with --mode {options.mode}")

    return Resume(
        loaded,
        Store(place_of(settings), config.validation_identity(settings)),
        "validation",
        config.validation_shape(settings, options.sample),
        other_place="source or target are others now",
        other_shape="what is compared, or how, has changed",
        check_own=check,
        transform=code.identity if code else "",
        transform_changed=options.transform_changed,
    )


def first_savepoint(
    resume: Resume,
    options: ValidateOptions,
    pair: Pair,
    target: TableState,
    earlier: Savepoint | None,
) -> Savepoint:
    """The savepoint that a validation writes before it reads anything; one that begins anew gets an
    empty file for its findings. Raises `MigrateError`."""
    found, settings = pair.inspection, resume.loaded.settings
    if earlier:
        return resume.first(found.source, earlier.segments, earlier)
    segments, sampled = len(found.segments), 0
    if options.sample:
        parts = min(math.ceil(DRAWN / options.sample), MOST_SEGMENTS)
        if pair.exports:  # each file is cut into the same number of parts
            parts = math.ceil(parts / segments) * segments
        segments = max(segments, parts)
        sampled = max(1, round(segments * options.sample))
    mode, _ = choose_mode(settings, options, found.source)
    comparison = ValidationState(
        stage="digests" if mode == "digest" else "details",
        now=int(expiry_time(pair.source, pair.target)),
        seed=secrets.token_hex(16),
        segments=segments,
        findings=new_file(resume.store.place),
        sampled=sampled,
    )
    first = resume.first(found.source, segments, None)
    return replace(first, target_id=target.id, comparison=comparison)
