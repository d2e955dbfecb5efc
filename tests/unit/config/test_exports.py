"""Exports as a configuration names and describes them."""

from typing import Any

import pytest

from alternator_migrate.config.descriptions import table_description
from alternator_migrate.config.exports import (
    Location,
    S3ExportSettings,
    S3TargetSettings,
    manifest,
    payer,
)
from alternator_migrate.config.kinds import wrong_parts

SUMMARY = "manifest-summary.json"


@pytest.mark.parametrize(
    ("bucket", "written", "location"),
    [
        ("b", f"p/AWSDynamoDB/1/{SUMMARY}", Location("b", f"p/AWSDynamoDB/1/{SUMMARY}")),
        ("b", "p/AWSDynamoDB/1/", Location("b", f"p/AWSDynamoDB/1/{SUMMARY}")),
        (None, "s3://b/p/AWSDynamoDB/1", Location("b", f"p/AWSDynamoDB/1/{SUMMARY}")),
        ("a", "s3a://b/p#1?", Location("b", f"p#1?/{SUMMARY}")),
        (None, "file:///a%20b/1", Location(None, f"/a b/1/{SUMMARY}")),
        (None, "/x/1", Location(None, f"/x/1/{SUMMARY}")),
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
        ({**MIGRATORS, "keySchema": [{"name": "id"}]}, ".keySchema[0]"),
        ({**MIGRATORS, "keySchema": "id"}, ".keySchema"),
        ({**MIGRATORS, "keySchema": [{"name": "no", "type": "HASH"}]}, ".attributeDefinitions"),
        ({**MIGRATORS, "billingMode": "FREE"}, ""),
        ({"fromTable": "Example", "keySchema": []}, ".fromTable"),
        ({"fromTable": {"tables": "x"}}, ".fromTable.tables"),
        ({"fromTable": False}, ".fromTable"),
    ],
)
def test_a_description_that_is_none_is_told_at_its_place(given: Any, path: str) -> None:
    with pytest.raises(ValueError, match=r".") as told:
        table_description(given)
    assert wrong_parts(told.value)[0][0] == path
