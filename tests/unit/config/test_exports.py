"""Exports as a configuration names and describes them."""

from contextlib import nullcontext
from typing import Any

import pytest

from alternator_migrate.config.descriptions import table_description
from alternator_migrate.config.exports import (
    Location,
    S3ExportSettings,
    S3TargetSettings,
    bucket_or_arn,
    export_folder,
    manifest,
    payer,
)
from alternator_migrate.config.kinds import wrong_parts
from tests.support.configs import NAME, changed, loaded, mistake, refused

SUMMARY = "manifest-summary.json"


@pytest.mark.parametrize(
    ("bucket", "written", "location"),
    [
        ("b", f"p/AWSDynamoDB/1/{SUMMARY}", Location("b", f"p/AWSDynamoDB/1/{SUMMARY}")),
        ("b", "p/AWSDynamoDB/1/", Location("b", f"p/AWSDynamoDB/1/{SUMMARY}")),
        (None, "s3://b/p/AWSDynamoDB/1", Location("b", f"p/AWSDynamoDB/1/{SUMMARY}")),
        ("a", "s3a://b/p#1?", Location("b", f"p#1?/{SUMMARY}")),
        (None, "file:///a%20b/1", Location(None, f"/a b/1/{SUMMARY}")),
        (None, "file://LOCALHOST/a%20b/1", Location(None, f"/a b/1/{SUMMARY}")),
        (None, "/x/1", Location(None, f"/x/1/{SUMMARY}")),
        (None, "file:///a#b?c/[1]", Location(None, f"/a#b?c/[1]/{SUMMARY}")),
        (None, "s3://b/[p]/1", Location("b", f"[p]/1/{SUMMARY}")),
        (None, "[x]/1", Location(None, f"[x]/1/{SUMMARY}")),
        (None, "//[x", Location(None, f"//[x/{SUMMARY}")),
        (None, f"x/{SUMMARY}", Location(None, f"x/{SUMMARY}")),
    ],
)
def test_places(bucket: str | None, written: str, location: Location) -> None:
    found = S3ExportSettings(bucket=bucket, manifest_key=manifest(written))
    assert found.manifests == (location,)


@pytest.mark.parametrize(
    ("given", "location"),
    [
        ({"bucket": "b"}, Location("b", "")),
        ({"bucket": "b", "prefix": "/"}, Location("b", "")),
        ({"bucket": "b", "prefix": "/p/q/"}, Location("b", "p/q/")),
        ({"path": "s3://b//p"}, Location("b", "p/")),
        ({"path": "file:///x/y"}, Location(None, "/x/y/")),
        ({"path": "/x/y/"}, Location(None, "/x/y/")),
    ],
    ids=str,
)
def test_no_key_that_is_written_begins_with_a_slash(
    given: dict[str, Any], location: Location
) -> None:
    assert S3TargetSettings(**given).place == location


@pytest.mark.parametrize("written", ["gs://b/x", "https://b.s3/x", "s3://", "s3://b", "s3:///x"])
def test_other_places_are_refused(written: str) -> None:
    with pytest.raises(ValueError, match=r"copy the export|must be like s3://"):
        manifest(written)


@pytest.mark.parametrize(
    "written",
    [
        "s3://[bucket]/x",
        "s3a://[b/x",
        "s3://a b/x",
        "file://[x",
        "file://host/x",
        "file://localhost",
    ],
)
def test_what_is_no_address_is_told(written: str) -> None:
    for kind in (manifest, export_folder):
        with pytest.raises(ValueError, match=r"must be like (s3://BUCKET/PREFIX|file:///PATH)"):
            kind(written)


@pytest.mark.parametrize(
    ("written", "location"),
    [
        ("s3://b/[p]", Location("b", "[p]/")),
        ("s3a://b", Location("b", "")),
        ("[x", Location(None, "[x/")),
        ("file:///a%20b/[x", Location(None, "/a b/[x/")),
        ("file://localhost/a%20b", Location(None, "/a b/")),
    ],
)
def test_where_an_export_is_written(written: str, location: Location) -> None:
    assert S3TargetSettings(path=export_folder(written)).place == location


