"""Whole configurations: ScyllaDB Migrator's and ours, flags and --set over them, mistakes."""

from pathlib import Path

import pytest

from alternator_migrate.config.loading import load
from alternator_migrate.core.errors import ConfigError, UsageError
from tests.support.configs import (
    NAME,
    TEXT,
    changed,
    folder,
    line_of,
    loaded,
    mistake,
    paths,
    refused,
)

TUTORIAL = """\
source:
  type: dynamodb
  endpoint:
    host: http://dynamodb
    port: 8000
  region: us-west-2
  credentials:
    accessKey: dummy
    secretKey: dummy
  table: Example
target:
  type: dynamodb
  endpoint:
    host: http://scylla
    port: 8001
  region: us-west-2
  credentials:
    accessKey: dummy
    secretKey: dummy
  table: Example
  streamChanges: false
savepoints:
  path: /app/savepoints
  intervalSeconds: 300
"""


@pytest.mark.parametrize("kind", ["dynamodb", "dynamo", "alternator"])
def test_the_configuration_of_scylladb_migrators_tutorial_loads_unchanged(kind: str) -> None:
    text = TUTORIAL.replace("target:\n  type: dynamodb", f"target:\n  type: {kind}")
    settings, warnings = loaded(text)
    assert warnings == []
    source, target = settings.source, settings.target
    assert (source.type, source.table, source.region) == ("dynamodb", "Example", "us-west-2")
    assert (target.type, target.table) == ("dynamodb" if kind == "dynamo" else kind, "Example")
    assert source.endpoint and source.endpoint.contacts == ("http://dynamodb:8000",)
    assert target.endpoint and target.endpoint.contacts == ("http://scylla:8001",)
    for side in (source, target):
        assert side.credentials
        assert (side.credentials.access_key, side.credentials.secret_key) == ("dummy", "dummy")
    assert target.stream_changes is False
    assert (settings.savepoints.path, settings.savepoints.interval_seconds) == (
        "/app/savepoints",
        300.0,
    )


def test_what_is_not_said_has_the_defaults_of_the_reference() -> None:
    settings, _ = loaded()
    source, target = settings.source, settings.target
    assert (source.credentials, source.endpoint, source.filter) == (None, None, None)
    assert (source.scan_segments, source.read_throughput, source.max_map_tasks) == (None,) * 3
    assert (source.throughput_read_percent, target.throughput_write_percent) == (0.5, 0.5)
    assert (source.expired_items, source.consistent_read) == ("skip", False)
    assert (target.copy_ttl, target.copy_tags, target.indexes) == (True, True, "before")
    assert (target.stream_changes, dict(target.tags)) == (False, {})
    assert settings.savepoints.path == str(folder() / "savepoints")
    assert settings.savepoints.interval_seconds == 60
    assert (settings.max_rejects, settings.renames, settings.skip_segments) == (0, (), ())


def test_flags_suffice_and_set_wins_over_flags_and_these_over_the_file() -> None:
    flags = {
        "source.type": ("--table", "dynamodb"),
        "source.table": ("--table", "T"),
        "source.region": ("--source-region", "eu-west-1"),
        "target.type": ("--table", "alternator"),
        "target.table": ("--table", "T"),
        "target.endpoint.url": ("--target-endpoint", "http://h:8000"),
    }
    settings = load(None, flags).settings
    assert (settings.source.table, settings.target.type) == ("T", "alternator")
    settings, _ = loaded(TEXT, "source.table=S", flags={"source.table": ("--table", "F")})
    assert settings.source.table == "S"
    settings, _ = loaded(TEXT, flags={"source.table": ("--table", "F")})
    assert settings.source.table == "F"
    settings, _ = loaded(TEXT, "source.scanSegments=64", "source.scanSegments=8")
    assert settings.source.scan_segments == 8


