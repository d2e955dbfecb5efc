"""Files of ScyllaDB Migrator: every key it takes is taken, or refused with what to do instead."""

import json
from pathlib import Path
from typing import Any

import pytest

from alternator_migrate.config.loading import Loaded, literal_secrets, load, portable
from alternator_migrate.savepoints.places import place_of
from alternator_migrate.savepoints.resume import configuration
from tests.support.configs import (
    ALTERNATOR_SOURCE,
    NAME,
    TEXT,
    at,
    changed,
    folder,
    line_of,
    loaded,
    mistake,
    refused,
)

WHOLE = """\
source:
  type: dynamodb
  table: Orders
  region: us-east-2
  endpoint: null
  credentials:
    accessKey: key
    secretKey: hush
    assumeRole: null
  scanSegments: 16
  readThroughput: null
  throughputReadPercent: 0.8
  maxMapTasks: 4
  writeThroughput: 100
target:
  type: alternator
  table: Orders
  region: null
  endpoint:
    host: http://10.1.2.3
    port: 8000
  credentials: null
  streamChanges: null
  skipInitialSnapshotTransfer: null
  billingMode: null
  scanSegments: 16
  maxMapTasks: 4
  consistencyLevel: LOCAL_QUORUM
renames: null
savepoints:
  intervalSeconds: 30
  resumeFromLatest: true
  enableParquetFileTracking: true
  target:
    type: filesystem
    path: /var/lib/savepoints
skipTokenRanges: null
skipSegments: null
skipParquetFiles: null
validation:
  compareTimestamps: true
  ttlToleranceMillis: 1000
  writetimeToleranceMillis: 1000
  failuresToFetch: 50
  floatingPointTolerance: 0.01
  timestampMsTolerance: 0
  copyMissingRows: false
  repairWritetimeStrategy: source
  numericTypePolicy: Lenient
  hashColumns: null
"""


def kept_place(found: Loaded) -> object:
    """What a savepoint keeps of where it is."""
    return configuration(found, place_of(found.settings))["savepoints"]


def test_a_file_with_all_that_the_newest_migrator_takes_is_loaded() -> None:
    settings, (warning,) = loaded(WHOLE)
    source, target = settings.source, settings.target
    assert source.credentials and source.credentials.access_key == "key"
    assert (source.credentials.assume_role, source.endpoint, target.credentials) == (None,) * 3
    assert (source.scan_segments, source.max_map_tasks) == (16, 4)
    assert target.endpoint and target.endpoint.contacts == ("http://10.1.2.3:8000",)
    assert settings.savepoints.path == "/var/lib/savepoints"
    assert settings.savepoints.interval_seconds == 30
    for ignored in (
        *("source.writeThroughput", "target.scanSegments", "target.maxMapTasks"),
        *("target.consistencyLevel", "savepoints.resumeFromLatest"),
        "validation.repairWritetimeStrategy",
    ):
        assert f"{ignored} ({line_of(WHOLE, ignored)}" in warning


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("source.endpoint", TEXT),
        ("source.credentials", TEXT),
        ("source.filter", TEXT),
        ("source.alternator", ALTERNATOR_SOURCE),
        ("target.credentials", TEXT),
        ("target.alternator", TEXT),
    ],
)
def test_an_optional_section_that_is_null_is_not_there(path: str, text: str) -> None:
    settings, warnings = loaded(changed(path, None, text))
    without, _ = loaded(text)
    assert settings == without
    assert warnings == []


@pytest.mark.parametrize("path", ["savepoints", "validation", "spool", "cutover", "hooks"])
def test_a_section_that_is_null_has_its_defaults(path: str) -> None:
    settings, _ = loaded(changed(path, None))
    assert settings == loaded(TEXT)[0]


def test_a_section_that_is_null_can_be_set(tmp_path: Path) -> None:
    text = changed("savepoints", None, changed("source.credentials", None))
    file = tmp_path / NAME
    file.write_text(text)
    found = load(file, {"source.credentials.profile": ("--source-profile", "p")}, [])
    assert at(found.settings, "source.credentials.profile") == "p"
    assert kept_place(found) == {"path": str(tmp_path / "savepoints")}
    settings, _ = loaded(text, "source.credentials.assumeRole.arn=arn:aws:iam::1:role/r")
    assert at(settings, "source.credentials.assume_role.arn") == "arn:aws:iam::1:role/r"


