"""Joinery of a validation: how it is done, where it begins, and of what it is made."""

import math
import random
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal

from alternator_migrate import confidence, resume
from alternator_migrate.config import Loaded, Settings
from alternator_migrate.description import TableState
from alternator_migrate.digests import Digests
from alternator_migrate.ends import Ends, readers
from alternator_migrate.errors import UsageError
from alternator_migrate.findings import FindingsFile
from alternator_migrate.interfaces import ComparisonKeeper, Engine
from alternator_migrate.model import Comparison, Counts, Difference, Role, Segment, Verdict
from alternator_migrate.savepoint import Savepoint, Store
from alternator_migrate.validation import Validation
from alternator_migrate.wiring import Sides

Mode = Literal["auto", "digest", "lookup"]

_FEW_ITEMS: Final = 10_000
_DRAWN: Final = 100
_MOST_SEGMENTS: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a person asks of a validation; `sample` is a share of the items, None for all."""

    mode: Mode = "auto"
    sample: float | None = None
    repair: bool = False
    delete_extra: bool = False
    show_values: bool = False


def choose_mode(
    settings: Settings, wishes: Wishes, state: TableState
) -> tuple[Literal["digest", "lookup"], str]:
    """How a table in this state will be compared, and why."""
    if wishes.sample:
        return "lookup", f"a sample of {wishes.sample * 100:.4g}%"
    if wishes.mode != "auto":
        return wishes.mode, "as asked for"
    if settings.validation.floating_point_tolerance:
        return "lookup", "digests know no tolerance"
    if 0 < state.items < _FEW_ITEMS:
        return "lookup", f"fewer than {_FEW_ITEMS:,} items"
    return "digest", "each side is read once" if state.items else "the size is not known"


def shape(settings: Settings, wishes: Wishes) -> str:
    """What of the configuration decides what is compared, and how."""
    rules = settings.validation
    return resume.fingerprint(
        [resume.shape(settings), rules.floating_point_tolerance, wishes.sample]
    )


def earlier(
    loaded: Loaded, store: Store, wishes: Wishes, *, fresh: bool
) -> tuple[Path, Savepoint] | None:
    """The savepoint of a validation that was stopped or failed; None where the last one came to
    its end, which makes the next one a new question.

    Raises `UsageError` where it does not fit the configuration.
    """
    if fresh:
        return None
    found = store.newest()
    if loaded.savepoint:
        given = resume.given(loaded.savepoint)
        found = (loaded.savepoint, given) if given.comparison else found
    if found is None or found[1].comparison is None:
        return None
    path, savepoint = found
    if savepoint.migration != resume.validation_identity(loaded.settings):
        raise resume.unfit(path, "source or target are others now")
    if savepoint.status in ("completed", "differences"):
        return None
    if savepoint.shape != shape(loaded.settings, wishes):
        raise resume.unfit(path, "what is compared, or how, has changed")
    if wishes.mode not in ("auto", mode_of(found[1].comparison)):
        raise resume.unfit(path, f"it was not begun with --mode {wishes.mode}")
    return found


def first_savepoint(
    loaded: Loaded, wishes: Wishes, sides: Sides, target: TableState, begun: Savepoint | None
) -> Savepoint:
    """What a validation saves before it reads anything."""
    configuration = resume.configuration(loaded)
    if begun:
        return replace(begun, configuration=configuration)
    found, settings = sides.findings, loaded.settings
    segments, sampled = len(found.segments), 0
    if wishes.sample:
        segments = max(segments, min(math.ceil(_DRAWN / wishes.sample), _MOST_SEGMENTS))
        sampled = max(1, round(segments * wishes.sample))
    mode, _ = choose_mode(settings, wishes, found.source)
    now, folder = time.time(), Path(settings.savepoints.path)
    comparison = Comparison(
        stage="digests" if mode == "digest" else "details",
        now=int(now),
        seed=secrets.token_hex(16),
        segments=segments,
        findings=str(folder / f"findings_{int(now * 1000)}.jsonl"),
        sampled=sampled,
    )
    return Savepoint(
        configuration=configuration,
        migration=resume.validation_identity(settings),
        shape=shape(settings, wishes),
        segments=segments,
        source_id=found.source.id,
        target_id=target.id,
        config_file=str(loaded.file) if loaded.file else None,
        comparison=comparison,
    )


def compared_so_far(begun: Comparison) -> Verdict:
    """What a validation that got so far has found; in the first stage its pages tell how many
    items were compared."""
    if begun.stage == "digests" or not begun.digests:
        items = begun.sides["source"].items if "source" in begun.sides else Counts()
        return replace(begun.verdict, compared=items.read - items.skipped_expired)
    return begun.verdict


def build_validation(
    settings: Settings,
    sides: Sides,
    wishes: Wishes,
    begun: Comparison,
    keeper: ComparisonKeeper,
    engine: Engine,
) -> tuple[Validation, FindingsFile]:
    """A validation that goes on from `begun` on an engine, and the file that will hold its
    findings."""
    ends = Ends(settings, sides, begun.now)
    findings = FindingsFile(Path(begun.findings), begun.findings_size)
    details = ends.details(
        findings,
        replace(begun.verdict, compared=0),
        mends=mends(settings, wishes),
        values=wishes.show_values,
    )
    found = sides.findings
    share = begun.sampled / begun.segments if begun.sampled else 1.0
    validation = Validation(
        (found.source.spec.name, found.plan.spec.name),
        ends.sides(share),
        [*_segments(begun)],
        _digests(begun, ends.target_keys),
        details,
        findings,
        begun,
        engine=engine,
        retry=ends.retry,
        paces=ends.paces,
        readers=readers(sides),
        keeper=keeper,
        beside=[service.watch for service in (sides.source, sides.target)],
        interval=settings.savepoints.interval_seconds,
    )
    return validation, findings


def mends(settings: Settings, wishes: Wishes) -> frozenset[Difference]:
    """The kinds of differences that are to be repaired."""
    kinds: set[Difference] = {"missing", "different"} if wishes.repair else set()
    if settings.validation.copy_missing_rows:
        kinds.add("missing")
    if wishes.delete_extra:
        kinds.add("extra")
    return frozenset(kinds)


def mode_text(
    settings: Settings, wishes: Wishes, sides: Sides, begun: Comparison | None = None
) -> str:
    """How the tables are compared and why, for a person."""
    mode, why = choose_mode(settings, wishes, sides.findings.source)
    mode = mode_of(begun) if begun else mode
    words = {"digest": "digests, then look-ups where they differ", "lookup": "look-ups by key"}
    return f"{words[mode]} ({'as begun' if begun else why})"


def sample_text(verdict: Verdict, gone_through: Mapping[Role, int]) -> Iterator[str]:
    """What a sample says of the whole table, a sentence a side."""
    counts = verdict.missing + verdict.different, verdict.extra
    words = "missing on the target or different", "not on the source"
    roles: tuple[Role, Role] = ("source", "target")
    for role, found, what in zip(roles, counts, words, strict=True):
        number = gone_through[role]
        share = confidence.most(found, number) if number else 1.0
        yield (
            f"{found:,} of {number:,} sampled items of the {role} are {what}: with "
            f"{confidence.CONFIDENCE:.0%} confidence at most {share:.3%} of all are"
        )


def mode_of(comparison: Comparison) -> Literal["digest", "lookup"]:
    """How a comparison that has begun is done."""
    return "digest" if comparison.stage == "digests" or comparison.digests else "lookup"


def _digests(begun: Comparison, key_names: tuple[str, ...]) -> Digests | None:
    if mode_of(begun) == "lookup":
        return None
    seed = bytes.fromhex(begun.seed)
    if not begun.digests:
        return Digests(key_names, seed=seed)
    try:
        return Digests.from_state(begun.digests, key_names, seed=seed)
    except ValueError as error:
        raise UsageError(
            f"the savepoint of the validation cannot be gone on from: {error}",
            "Pass --fresh to begin anew.",
        ) from error


def _segments(begun: Comparison) -> Iterator[Segment]:
    """All segments, or those that are drawn."""
    indexes: Sequence[int] = range(begun.segments)
    if begun.sampled:
        chance = random.Random(begun.seed)  # noqa: S311 # a sample is no secret
        indexes = sorted(chance.sample(indexes, begun.sampled))
    return (Segment(index, begun.segments) for index in indexes)