def test_nothing_at_all_is_told_with_a_way_on() -> None:
    with pytest.raises(UsageError) as raised:
        load(None, {})
    assert not isinstance(raised.value, ConfigError)
    assert "--table" in raised.value.hint


@pytest.mark.parametrize(
    ("assignment", "path"),
    [
        ("source.scanSegments", "source.scanSegments"),
        ("=5", ""),
        ("source..table=x", "source..table"),
        ("renames[0].from=x", "renames[0].from"),
        ("source.table.name=x", "source.table.name"),
        ("source.scanSegments=many", "source.scanSegments"),
        ("source.scanSegment=4", "source.scanSegment"),
    ],
)
def test_a_wrong_assignment_is_a_mistake_that_names_it(assignment: str, path: str) -> None:
    found = mistake(TEXT, assignment)
    assert found.path == path
    assert found.place.startswith("--set")


@pytest.mark.parametrize(
    "value",
    ["2001-99-99", "!!bool x", "!!int ''", "{", "'", "[" * 600],
    ids=lambda value: value[:20],
)
def test_an_assignment_that_yaml_cannot_read_is_a_mistake_or_a_text(value: str) -> None:
    try:
        settings, _ = loaded(TEXT, f"source.region={value}")
    except ConfigError as error:
        assert paths(error.mistakes) == {"source.region"}
    else:
        assert settings.source.region == value


def test_an_assignment_is_read_as_yaml() -> None:
    settings, _ = loaded(TEXT, "target.tags={a: b}", "skipSegments=[1, 2]", "source.scanSegments=4")
    assert (dict(settings.target.tags), settings.skip_segments) == ({"a": "b"}, (1, 2))


def test_a_name_in_an_assignment_stays_as_it_is_written() -> None:
    settings, _ = loaded(TEXT, "target.region=1.10", "target.table=007", "target.tags={v: 1.10}")
    assert (settings.target.region, settings.target.table) == ("1.10", "007")
    assert dict(settings.target.tags) == {"v": "1.10"}


def test_a_flag_that_is_wrong_is_named() -> None:
    error = refused(TEXT, flags={"target.endpoint.url": ("--target-endpoint", "scylla:8000")})
    (found,) = error.mistakes
    assert (found.path, found.place) == ("target.endpoint.url", "--target-endpoint")


def test_all_mistakes_are_told_at_once_each_with_its_path_and_line() -> None:
    text = """\
target:
  type: alternator
  endpoint: {url: "scylla:8000"}
  maxItemsPerBatch: 0
  colour: blue
source:
  type: dynamodb
  table: T
  scanSegments: many
  table: U
  credentials: {accessKey: a, secretKey: "${NOT_SET_ANYWHERE}"}
savepoint: {}
maxRejects: -1
"""
    error = refused(text)
    found = {(each.path, each.place) for each in error.mistakes}
    lines = {
        "target.endpoint.url": 3,
        "target.maxItemsPerBatch": 4,
        "target.colour": 5,
        "source.scanSegments": 9,
        "source.table": 10,
        "source.credentials.secretKey": 11,
        "savepoint": 12,
        "maxRejects": 13,
        "target.table": 1,
    }
    assert found == {(path, f"{NAME}, line {line}") for path, line in lines.items()}
    assert f"{len(error.mistakes)} mistakes" in str(error)
    assert all(each.message in str(error) and each.path in str(error) for each in error.mistakes)


@pytest.mark.parametrize(
    ("path", "value", "near"),
    [
        ("sorce", {}, "source"),
        ("renamed", [], "renames"),
        ("source.scanSegment", 4, "scanSegments"),
        ("source.endpoint.hots", "h", "host"),
        ("source.credentials.accesskey", "h", "accessKey"),
        ("target.maxItemPerBatch", 4, "maxItemsPerBatch"),
        ("target.alternator.maxItemPerBatch", 4, "maxItemsPerBatch"),
        ("target.streamChange", True, "streamChanges"),
        ("savepoints.interval", 3, "intervalSeconds"),
        ("validation.failureToFetch", 3, "failuresToFetch"),
    ],
)
def test_an_unknown_key_names_the_nearest_known_one(path: str, value: object, near: str) -> None:
    text = changed(path, value)
    (found,) = (each for each in refused(text).mistakes if each.path == path)
    assert found.place == line_of(text, path)
    assert f"did you mean {near}?" in found.message


