"""Every key of the reference: what it takes, and what is said of anything else."""

from typing import Any

import pytest

from alternator_migrate.dynamodb import items
from tests.support.configs import (
    ALTERNATOR_SOURCE,
    TEXT,
    at,
    attribute,
    changed,
    line_of,
    loaded,
    mistake,
    paths,
    refused,
)

KEYS: dict[str, tuple[Any, Any]] = {
    "source.table": ("T.a-b_c", "T.a-b_c"),
    "source.region": ("eu-west-1", "eu-west-1"),
    "source.scanSegments": (1_000_000, 1_000_000),
    "source.readThroughput": (0.1, 0.1),
    "source.throughputReadPercent": (1.5, 1.5),
    "source.maxMapTasks": (1, 1),
    "source.consistentRead": (True, True),
    "source.expiredItems": ("copy", "copy"),
    "source.removeConsumedCapacity": (True, True),
    "target.table": (2024, "2024"),
    "target.region": ("any", "any"),
    "target.streamChanges": (False, False),
    "target.skipInitialSnapshotTransfer": (False, False),
    "target.writeThroughput": (100, 100.0),
    "target.throughputWritePercent": (0.1, 0.1),
    "target.billingMode": ("PAY_PER_REQUEST", "PAY_PER_REQUEST"),
    "target.copyTtl": (False, False),
    "target.copyTags": (False, False),
    "target.tags": ({"system:write_isolation": "a"}, {"system:write_isolation": "a"}),
    "target.indexes": ("after", "after"),
    "savepoints.path": ("/s", "/s"),
    "savepoints.intervalSeconds": (5, 5.0),
    "savepoints.leaseSeconds": (12, 12.0),
    "validation.failuresToFetch": (7, 7),
    "validation.floatingPointTolerance": (0.001, 0.001),
    "validation.numericTypePolicy": ("strictTYPE", "StrictType"),
    "validation.copyMissingRows": (True, True),
    "maxRejects": (10, 10),
    "retryBudgetSeconds": (60, 60.0),
}
OPTIONS: dict[str, tuple[Any, Any]] = {
    "datacenter": ("dc1", "dc1"),
    "rack": ("r1", "r1"),
    "activeRefreshIntervalMs": (1000, 1000),
    "idleRefreshIntervalMs": (60_000, 60_000),
    "compression": (True, True),
    "optimizeHeaders": (True, True),
    "maxConnections": (64, 64),
    "connectionMaxIdleTimeMs": (0, 0),
    "connectionTimeToLiveMs": (0, 0),
    "connectionAcquisitionTimeoutMs": (0, 0),
    "connectionTimeoutMs": (0, 0),
    "maxItemsPerBatch": (1, 1),
    "removeConsumedCapacity": (False, False),
}
CREDENTIALS = {"accessKey": "AK", "secretKey": "SK"}


@pytest.mark.parametrize("path", KEYS)
def test_a_key_is_accepted_with_its_meaning(path: str) -> None:
    value, meant = KEYS[path]
    settings, warnings = loaded(changed(path, value))
    found = at(settings, attribute(path))
    assert (found, type(found)) == (meant, type(meant))
    assert warnings == []


@pytest.mark.parametrize("nested", ["", "alternator."])
@pytest.mark.parametrize("key", OPTIONS)
@pytest.mark.parametrize("side", ["source", "target"])
def test_an_option_of_alternator_stands_at_its_side_or_in_a_section(
    side: str, key: str, nested: str
) -> None:
    value, meant = OPTIONS[key]
    settings, warnings = loaded(changed(f"{side}.{nested}{key}", value, ALTERNATOR_SOURCE))
    found = at(settings, f"{side}.alternator.{attribute(key)}")
    assert (found, type(found)) == (meant, type(meant))
    assert warnings == []


@pytest.mark.parametrize("key", OPTIONS)
def test_options_of_alternator_stand_in_a_section_under_type_dynamodb(key: str) -> None:
    value, meant = OPTIONS[key]
    text = changed("target.type", "dynamodb", changed(f"target.alternator.{key}", value))
    settings, _ = loaded(text)
    assert settings.target.type == "dynamodb"
    assert at(settings, f"target.alternator.{attribute(key)}") == meant


