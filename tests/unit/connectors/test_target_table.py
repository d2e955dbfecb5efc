"""What becomes of a table at each kind of target, and that a person is told."""

from typing import Any

import pytest

from alternator_migrate.connectors.target_table import TargetPlan
from alternator_migrate.core.errors import UsageError
from alternator_migrate.dynamodb.dialect import ALTERNATOR, DYNAMODB, Dialect
from alternator_migrate.dynamodb.table_schema import TableState, Throughput, creation
from tests.support.descriptions import described, index, state
from tests.support.plans import BOTH, planned


def with_indexes(*gsis: Any, lsis: tuple[Any, ...] = (), **more: Any) -> TableState:
    """A table with the key id, at and these indexes."""
    more |= {"GlobalSecondaryIndexes": list(gsis)} if gsis else {}
    more |= {"LocalSecondaryIndexes": list(lsis)} if lsis else {}
    return state(described("id", "at", **more))


def defined(plan: TargetPlan) -> set[str]:
    """The attributes that CreateTable would define."""
    return {each["AttributeName"] for each in creation(plan.spec)["AttributeDefinitions"]}


@BOTH
def test_a_plain_table_is_planned_as_it_is(dialect: Dialect) -> None:
    source = state(described("id", "at", name="Source"), "expires", {"team": "a"})
    plan = planned(source, dialect, name="Target")
    assert plan.notes == ()
    assert plan.late == ()
    assert (plan.spec.name, plan.spec.keys) == ("Target", source.spec.keys)
    assert plan.spec.attributes == source.spec.attributes
    assert (plan.spec.ttl_attribute, dict(plan.spec.tags)) == ("expires", {"team": "a"})


@pytest.mark.parametrize("projection", ["KEYS_ONLY", ["a", "b"]])
def test_alternator_widens_a_projection_and_dynamodb_keeps_it(projection: Any) -> None:
    source = with_indexes(index("g", "city", projection=projection))
    plan = planned(source)
    assert plan.spec.indexes[0].projection == {"ProjectionType": "ALL"}
    kind = source.spec.indexes[0].projection["ProjectionType"]
    assert plan.notes == (
        f"index g: projection {kind} becomes ALL (Alternator projects every attribute)",
    )
    kept = planned(source, DYNAMODB)
    assert (kept.spec.indexes, kept.notes) == (source.spec.indexes, ())


@pytest.mark.parametrize("keys", [("a+b",), ("city", "a+b"), ("a+b", "at"), ("a+b", "c+d")])
def test_alternator_drops_an_index_with_composite_keys_and_dynamodb_keeps_it(
    keys: tuple[str, ...],
) -> None:
    source = with_indexes(index("g", *keys), index("h", "city"))
    plan = planned(source)
    assert [each.name for each in plan.spec.indexes] == ["h"]
    assert defined(plan) == {"id", "at", "city"}
    (note,) = plan.notes
    assert note.startswith("index g: dropped, Alternator has no multi-attribute ")
    kept = planned(source, DYNAMODB)
    assert (kept.spec.indexes, kept.notes) == (source.spec.indexes, ())


@pytest.mark.parametrize(
    ("local", "table", "name", "kept"),
    [
        (False, 192, 29, True),
        (False, 192, 30, False),
        (True, 192, 28, True),
        (True, 192, 29, False),
        (False, 3, 218, True),
        (False, 3, 219, False),
    ],
)
def test_an_index_whose_name_is_too_long_for_alternator_is_dropped(
    local: bool, table: int, name: int, kept: bool
) -> None:
    made = index("i" * name, "id", "size")
    source = with_indexes(lsis=(made,)) if local else with_indexes(made)
    plan = planned(source, name="t" * table)
    assert len(plan.spec.indexes) == kept
    assert ("size" in defined(plan)) is kept
    if not kept:
        assert "dropped" in plan.notes[0] and "222 characters" in plan.notes[0]
    assert len(planned(source, DYNAMODB, name="t" * table).spec.indexes) == 1


@pytest.mark.parametrize(("dialect", "most"), [(ALTERNATOR, 192), (DYNAMODB, 255)])
def test_a_table_name_that_is_too_long_is_refused(dialect: Dialect, most: int) -> None:
    assert planned(state(), dialect, name="t" * most).spec.name == "t" * most
    with pytest.raises(UsageError, match=f"up to {most} characters") as refused:
        planned(state(), dialect, name="t" * (most + 1))
    assert "target.table" in refused.value.hint


@pytest.mark.parametrize("name", [".scylla.alternator.foo", "T_scylla_cdc_log", "T$paxos"])
def test_a_table_name_that_alternator_keeps_to_itself_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="keeps such names to itself") as refused:
        planned(state(), name=name)
    assert "target.table" in refused.value.hint
    assert planned(state(), DYNAMODB, name=name).spec.name == name


def test_alternator_has_no_key_attribute_called_attrs() -> None:
    with pytest.raises(UsageError, match=":attrs") as refused:
        planned(state(described(":attrs")))
    assert "renames" in refused.value.hint
    assert planned(state(described(":attrs")), DYNAMODB).spec.key_names == (":attrs",)
    assert planned(state(described(":attrs")), renames={":attrs": "a"}).spec.key_names == ("a",)
    plan = planned(with_indexes(index("g", ":attrs")))
    assert plan.spec.indexes == ()
    assert plan.notes == (
        "index g: dropped, Alternator cannot have a key attribute named ':attrs'",
    )