def test_a_key_like_no_other_is_told_with_all_known_ones() -> None:
    found = mistake(changed("qqq", 1))
    assert "known keys: source, target" in found.message


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("skipTokenRanges", [[1, 2]]),
        ("skipParquetFiles", ["a"]),
        ("savepoints.enableParquetFileTracking", False),
        ("validation.compareTimestamps", True),
        ("validation.ttlToleranceMillis", 60000),
        ("validation.writetimeToleranceMillis", 1000),
        ("validation.timestampMsTolerance", 0),
        ("validation.hashColumns", ["a"]),
    ],
)
def test_a_key_of_the_migrator_that_means_nothing_here_warns_and_is_named(
    path: str, value: object
) -> None:
    text = changed(path, value)
    _, (warning,) = loaded(text)
    assert path in warning
    assert line_of(text, path) in warning
    assert "\n" not in warning


def test_one_warning_names_all_ignored_keys() -> None:
    ignored = {
        "skipTokenRanges": [],
        "savepoints.enableParquetFileTracking": True,
        "target.skipInitialSnapshotTransfer": True,
    }
    text = TEXT
    for path, value in ignored.items():
        text = changed(path, value, text)
    settings, (warning,) = loaded(text)
    assert all(f"{path} ({line_of(text, path)}" in warning for path in ignored)
    assert settings.target.skip_initial_snapshot_transfer is False, "the table is copied"


def test_following_alone_is_no_warning() -> None:
    text = changed("target.skipInitialSnapshotTransfer", True)
    settings, warnings = loaded(changed("target.streamChanges", True, text))
    assert settings.target.skip_initial_snapshot_transfer is True
    assert warnings == []


@pytest.mark.parametrize("kind", ["cassandra", "parquet", "mysql", 5, ["dynamodb"], {}])
def test_another_type_is_told_with_those_there_are(kind: object) -> None:
    found = mistake(changed("source.type", kind))
    assert found.path == "source.type"
    assert "must be dynamodb or alternator" in found.message


SECRETS = ("hush-secret", "hush-token")
SECRET_TEXT = changed(
    "source.credentials",
    {"accessKey": "AKIA", "secretKey": SECRETS[0], "sessionToken": SECRETS[1]},
)


def test_no_secret_is_ever_in_a_repr() -> None:
    settings, _ = loaded(SECRET_TEXT)
    assert settings.source.credentials
    assert settings.source.credentials.secret_key == SECRETS[0]
    for shown in (repr(settings), str(settings.source), f"{settings.source.credentials}"):
        assert "hush" not in shown
        assert "AKIA" in shown


@pytest.mark.parametrize(
    "assignments",
    [
        ("source.credentials.sessionToken=hush-token",),
        ("source.credentials.secretKey=[hush-secret]",),
        ("source.credentials.secretKey={a: hush-secret}", "source.scanSegments=x"),
        ("source.credentials.profile=p", "source.credentials.secretKey=hush-secret"),
        ("source.credentials={sessionToken: hush-token}",),
        ("source={type: dynamodb, table: T, credentials: {secretKey: hush-secret}}",),
    ],
)
def test_no_secret_is_in_a_mistake(assignments: tuple[str, ...]) -> None:
    assert "hush" not in str(refused(TEXT, *assignments))


def test_a_file_that_is_not_there_is_told_with_its_name(tmp_path: Path) -> None:
    for path in (tmp_path / "absent.yaml", tmp_path):
        with pytest.raises(UsageError, match="cannot read") as raised:
            load(path, {})
        assert str(path) in str(raised.value)
