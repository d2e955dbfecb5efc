"""From DescribeTable to the words of the house, to CreateTable; and two tables compared."""

from dataclasses import replace
from typing import Any

import pytest

from alternator_migrate.dynamodb.table_schema import (
    Index,
    KeyElement,
    TableSpec,
    Throughput,
    creation,
    definitions,
    differences,
    index_creation,
    read_state,
    tag_list,
)
from tests.support.descriptions import described, index, keys, state


def test_a_description_is_read_whole() -> None:
    description = described(
        "id",
        "at",
        attributes={"at": "N"},
        units=(5, 6),
        on_demand=False,
        GlobalSecondaryIndexes=[index("by-city", "city", "at", projection=["a"], units=(1, 2))],
        LocalSecondaryIndexes=[index("by-size", "id", "size", projection="KEYS_ONLY")],
    )
    found = read_state(description, "expires", {"team": "a"})
    assert found.spec == TableSpec(
        name="Example",
        keys=(KeyElement("id", "HASH"), KeyElement("at", "RANGE")),
        attributes={"at": "N", "city": "S", "id": "S", "size": "S"},
        indexes=(
            Index(
                name="by-city",
                keys=(KeyElement("city", "HASH"), KeyElement("at", "RANGE")),
                local=False,
                projection={"ProjectionType": "INCLUDE", "NonKeyAttributes": ["a"]},
                throughput=Throughput(1, 2),
            ),
            Index(
                name="by-size",
                keys=(KeyElement("id", "HASH"), KeyElement("size", "RANGE")),
                local=True,
                projection={"ProjectionType": "KEYS_ONLY"},
            ),
        ),
        throughput=Throughput(5, 6),
        ttl_attribute="expires",
        tags={"team": "a"},
    )
    assert (found.id, found.status, found.items, found.size) == ("0c5f", "ACTIVE", 7, 700)
    assert found.spec.key_names == ("id", "at")
    assert found.left_out == ()


def test_a_scarce_description_is_enough() -> None:
    found = read_state({"TableName": "T", "KeySchema": keys("id")}, None, {})
    assert (found.id, found.status, found.items, found.size) == ("", "ACTIVE", 0, 0)
    assert found.spec.throughput is None
    assert found.spec.indexes == ()


@pytest.mark.parametrize(
    ("billing", "throughput"),
    [
        ({"BillingModeSummary": {"BillingMode": "PAY_PER_REQUEST"}}, None),
        ({"BillingModeSummary": {"BillingMode": "PROVISIONED"}}, Throughput(3, 4)),
        ({}, Throughput(3, 4)),
        ({"ProvisionedThroughput": {"ReadCapacityUnits": 0, "WriteCapacityUnits": 0}}, None),
        ({"ProvisionedThroughput": {}}, None),
    ],
)
def test_capacity_is_that_of_a_provisioned_table_only(
    billing: dict[str, Any], throughput: Throughput | None
) -> None:
    description = {**described(units=(3, 4), on_demand=False), **billing}
    assert state(description).spec.throughput == throughput


def test_an_index_without_a_projection_projects_all() -> None:
    bare = {"IndexName": "i", "KeySchema": keys("city")}
    found = state(described(GlobalSecondaryIndexes=[bare]))
    assert found.spec.indexes[0].projection == {"ProjectionType": "ALL"}
    assert found.spec.indexes[0].throughput is None


def test_attribute_definitions_that_no_key_uses_are_left_out() -> None:
    found = state(described("id", attributes={"stale": "N"}))
    assert definitions(found.spec) == [{"AttributeName": "id", "AttributeType": "S"}]


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ({"SSEDescription": {"Status": "ENABLED", "SSEType": "KMS"}}, "encryption"),
        ({"TableClassSummary": {"TableClass": "STANDARD_INFREQUENT_ACCESS"}}, "table class"),
        ({"DeletionProtectionEnabled": True}, "deletion protection"),
        ({"StreamSpecification": {"StreamEnabled": True}}, "stream"),
        ({"Replicas": [{"RegionName": "eu-west-1"}]}, "replicas"),
        ({"OnDemandThroughput": {"MaxReadRequestUnits": 9}}, "on-demand throughput"),
    ],
)
def test_what_no_migration_copies_is_named(setting: dict[str, Any], told: str) -> None:
    (left_out,) = state(described(**setting)).left_out
    assert told in left_out


@pytest.mark.parametrize(
    "setting",
    [
        {"SSEDescription": {"Status": "DISABLED"}},
        {"TableClassSummary": {"TableClass": "STANDARD"}},
        {"DeletionProtectionEnabled": False},
        {"StreamSpecification": {"StreamEnabled": False}},
        {"Replicas": []},
        {"ItemCount": 5, "TableArn": "arn:x", "WarmThroughput": {"Status": "ACTIVE"}},
    ],
)
def test_what_is_switched_off_or_standard_is_not_worth_a_word(setting: dict[str, Any]) -> None:
    assert state(described(**setting)).left_out == ()