BESIDE_AN_EXPORT = """\
source: {type: alternator, table: From, endpoint: {url: "http://scylla:8000"}}
target: {type: dynamodb-s3-export, path: out}
"""


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("copyTtl", True),
        ("copyTtl", "maybe"),
        ("copyTags", False),
        ("tags", {"team": "a"}),
        ("indexes", "before"),
        ("maxLatencyMs", 5),
        ("alternator", {"rack": "r1"}),
    ],
)
def test_keys_of_ours_that_say_nothing_of_an_export_are_refused(name: str, value: object) -> None:
    found = mistake(changed(f"target.{name}", value, BESIDE_AN_EXPORT))
    assert found.path == f"target.{name}"
    assert "not an export; leave it out" in found.message


@pytest.mark.parametrize(
    ("name", "value"),
    [("writeThroughput", 5), ("throughputWritePercent", 0.7), ("billingMode", "PROVISIONED")],
)
def test_keys_of_scylla_migrator_that_say_nothing_of_an_export_are_told(
    name: str, value: object
) -> None:
    _, (warning,) = loaded(changed(f"target.{name}", value, BESIDE_AN_EXPORT))
    assert f"target.{name} (" in warning
    assert "it is for a target that is a table" in warning
    assert loaded(changed(f"target.{name}", None, BESIDE_AN_EXPORT))[1] == []


def test_a_type_that_is_misspelt_says_nothing_of_other_keys() -> None:
    text = changed("target.copyTtl", False, BESIDE_AN_EXPORT)
    assert mistake(changed("target.type", "dynamodb-s3-exports", text)).path == "target.type"


@pytest.mark.parametrize(("name", "fits"), [("my.Bucket_1", True), ("[b]", False), ("a/b", False)])
def test_names_of_buckets(name: str, fits: bool) -> None:
    with nullcontext() if fits else pytest.raises(ValueError, match="must be the name of a bucket"):
        assert bucket_or_arn(name) == name
    access_point = "arn:aws:s3:us-west-2:123456789012:accesspoint/a"
    assert bucket_or_arn(access_point) == access_point


def test_who_pays() -> None:
    assert [payer(value) for value in ("requester", True, False)] == [True, True, False]


MIGRATORS = {
    "attributeDefinitions": [{"name": "id", "type": "S"}, {"name": "at", "type": "N"}],
    "keySchema": [{"name": "id", "type": "HASH"}, {"name": "at", "type": "RANGE"}],
    "billingMode": "PROVISIONED",
    "provisionedThroughput": {"readCapacityUnits": 5, "writeCapacityUnits": 6},
}
APIS = {
    "AttributeDefinitions": [
        {"AttributeName": "id", "AttributeType": "S"},
        {"AttributeName": "at", "AttributeType": "N"},
    ],
    "KeySchema": [
        {"AttributeName": "id", "KeyType": "HASH"},
        {"AttributeName": "at", "KeyType": "RANGE"},
    ],
    "BillingMode": "PROVISIONED",
    "ProvisionedThroughput": {"ReadCapacityUnits": 5, "WriteCapacityUnits": 6},
}
INDEX = {
    "IndexName": "by-at",
    "KeySchema": [{"AttributeName": "at", "KeyType": "HASH"}],
    "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["name", "type"]},
}


def test_both_spellings_are_one() -> None:
    assert table_description(MIGRATORS) == APIS
    assert table_description(APIS) == APIS


def test_what_describe_table_prints_is_taken_as_it_is() -> None:
    described = {**APIS, "GlobalSecondaryIndexes": [INDEX], "TableName": "Example"}
    tags = [{"Key": "team", "Value": "a"}]
    found = table_description({"Table": described, "tags": tags, "ttlAttribute": "expires"})
    assert found == {**described, "Tags": tags, "TtlAttribute": "expires"}


