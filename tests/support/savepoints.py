"""Savepoints to write and read: any, and small ones."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
from hypothesis import strategies as st

from alternator_migrate.core.counts import ChangeCounts, Counts, ValidationCounts
from alternator_migrate.core.state import (
    CopyState,
    ExportState,
    FollowPhase,
    FollowState,
    SpoolState,
    Status,
    ValidationState,
)
from alternator_migrate.savepoints.format import Savepoint
from alternator_migrate.savepoints.place import Located

SEGMENTS = 8
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
COUNT = st.integers(0, 2**53)


def point(migration: str = "m", done: int = 0, segments: int = SEGMENTS, **more: Any) -> Savepoint:
    """A savepoint of `migration` in which so many segments are done."""
    configuration = {"source": {"table": "From"}, "target": {"table": "To"}}
    state = CopyState(done=frozenset(range(done)), items=Counts(done, done))
    fields: dict[str, Any] = {
        "configuration": configuration,
        "migration": migration,
        "shape": "s",
        "segments": segments,
        "source_id": "source-id",
        "state": state,
    }
    return Savepoint(**fields | more)


def path_of(located: Located) -> Path:
    """The path of a savepoint in a folder of this machine."""
    assert isinstance(located, Path)
    return located


KEYS = st.dictionaries(
    TEXT,
    TEXT.map(lambda text: {"S": text}) | st.integers().map(lambda number: {"N": str(number)}),
    min_size=1,
    max_size=2,
)
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
CONFIGURATIONS = st.fixed_dictionaries(
    {"source": st.dictionaries(TEXT, PLAIN, max_size=3), "target": PLAIN},
    optional={"renames": PLAIN, "savepoints": PLAIN},
)
PARTS = st.integers(0, 15)
SPOOLS = st.builds(
    SpoolState,
    folder=TEXT,
    files=st.dictionaries(PARTS, st.tuples(COUNT, COUNT)),
    replayed=st.dictionaries(PARTS, COUNT),
    changes=COUNT,
)
SHARDS = TEXT.map(lambda text: f"shard-{text}")
STREAMS = st.builds(
    FollowState,
    arn=TEXT,
    enabled_here=st.booleans(),
    snapshot=st.booleans(),
    phase=st.sampled_from(FollowPhase),
    shards=st.dictionaries(SHARDS, st.none() | st.integers(0, 10**40).map(str)),
    ended=st.frozensets(TEXT.map(lambda text: f"ended-{text}")),
    placed_at=st.integers(0, 10**12).map(lambda thousandths: thousandths / 1000),
    watermark=st.integers(0, 10**12).map(lambda thousandths: thousandths / 1000),
    lag=st.none() | st.integers(0, 10**9).map(lambda thousandths: thousandths / 1000),
    counts=st.builds(ChangeCounts, COUNT, COUNT, COUNT, COUNT, COUNT),
    spool=st.none() | SPOOLS,
)
STANDINGS = st.builds(
    CopyState,
    done=st.frozensets(st.integers(0, SEGMENTS - 1)),
    positions=st.dictionaries(st.integers(0, SEGMENTS - 1), KEYS.map(msgspec.json.encode)),
    items=st.builds(Counts, COUNT, COUNT, COUNT, COUNT),
    bytes_read=COUNT,
    batches=COUNT,
    stream=st.none() | STREAMS,
)
EXPORTS = st.builds(
    ExportState,
    asked=TEXT,
    token=TEXT,
    arn=TEXT,
    manifests=st.lists(TEXT, max_size=2).map(tuple),
    digest=TEXT,
)
COMPARISONS = st.builds(
    ValidationState,
    stage=st.sampled_from(("digests", "details")),
    now=COUNT,
    seed=st.binary(min_size=16, max_size=16).map(bytes.hex),
    segments=st.just(SEGMENTS),
    findings=TEXT,
    sampled=st.integers(0, SEGMENTS),
    sides=st.fixed_dictionaries({"source": STANDINGS, "target": STANDINGS}),
    digests=st.binary(max_size=50),
    validated=st.builds(ValidationCounts, COUNT, COUNT, COUNT, COUNT, COUNT),
    findings_size=COUNT,
)
SECONDS = st.integers(0, 10**12).map(lambda thousandths: thousandths / 1000)
SAVEPOINTS: st.SearchStrategy[Savepoint] = st.builds(
    Savepoint,
    configuration=CONFIGURATIONS,
    migration=TEXT,
    shape=TEXT,
    segments=st.just(SEGMENTS),
    source_id=TEXT,
    target_id=TEXT,
    state=STANDINGS,
    status=st.sampled_from(Status),
    seconds=SECONDS,
    written=SECONDS,
    config_file=st.none() | TEXT,
    rejects=st.none() | TEXT,
    skipped=st.just(frozenset({SEGMENTS})),
    export=st.none() | EXPORTS,
    over_items_at=SECONDS,
)
OF_VALIDATIONS = st.builds(
    lambda point, found: replace(point, comparison=found, state=CopyState(), export=None),
    SAVEPOINTS,
    COMPARISONS,
)


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """No file can grow beyond so many bytes while the block lasts: a disk that fills up."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def names(folder: Path) -> list[str]:
    """All that stands in a folder, hidden or not."""
    return sorted(path.name for path in folder.iterdir())