@pytest.mark.parametrize(
    ("side", "key", "value"),
    [
        ("target", "scanSegments", 8),
        ("target", "readThroughput", 1),
        ("target", "throughputReadPercent", 1.0),
        ("target", "maxMapTasks", 1),
        ("source", "writeThroughput", 1),
        ("source", "throughputWritePercent", 1.0),
        ("source", "skipInitialSnapshotTransfer", True),
        ("source", "billingMode", "PROVISIONED"),
    ],
)
def test_a_key_of_the_other_side_is_named_and_changes_nothing(
    side: str, key: str, value: Any
) -> None:
    text = changed(f"{side}.{key}", value)
    settings, (warning,) = loaded(text)
    assert settings == loaded(TEXT)[0]
    assert f"{side}.{key} ({line_of(text, f'{side}.{key}')}; it is a key of " in warning


def test_following_that_is_asked_for_at_the_source_alone_is_not_passed_over() -> None:
    text = changed("source.streamChanges", True)
    assert "is a key of target" in mistake(text).message
    _, (warning,) = loaded(changed("target.streamChanges", False, text))
    assert "source.streamChanges" in warning


def test_a_key_of_ours_on_the_other_side_is_told_where_it_belongs() -> None:
    text = changed("target.filter", {}, changed("source.copyTtl", False))
    found = {each.path: each.message for each in refused(text).mistakes}
    assert found == {
        "target.filter": "is a key of source",
        "source.copyTtl": "is a key of target",
    }


@pytest.mark.parametrize("kind", ["filesystem", "path"])
def test_savepoints_of_the_migrator_in_a_folder_are_there(kind: str, tmp_path: Path) -> None:
    text = changed("savepoints.target", {"type": kind, "path": "file:///var/lib/s"})
    file = tmp_path / NAME
    file.write_text(text)
    found = load(file, {})
    assert found.settings.savepoints.path == "/var/lib/s"
    assert configuration(found, place_of(found.settings))["savepoints"] == {"path": "/var/lib/s"}, (
        "it can be loaded again"
    )
    settings, _ = loaded(changed("savepoints", {"path": "/p", "target": {"type": kind}}))
    assert settings.savepoints.path == "/p"


@pytest.mark.parametrize(
    "target",
    [
        {"type": "gcs", "bucket": "bucket"},
        {"type": "google-cloud-storage"},
        {"type": "target-table"},
        {"type": "hadoop"},
    ],
    ids=str,
)
def test_savepoints_elsewhere_are_refused_with_a_way_on(target: object) -> None:
    found = mistake(changed("savepoints.target", target))
    assert found.path == "savepoints.target.type"
    assert "not in this version" in found.message
    assert "a folder of this machine" in found.message


S3_TARGET = {
    "type": "s3",
    "bucket": "bucket",
    "prefix": "/p/q/",
    "region": "eu-west-1",
    "credentials": {"accessKey": "a", "secretKey": "hush"},
}


@pytest.mark.parametrize("kind", ["s3", "aws-s3", "aws-bucket"])
def test_savepoints_of_the_migrator_in_a_bucket_are_there(kind: str, tmp_path: Path) -> None:
    file = tmp_path / NAME
    file.write_text(changed("savepoints.target", {**S3_TARGET, "type": kind}))
    found = load(file, {})
    assert found.settings.savepoints.path == "s3://bucket/p/q"
    assert found.settings.savepoints.bucket == ("bucket", "p/q")
    kept = found.plain["savepoints"]["target"]
    assert kept["credentials"] == {"accessKey": "a"}, "no secret is kept"
    secrets = literal_secrets(found)
    assert secrets == {"savepoints.target.credentials.secretKey": "hush"}
    assert portable(found, with_secrets=True).settings().savepoints == found.settings.savepoints
    saved = tmp_path / "savepoint_1795461923300_0000000001.yaml"
    progress = {"configFile": str(file), "skipped": []}
    saved.write_text(json.dumps({**found.plain, "progress": progress}))
    assert load(saved, {}).settings.savepoints == found.settings.savepoints


@pytest.mark.parametrize(
    ("path", "meant"),
    [
        ("s3://bucket/p/", ("bucket", "p")),
        ("s3a://bucket", ("bucket", "")),
        ("S3N://my.bucket/a/b", ("my.bucket", "a/b")),
    ],
)
def test_a_path_in_a_bucket_is_taken(path: str, meant: tuple[str, str], tmp_path: Path) -> None:
    file = tmp_path / NAME
    file.write_text(changed("savepoints.path", path))
    found = load(file, {}).settings
    assert found.savepoints.bucket == meant
    assert found.spool_home == tmp_path / "savepoints", "the spool stays on this machine"


def test_the_spool_has_a_folder_of_its_own_where_it_is_asked_for(tmp_path: Path) -> None:
    file = tmp_path / NAME
    file.write_text(changed("spool.path", "kept"))
    assert load(file, {}).settings.spool_home == tmp_path / "kept"
    assert load(file, {}, ["spool.path=/there"]).settings.spool_home == Path("/there")