@pytest.mark.parametrize(
    ("given", "table"),
    [
        (True, {}),
        ("Example", {"table": "Example"}),
        ({"table": "Example", "url": "http://h:1"}, {"table": "Example", "url": "http://h:1"}),
    ],
)
def test_a_live_table_describes(given: Any, table: dict[str, str]) -> None:
    assert table_description({"fromTable": given}) == {"fromTable": table}


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ([], ""),
        ({}, ".attributeDefinitions"),
        ({**MIGRATORS, "keySchema": [{"name": "id"}]}, ".keySchema[0].keyType"),
        ({**MIGRATORS, "keySchema": "id"}, ".keySchema"),
        ({**MIGRATORS, "keySchema": [{"name": "no", "type": "HASH"}]}, ".attributeDefinitions"),
        ({**MIGRATORS, "billingMode": "FREE"}, ".billingMode"),
        ({"fromTable": "Example", "keySchema": []}, ".fromTable"),
        ({"fromTable": {"tables": "x"}}, ".fromTable.tables"),
        ({"fromTable": False}, ".fromTable"),
    ],
)
def test_a_description_that_is_none_is_told_at_its_place(given: Any, path: str) -> None:
    with pytest.raises(ValueError, match=r".") as told:
        table_description(given)
    assert wrong_parts(told.value)[0][0] == path


ID, AT = MIGRATORS["attributeDefinitions"]
KEY = [{"name": "id", "type": "HASH"}]
BY_AT = {"name": "by-at", "keySchema": [{"name": "at", "type": "HASH"}]}
GLOBAL = "globalSecondaryIndexes"


@pytest.mark.parametrize(
    ("given", "path", "words"),
    [
        ({"tags": [{"name": "team", "value": "a"}]}, ".tags[0].key", "is missing"),
        ({"tags": [{"key": "team"}]}, ".tags[0].value", "is missing"),
        ({"tags": [{"key": ["team"], "value": "a"}]}, ".tags[0].key", "must be a text"),
        ({"tags": {"team": "a"}}, ".tags", "must be a list, such as [{key: NAME, value: TEXT}]"),
        ({"tags": ["team"]}, ".tags[0]", "must be a section"),
        ({GLOBAL: [{"indexName": "by-at"}]}, f".{GLOBAL}[0].keySchema", "is missing"),
        ({GLOBAL: [{"keySchema": KEY}]}, f".{GLOBAL}[0].indexName", "is missing"),
        ({GLOBAL: [{**BY_AT, "keySchema": "at"}]}, f".{GLOBAL}[0].keySchema", "must be a list"),
        ({GLOBAL: BY_AT}, f".{GLOBAL}", "must be a list"),
        ({GLOBAL: ["by-at"]}, f".{GLOBAL}[0]", "must be a section"),
        (
            {GLOBAL: [{**BY_AT, "projection": "ALL"}]},
            f".{GLOBAL}[0].projection",
            "must be a section",
        ),
        (
            {GLOBAL: [{**BY_AT, "projection": {"projectionType": "all"}}]},
            *(f".{GLOBAL}[0].projection.projectionType", "must be ALL or KEYS_ONLY or INCLUDE"),
        ),
        (
            {
                GLOBAL: [
                    {**BY_AT, "projection": {"projectionType": "INCLUDE", "nonKeyAttributes": "x"}}
                ]
            },
            *(f".{GLOBAL}[0].projection.nonKeyAttributes", "must be a list"),
        ),
        (
            {GLOBAL: [{**BY_AT, "provisionedThroughput": 5}]},
            *(f".{GLOBAL}[0].provisionedThroughput", "must be a section"),
        ),
        ({GLOBAL: [BY_AT, BY_AT]}, "", "has 'by-at' twice"),
        (
            {GLOBAL: [{**BY_AT, "keySchema": [{"name": "x", "type": "HASH"}]}]},
            ".attributeDefinitions",
            "does not say the type of 'x', a key of globalSecondaryIndexes[0]",
        ),
        (
            {
                "localSecondaryIndexes": [
                    {"name": "l", "keySchema": [{"name": "at", "type": "RANGE"}]}
                ]
            },
            *(".localSecondaryIndexes[0].keySchema", "must begin with a HASH attribute"),
        ),
        ({"keySchema": [*KEY, {"name": "at", "type": "HASH"}]}, ".keySchema", "a RANGE attribute"),
        ({"keySchema": [{"name": "at", "type": "RANGE"}, *KEY]}, ".keySchema", "must begin with"),
        ({"keySchema": [{"name": "at", "type": "RANGE"}]}, ".keySchema", "must begin with a HASH"),
        ({"keySchema": [*KEY, {"name": "id", "type": "RANGE"}]}, ".keySchema", "has 'id' twice"),
        ({"keySchema": []}, ".keySchema", "is missing"),
        ({"keySchema": {"name": "id", "type": "HASH"}}, ".keySchema", "must be a list"),
        ({"keySchema": [{"name": ["id"], "type": "HASH"}]}, ".keySchema[0].attributeName", "text"),
        ({"keySchema": [{"name": "id", "type": "hash"}]}, ".keySchema[0].keyType", "HASH or RANGE"),
        ({"attributeDefinitions": {"id": "S"}}, ".attributeDefinitions", "must be a list"),
        ({"attributeDefinitions": [ID, AT, ID]}, ".attributeDefinitions", "has 'id' twice"),
        (
            {"attributeDefinitions": [{"name": "id", "type": {"S": 1}}]},
            *(".attributeDefinitions[0].attributeType", "must be S or N or B"),
        ),
        ({"attributeDefinitions": [ID, None]}, ".attributeDefinitions[1]", "must be a section"),
        ({"provisionedThroughput": 5}, ".provisionedThroughput", "must be a section"),
        (
            {"provisionedThroughput": {"readCapacityUnits": "many", "writeCapacityUnits": 1}},
            *(".provisionedThroughput.readCapacityUnits", "must be a whole number"),
        ),
        ({"billingModeSummary": "PROVISIONED"}, ".billingModeSummary", "must be a section"),
        ({"billingMode": ["PROVISIONED"]}, ".billingMode", "must be PAY_PER_REQUEST or"),
        ({"ttlAttribute": ["expires"]}, ".ttlAttribute", "must be a text"),
        (
            {"timeToLiveDescription": {"attributeName": {"S": "x"}}},
            *(".timeToLiveDescription.attributeName", "must be a text"),
        ),
        (
            {"timeToLiveSpecification": {"attributeName": "x", "enabled": "yes"}},
            *(".timeToLiveSpecification.enabled", "must be true or false"),
        ),
    ],
)
def test_each_part_of_a_description_that_no_table_has_is_told(
    given: dict[str, Any], path: str, words: str
) -> None:
    for whole in ({**MIGRATORS, **given}, {"Table": {**MIGRATORS, **given}}):
        with pytest.raises(ValueError, match=r".") as told:
            table_description(whole)
        ((found, message), *_) = wrong_parts(told.value)
        assert (found, words in message) == (path, True), message