def test_tls_and_credentials_are_taken_over() -> None:
    endpoint = {"url": "https://h", "caBundle": "/ca.pem", "insecureSkipVerify": True}
    role = {"arn": "arn:aws:iam::1:role/r", "sessionName": "s"}
    given = {**CREDENTIALS, "sessionToken": "T", "assumeRole": role}
    source = changed("source.endpoint", endpoint, changed("source.credentials", given))
    settings, _ = loaded(changed("target.credentials.profile", "p", source))
    found = settings.source.credentials
    assert found and found.assume_role
    assert (found.access_key, found.secret_key, found.session_token) == ("AK", "SK", "T")
    assert (found.assume_role.arn, found.assume_role.session_name) == (role["arn"], "s")
    assert settings.source.endpoint
    assert settings.source.endpoint.ca_bundle == "/ca.pem"
    assert settings.source.endpoint.insecure_skip_verify is True
    assert at(settings, "target.credentials.profile") == "p"


def test_renames_filter_and_skipped_segments_are_taken_over() -> None:
    text = changed("renames", [{"from": "a", "to": "b"}, {"from": "b", "to": "a"}])
    text = changed("skipSegments", [0, 3], changed("source.scanSegments", 4, text))
    values = {":a": "x", ":b": 5, ":c": True, ":d": {"N": "1.50"}, ":e": {"SS": ["a"]}}
    expression = "#a = :a OR #a IN (:b, :c, :d, :e)"
    filtered = {"expression": expression, "names": {"#a": "at"}, "values": values}
    settings, _ = loaded(changed("source.filter", filtered, text))
    assert [(each.from_, each.to) for each in settings.renames] == [("a", "b"), ("b", "a")]
    assert settings.skip_segments == (0, 3)
    found = settings.source.filter
    assert found
    assert (found.expression, dict(found.names)) == (expression, {"#a": "at"})
    assert dict(found.values) == {
        ":a": {"S": "x"},
        ":b": {"N": "5"},
        ":c": {"BOOL": True},
        ":d": {"N": "1.50"},
        ":e": {"SS": ["a"]},
    }


def test_a_number_in_dynamodb_json_needs_no_quotes() -> None:
    values = {
        ":a": {"N": 5},
        ":b": {"NS": [1, 2.5]},
        ":c": {"L": [{"N": 1}, {"M": {"x": {"N": 2}}}]},
    }
    settings, _ = loaded(
        changed("source.filter", {"expression": "a IN (:a, :b, :c)", "values": values})
    )
    assert items.from_json(items.to_json(at(settings, "source.filter.values"))) == {
        ":a": {"N": "5"},
        ":b": {"NS": ["1", "2.5"]},
        ":c": {"L": [{"N": "1"}, {"M": {"x": {"N": "2"}}}]},
    }


WRONG: dict[str, tuple[Any, ...]] = {
    "source.table": ("", True, ["T"], {"a": 1}),
    "source.region": (False, []),
    "source.endpoint": ("http://h:8000", 5, ["h"]),
    "source.credentials": ("AK:SK", ["AK"]),
    "source.credentials.secretKey": (True, ["SK"]),
    "source.filter": ("a = b", True),
    "source.scanSegments": (0, -1, 1_000_001, "8", 1.5, True, [8]),
    "source.readThroughput": (0, -5, "fast", False, float("nan")),
    "source.throughputReadPercent": (0.09, 1.51, "half"),
    "source.maxMapTasks": (0, "4"),
    "source.consistentRead": ("yes", 1, "true"),
    "source.expiredItems": ("drop", True, ["skip"]),
    "target.streamChanges": ("false", 0),
    "target.writeThroughput": (0.05, "x", 10**400),
    "target.throughputWritePercent": (0, 2),
    "target.billingMode": ("ON_DEMAND", 5, {}),
    "target.copyTtl": ("no", 0),
    "target.copyTags": ("no", 0),
    "target.tags": (["a"], "a=b", {"": "x"}),
    "target.indexes": ("later", False),
    "target.endpoint.url": ("scylla:8000", "ftp://h", "http://", "http://h/path", 5),
    "target.endpoint.urls": ("http://h:1", {"a": "http://h"}),
    "savepoints.path": ("", True),
    "savepoints.intervalSeconds": (0, "60s"),
    "savepoints.leaseSeconds": (11.9, 3601),
    "savepoints": ("./savepoints", []),
    "skipSegments": (5, "0", {0: 1}),
    "renames": ({"a": "b"}, "a:b"),
    "validation": (True, [1]),
    "validation.failuresToFetch": (-1, "all"),
    "validation.floatingPointTolerance": (-0.1, "x"),
    "validation.numericTypePolicy": ("Strict", "", 1, True),
    "maxRejects": (-1, "all", 0.5),
    "retryBudgetSeconds": (0, "5m"),
}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        pytest.param(path, value, id=f"{path}-{str(value)[:20]}")
        for path, values in WRONG.items()
        for value in values
    ],
)
def test_a_wrong_value_is_one_mistake_at_its_path_and_line(path: str, value: object) -> None:
    text = changed(path, value)
    found = mistake(text)
    assert found.path == path
    assert found.place == line_of(text, path)
    assert found.message.startswith("must ")