def test_renames_reach_keys_indexes_projections_and_ttl() -> None:
    source = state(
        described(
            "id",
            "at",
            attributes={"at": "N"},
            GlobalSecondaryIndexes=[index("g", "city", "at", projection=["id", "note", "x"])],
            LocalSecondaryIndexes=[index("l", "id", "size")],
        ),
        "note",
    )
    renames = {"id": "pk", "at": "sk", "city": "town", "size": "id", "note": "ends"}
    spec = planned(source, DYNAMODB, renames=renames).spec
    assert spec.key_names == ("pk", "sk")
    assert spec.attributes == {"pk": "S", "sk": "N", "town": "S", "id": "S"}
    assert [[e.name for e in each.keys] for each in spec.indexes] == [["town", "sk"], ["pk", "id"]]
    assert spec.indexes[0].projection["NonKeyAttributes"] == ["pk", "ends", "x"]
    assert spec.ttl_attribute == "ends"


def test_renames_may_swap_the_keys() -> None:
    source = state(described("id", "at", attributes={"at": "N"}))
    spec = planned(source, renames={"id": "at", "at": "id"}).spec
    assert spec.key_names == ("at", "id")
    assert spec.attributes == {"at": "S", "id": "N"}


@BOTH
@pytest.mark.parametrize("renames", [{"id": "at"}, {"city": "id"}, {"x": "id"}])
def test_a_rename_to_a_key_attribute_that_keeps_its_name_is_refused(
    dialect: Dialect, renames: dict[str, str]
) -> None:
    with pytest.raises(UsageError, match="renames"):
        planned(with_indexes(index("g", "city")), dialect, renames=renames)


@BOTH
@pytest.mark.parametrize("mode", [None, "PROVISIONED"])
def test_capacity_is_that_of_the_source(dialect: Dialect, mode: str | None) -> None:
    source = with_indexes(index("g", "city", units=(1, 2)), units=(5, 6), on_demand=False)
    spec = planned(source, dialect, billing_mode=mode).spec
    assert spec.throughput == Throughput(5, 6)
    assert spec.indexes[0].throughput == Throughput(1, 2)


@BOTH
@pytest.mark.parametrize("mode", [None, "PAY_PER_REQUEST"])
def test_on_demand_names_capacity_nowhere(dialect: Dialect, mode: str | None) -> None:
    source = with_indexes(index("g", "city", units=(1, 2)), units=(5, 6), on_demand=mode is None)
    request = creation(planned(source, dialect, billing_mode=mode).spec)
    assert request["BillingMode"] == "PAY_PER_REQUEST"
    assert "ProvisionedThroughput" not in request
    assert "ProvisionedThroughput" not in request["GlobalSecondaryIndexes"][0]


@BOTH
def test_capacity_that_nobody_named_cannot_be_provisioned(dialect: Dialect) -> None:
    with pytest.raises(UsageError, match="billingMode"):
        planned(state(), dialect, billing_mode="PROVISIONED")


def test_a_global_index_of_a_provisioned_table_always_has_capacity_at_dynamodb() -> None:
    source = with_indexes(index("g", "city"), units=(5, 6), on_demand=False)
    request = creation(planned(source, DYNAMODB).spec)
    assert request["BillingMode"] == "PROVISIONED"
    assert "ProvisionedThroughput" in request["GlobalSecondaryIndexes"][0]


@BOTH
def test_indexes_come_before_or_after_the_data_or_not_at_all(dialect: Dialect) -> None:
    source = with_indexes(index("g", "city"), lsis=(index("l", "id", "size"),))
    before, after, skip = (
        planned(source, dialect, indexes="before"),
        planned(source, dialect, indexes="after"),
        planned(source, dialect, indexes="skip"),
    )
    assert (before.late, before.notes) == ((), ())
    assert after.spec == before.spec
    assert [each.name for each in after.late] == ["g"]
    assert ([each.name for each in skip.spec.indexes], skip.late) == (["l"], ())
    assert defined(skip) == {"id", "at", "size"}
    for plan, asked in ((after, "after"), (skip, "skip")):
        assert plan.notes[0] == (
            f"index l: local, created with the table (target.indexes: {asked} is for global "
            "indexes; a local one cannot be added later)"
        )
    assert skip.notes[1:] == ("index g: not created (target.indexes: skip)",)
    assert after.notes[1:] == ()


def test_ttl_is_left_out_on_request_and_told() -> None:
    plan = planned(state(ttl="expires"), copy_ttl=False)
    assert plan.spec.ttl_attribute is None
    assert plan.notes == ("TTL: not enabled on the target (target.copyTtl: false)",)
    assert planned(state(), copy_ttl=False).notes == ()


def test_what_the_source_has_beyond_a_copy_is_told() -> None:
    source = state(described(SSEDescription={"Status": "ENABLED"}, DeletionProtectionEnabled=True))
    assert planned(source).notes == (
        "not copied: server-side encryption settings",
        "not copied: deletion protection",
    )