def test_parts_that_are_null_are_as_if_absent() -> None:
    none = dict.fromkeys((GLOBAL, "localSecondaryIndexes", "tags", "provisionedThroughput"))
    expected = {name: each for name, each in APIS.items() if name != "ProvisionedThroughput"}
    assert table_description({**MIGRATORS, **none}) == expected


def test_names_that_yaml_takes_for_numbers_are_texts() -> None:
    keys = {
        "attributeDefinitions": [{"name": 7, "type": "S"}],
        "keySchema": [{"name": 7, "type": "HASH"}],
    }
    assert table_description(keys)["KeySchema"][0]["AttributeName"] == "7"


IN_A_FILE = """\
source:
  type: dynamodb-s3-export
  manifestKeys:
    - ok/1
    - s3://[b]/x
  tableDescription:
    attributeDefinitions: [{name: id, type: S}]
    keySchema: [{name: id, type: HASH}]
    globalSecondaryIndexes:
      - indexName: x
        projection: ALL
target: {type: alternator, table: To, endpoint: {url: "http://scylla:8000"}}
"""


def test_mistakes_within_a_key_are_told_where_they_were_written() -> None:
    found = [(each.path, each.place) for each in refused(IN_A_FILE).mistakes]
    index = "source.tableDescription.globalSecondaryIndexes[0]"
    assert found == [
        ("source.manifestKeys[1]", f"{NAME}, line 5"),
        (f"{index}.keySchema", f"{NAME}, line 10"),
        (f"{index}.projection", f"{NAME}, line 11"),
    ]