@pytest.mark.parametrize(
    ("target", "path"),
    [
        ({**S3_TARGET, "path": "/x"}, "path"),
        ({"type": "s3"}, "bucket"),
        ({**S3_TARGET, "bucket": "a/b"}, "bucket"),
        ({**S3_TARGET, "endpoint": {"port": 5}}, "endpoint"),
        ({**S3_TARGET, "credentials": {"accessKey": "a"}}, "credentials"),
        ({**S3_TARGET, "credentials": {"accessKey": "a", "secretKey": "<redacted>"}}, "secretKey"),
        ({**S3_TARGET, "projectId": "p"}, "projectId"),
    ],
    ids=str,
)
def test_a_bucket_of_savepoints_that_is_wrong_is_told(target: object, path: str) -> None:
    found = mistake(changed("savepoints.target", target))
    assert found.path.startswith("savepoints.target")
    assert found.path.endswith(path)
    assert "hush" not in str(found)


@pytest.mark.parametrize("path", ["gs://bucket/p", "gcs://bucket", "GS://bucket"])
def test_google_cloud_storage_is_refused_with_a_way_on(path: str) -> None:
    found = mistake(changed("savepoints.path", path))
    assert found.path == "savepoints.path"
    assert "Google Cloud Storage" in found.message
    assert "bucket of S3" in found.message


def test_a_place_of_savepoints_is_given_once() -> None:
    both = {"path": "/a", "target": {"type": "filesystem", "path": "/b"}}
    assert mistake(changed("savepoints", both)).path == "savepoints.target"
    extra = {"type": "filesystem", "path": "/b", "bucket": "c"}
    assert mistake(changed("savepoints.target", extra)).path == "savepoints.target.bucket"
    wrong = {"type": "filesystem", "path": "s3a://b"}
    assert mistake(changed("savepoints.target", wrong)).path == "savepoints.target.path"


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("savepoints.path", "hdfs://host:8020/s"),
        ("spool.path", "s3://bucket/s"),
        *(
            ("target.endpoint.caBundle", place)
            for place in ("s3a://bucket/s", "s3://bucket", "gs://b/s", "S3A://b")
        ),
    ],
)
def test_a_path_of_another_storage_is_refused(path: str, place: str) -> None:
    text = changed("target.endpoint.url", "https://scylla:8043")
    found = mistake(changed(path, place, text))
    assert found.path == path
    assert place.partition(":")[0] in found.message
    assert "mounted" in found.message


@pytest.mark.parametrize(
    ("place", "meant"),
    [
        ("file:///var/s", "/var/s"),
        ("file:/var/s", "/var/s"),
        ("file://localhost/var/s", "/var/s"),
        ("FILE://Localhost/var/s", "/var/s"),
        ("/var/a:b", "/var/a:b"),
        ("./s3a", "s3a"),
    ],
)
def test_a_path_of_this_machine_is_taken(place: str, meant: str) -> None:
    settings, _ = loaded(changed("savepoints.path", place))
    assert settings.savepoints.path == str(folder() / meant)


@pytest.mark.parametrize("place", ["file://host/var/s", "file://var", "file://localhost"])
def test_a_path_of_another_host_is_refused(place: str) -> None:
    found = mistake(changed("savepoints.path", place))
    assert (found.path, "file:///PATH" in found.message) == ("savepoints.path", True)


@pytest.mark.parametrize("key", ["caBundle", "insecureSkipVerify"])
def test_what_is_asked_of_tls_without_tls_is_refused(key: str) -> None:
    value = {"caBundle": "/ca.pem", "insecureSkipVerify": True}[key]
    text = changed(f"target.endpoint.{key}", value)
    found = mistake(text)
    assert (found.path, found.place) == (
        f"target.endpoint.{key}",
        line_of(text, f"target.endpoint.{key}"),
    )
    assert "http://scylla:8000" in found.message
    loaded(text, "target.endpoint={host: h, port: 443}", f"target.endpoint.{key}={value}")
    loaded(changed("target.endpoint.insecureSkipVerify", False))


def test_what_is_written_of_following_is_named_where_nothing_is_followed() -> None:
    text = changed("hooks.onCaughtUp", "./cut-over", changed("cutover.maxLagSeconds", 3))
    text = changed("spool.maxBytes", 0, text)
    _, (warning,) = loaded(text)
    for path in ("hooks.onCaughtUp", "cutover", "spool"):
        assert f"{path} ({line_of(text, path)}; it goes with target.streamChanges)" in warning
    assert loaded(text, "target.streamChanges=true")[1] == []


def test_a_hook_after_the_copy_is_named_where_nothing_is_copied() -> None:
    text = changed("hooks.onSnapshotDone", "./done", changed("target.streamChanges", True))
    assert loaded(text)[1] == []
    _, (warning,) = loaded(text, "target.skipInitialSnapshotTransfer=true")
    assert "hooks.onSnapshotDone" in warning