@pytest.mark.parametrize("nested", ["", "alternator."])
@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("maxItemsPerBatch", 0),
        ("maxItemsPerBatch", "many"),
        ("compression", "gzip"),
    ],
)
def test_a_wrong_option_of_alternator_is_told_where_it_is_written(
    nested: str, key: str, value: object
) -> None:
    path = f"target.{nested}{key}"
    text = changed(path, value)
    found = mistake(text)
    assert (found.path, found.place) == (path, line_of(text, path))


@pytest.mark.parametrize("section", [5, "rack", [1], [["rack", "r1"]], True])
@pytest.mark.parametrize("kind", ["alternator", "dynamodb"])
def test_an_alternator_section_that_is_none_is_a_mistake(section: object, kind: str) -> None:
    text = changed("target.type", kind, changed("target.alternator", section))
    found = mistake(text)
    assert (found.path, found.place) == ("target.alternator", line_of(text, "target.alternator"))


@pytest.mark.parametrize(
    ("path", "value", "where"),
    [
        ("target.endpoint", {}, "target.endpoint"),
        ("target.endpoint", {"host": "h", "url": "http://h"}, "target.endpoint"),
        ("target.endpoint", {"port": 8000}, "target.endpoint"),
        ("target", {"type": "alternator", "table": "To"}, "target.endpoint"),
        ("source.endpoint", {"urls": ["http://h"]}, "source.endpoint.urls"),
        ("source.credentials", {"accessKey": "AK"}, "source.credentials"),
        ("source.credentials", {"secretKey": "SK"}, "source.credentials"),
        ("source.credentials", {"sessionToken": "T"}, "source.credentials.sessionToken"),
        ("source.credentials", {**CREDENTIALS, "profile": "p"}, "source.credentials.profile"),
        (
            "source.credentials.assumeRole",
            {"sessionName": "s"},
            "source.credentials.assumeRole.arn",
        ),
        ("source.filter", {"names": {}}, "source.filter.expression"),
        ("source.filter", {"expression": "a", "names": {"a": "b"}}, "source.filter.names.a"),
        ("source.filter", {"expression": "a", "values": {"a": 1}}, "source.filter.values.a"),
        ("renames", [{"from": "a"}], "renames[0].to"),
        ("renames", [{"from": "a", "to": "b"}, 5], "renames[1]"),
        ("renames", [{"from": "a", "to": "b"}, {"from": "a", "to": "c"}], "renames"),
        ("renames", [{"from": "a", "to": "c"}, {"from": "b", "to": "c"}], "renames"),
        ("skipSegments", [1], "skipSegments"),
        ("target", {"type": "dynamodb", "table": "From", "region": "eu-west-1"}, "target.table"),
    ],
)
def test_what_contradicts_itself_or_lacks_a_part_is_told(
    path: str, value: object, where: str
) -> None:
    assert paths(refused(changed(path, value)).mistakes) == {where}


def test_a_skipped_segment_beyond_the_last_is_told() -> None:
    text = changed("skipSegments", [0, 4], changed("source.scanSegments", 4))
    assert mistake(text).path == "skipSegments"


@pytest.mark.parametrize("path", ["source.type", "source.table", "target.type", "target.table"])
def test_what_must_be_there_is_missed(path: str) -> None:
    side, key = path.split(".")
    lines = TEXT.splitlines(keepends=True)
    start = next(number for number, line in enumerate(lines) if line.startswith(f"{side}:"))
    gone = next(n for n, line in enumerate(lines) if n > start and line.startswith(f"  {key}:"))
    found = mistake("".join(lines[:gone] + lines[gone + 1 :]))
    assert (found.path, found.message) == (path, "is missing")
    assert found.place.endswith(f"line {start + 1}")