def test_a_creation_on_demand_names_no_capacity() -> None:
    request = creation(state(described("id", "at"), tags={"b": "2", "a": "1"}).spec)
    assert request == {
        "TableName": "Example",
        "KeySchema": keys("id", "at"),
        "AttributeDefinitions": [
            {"AttributeName": "at", "AttributeType": "S"},
            {"AttributeName": "id", "AttributeType": "S"},
        ],
        "BillingMode": "PAY_PER_REQUEST",
        "Tags": [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}],
    }


def test_a_creation_with_capacity_and_indexes_says_it_all() -> None:
    description = described(
        units=(5, 6),
        on_demand=False,
        GlobalSecondaryIndexes=[index("g", "city", units=(1, 2))],
        LocalSecondaryIndexes=[index("l", "id", "size", units=(9, 9))],
    )
    request = creation(state(description).spec)
    assert request["BillingMode"] == "PROVISIONED"
    assert request["ProvisionedThroughput"] == {"ReadCapacityUnits": 5, "WriteCapacityUnits": 6}
    (made,) = request["GlobalSecondaryIndexes"]
    assert made["ProvisionedThroughput"] == {"ReadCapacityUnits": 1, "WriteCapacityUnits": 2}
    assert request["LocalSecondaryIndexes"] == [
        {
            "IndexName": "l",
            "KeySchema": keys("id", "size"),
            "Projection": {"ProjectionType": "ALL"},
        }
    ]
    assert index_creation(state(description).spec.indexes[0]) == made
    assert "Tags" not in request


def test_what_was_created_reads_the_same() -> None:
    description = described(
        "id",
        "at",
        units=(5, 6),
        on_demand=False,
        GlobalSecondaryIndexes=[index("g", "city", projection=["a"], units=(1, 2))],
        LocalSecondaryIndexes=[index("l", "id", "size", projection="KEYS_ONLY")],
    )
    spec = state(description).spec
    assert read_state(creation(spec), None, {}).spec == spec


def test_tags_are_listed_in_order_of_their_names() -> None:
    assert tag_list({"b": "", "a": "x"}) == [{"Key": "a", "Value": "x"}, {"Key": "b", "Value": ""}]


def spec(*names: str, attributes: dict[str, str] | None = None, **more: Any) -> TableSpec:
    """The specification of a described table."""
    return state(described(*names, attributes=attributes, **more)).spec


def test_a_table_fits_itself_and_whatever_else_it_has() -> None:
    wanted = spec("id", "at", GlobalSecondaryIndexes=[index("g", "city")])
    more = spec("id", "at", GlobalSecondaryIndexes=[index("g", "city"), index("h", "x")])
    assert differences(wanted, wanted) == []
    assert differences(wanted, replace(more, name="other", tags={"a": "1"})) == []


def test_other_keys_and_types_are_told() -> None:
    wanted = spec("id", "at")
    assert differences(wanted, spec("at", "id")) == [
        "keys: wanted id HASH, at RANGE, found at HASH, id RANGE"
    ]
    assert differences(wanted, spec("id")) == ["keys: wanted id HASH, at RANGE, found id HASH"]
    assert differences(wanted, spec("id", "at", attributes={"at": "N"})) == [
        "key attribute at: wanted type S, found N"
    ]


def test_missing_and_other_indexes_are_told() -> None:
    wanted = spec(GlobalSecondaryIndexes=[index("g", "city", "at"), index("h", "x")])
    existing = spec(GlobalSecondaryIndexes=[index("g", "at", "city")])
    assert differences(wanted, existing) == [
        "index g: wanted city HASH, at RANGE, found at HASH, city RANGE",
        "index h: missing",
    ]


def test_a_late_index_may_be_absent_but_not_wrong() -> None:
    wanted = spec(GlobalSecondaryIndexes=[index("g", "city")])
    assert differences(wanted, spec(), late=wanted.indexes) == []
    other = spec(GlobalSecondaryIndexes=[index("g", "town")])
    assert differences(wanted, other, late=wanted.indexes) == [
        "index g: wanted city HASH, found town HASH"
    ]


def test_a_hash_only_index_may_show_the_tables_key_as_scylladb_tells_it() -> None:
    wanted = spec("id", "at", GlobalSecondaryIndexes=[index("g", "city")])
    shown = spec("id", "at", GlobalSecondaryIndexes=[index("g", "city", "id")])
    assert differences(wanted, shown) == []


def test_no_other_second_key_is_taken_for_scylladbs_way() -> None:
    hash_only = spec("id", GlobalSecondaryIndexes=[index("g", "city")])
    foreign = spec("id", GlobalSecondaryIndexes=[index("g", "city", "size")])
    assert differences(hash_only, foreign) == [
        "index g: wanted city HASH, found city HASH, size RANGE"
    ]
    with_range = spec("id", GlobalSecondaryIndexes=[index("g", "city", "size")])
    assert differences(with_range, hash_only) == [
        "index g: wanted city HASH, size RANGE, found city HASH"
    ]


def test_ttl_on_another_attribute_is_told_and_absent_ttl_is_not() -> None:
    wanted = replace(spec(), ttl_attribute="expires")
    assert differences(wanted, replace(spec(), ttl_attribute="ends")) == [
        "TTL: wanted on expires, found on ends"
    ]
    assert differences(wanted, wanted) == []
    assert differences(wanted, spec()) == []
    assert differences(spec(), wanted) == []
