"""Tables as the DynamoDB API describes them, to and from `TableSpec`.

Shapes are those of DescribeTable, CreateTable and UpdateTable.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal, TypeAlias

KeyType: TypeAlias = Literal["HASH", "RANGE"]


@dataclass(frozen=True, slots=True)
class KeyElement:
    """One element of a key schema."""

    name: str
    type: KeyType


@dataclass(frozen=True, slots=True)
class Throughput:
    """Provisioned capacity, in units per second."""

    read: int
    write: int


@dataclass(frozen=True, slots=True)
class Index:
    """A secondary index; `projection` is a Projection as the API has it; `throughput` is None
    for a local index and on demand."""

    name: str
    keys: tuple[KeyElement, ...]
    local: bool
    projection: Mapping[str, object]
    throughput: Throughput | None = None


@dataclass(frozen=True, slots=True)
class TableSpec:
    """All of a table's description that a migration can create again.

    `attributes` maps each key attribute to its type, S, N or B; `throughput` is None on demand.
    """

    name: str
    keys: tuple[KeyElement, ...]
    attributes: Mapping[str, str]
    indexes: tuple[Index, ...] = ()
    throughput: Throughput | None = None
    ttl_attribute: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def key_names(self) -> tuple[str, ...]:
        """Names of the table's own key attributes, HASH first."""
        return tuple(element.name for element in self.keys)

    def with_indexes(self, indexes: Sequence[Index]) -> "TableSpec":
        """The same table with these indexes, and only the attributes that keys still use."""
        used = {element.name for element in self.keys}
        used |= {element.name for index in indexes for element in index.keys}
        attributes = {name: kind for name, kind in self.attributes.items() if name in used}
        return replace(self, indexes=tuple(indexes), attributes=attributes)


@dataclass(frozen=True, slots=True)
class TableState:
    """A table as a server describes it now.

    `id` tells it from a table of the same name made before or after (its id, or when it was
    created). `items` and `size` (bytes) are the server's own, hours old or absent (0).
    `left_out` names what the table has that no migration copies (encryption settings, ...).
    `denied` has the operations that the server does not allow, with the right that is lacking.
    """

    spec: TableSpec
    id: str
    status: str
    items: int = 0
    size: int = 0
    left_out: tuple[str, ...] = ()
    arn: str = ""
    denied: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TableStream:
    """A table's newest stream; `view` is its view type, NEW_IMAGE and so on."""

    arn: str
    view: str
    enabled: bool


Tags = Mapping[str, str]
_NOT_COPIED: Final = {
    "SSEDescription": "server-side encryption settings",
    "TableClassSummary": "the table class",
    "DeletionProtectionEnabled": "deletion protection",
    "StreamSpecification": "the stream setting",
    "Replicas": "global table replicas",
    "OnDemandThroughput": "on-demand throughput limits",
    "VectorIndexes": "vector indexes",
}


def read_state(
    description: Mapping[str, Any],
    ttl: str | None,
    tags: Tags,
    denied: Mapping[str, str] | None = None,
) -> TableState:
    """The state of a table from DescribeTable's `Table`, its TTL attribute and its tags, as far
    as they are not `denied`."""
    indexes = [
        _index(found, local=False) for found in description.get("GlobalSecondaryIndexes", ())
    ]
    indexes += [_index(found, local=True) for found in description.get("LocalSecondaryIndexes", ())]
    definitions = description.get("AttributeDefinitions", ())
    spec = TableSpec(
        name=description["TableName"],
        keys=_keys(description["KeySchema"]),
        attributes={found["AttributeName"]: found["AttributeType"] for found in definitions},
        indexes=tuple(indexes),
        throughput=billing(description),
        ttl_attribute=ttl,
        tags=dict(tags),
    )
    return TableState(
        spec=spec.with_indexes(indexes),
        id=identity(description),
        status=description.get("TableStatus", "ACTIVE"),
        items=description.get("ItemCount", 0),
        size=description.get("TableSizeBytes", 0),
        left_out=tuple(_left_out(description)),
        arn=str(description.get("TableArn", "")),
        denied=denied or {},
    )


def identity(description: Mapping[str, Any]) -> str:
    """What tells a table from others of its name, from DescribeTable's `Table`: its id, or when it
    was made; "" where the server says neither."""
    return str(description.get("TableId") or description.get("CreationDateTime", ""))


def read_stream(description: Mapping[str, Any]) -> TableStream | None:
    """The newest stream of a table from DescribeTable's `Table`; None if it never had one.

    AWS leaves out the StreamSpecification of a disabled stream, ScyllaDB says that it is disabled.
    """
    setting = description.get("StreamSpecification", {})
    arn = description.get("LatestStreamArn")
    if not arn:
        return None
    return TableStream(arn, setting.get("StreamViewType", ""), bool(setting.get("StreamEnabled")))


def creation(spec: TableSpec) -> dict[str, Any]:
    """The arguments of CreateTable; TTL is enabled by a call of its own."""
    request: dict[str, Any] = {
        "TableName": spec.name,
        "KeySchema": _key_schema(spec.keys),
        "AttributeDefinitions": definitions(spec),
        "BillingMode": "PROVISIONED" if spec.throughput else "PAY_PER_REQUEST",
    }
    if spec.throughput:
        request["ProvisionedThroughput"] = _units(spec.throughput)
    for parameter, local in (("LocalSecondaryIndexes", True), ("GlobalSecondaryIndexes", False)):
        if found := [index_creation(index) for index in spec.indexes if index.local is local]:
            request[parameter] = found
    if spec.tags:
        request["Tags"] = tag_list(spec.tags)
    return request


def definitions(spec: TableSpec) -> list[dict[str, str]]:
    """AttributeDefinitions of a table."""
    return [{"AttributeName": n, "AttributeType": kind} for n, kind in spec.attributes.items()]


def index_creation(index: Index) -> dict[str, Any]:
    """The description of one index as CreateTable and UpdateTable take it."""
    request = {
        "IndexName": index.name,
        "KeySchema": _key_schema(index.keys),
        "Projection": dict(index.projection),
    }
    if index.throughput:
        request["ProvisionedThroughput"] = _units(index.throughput)
    return request


def tag_list(tags: Tags) -> list[dict[str, str]]:
    """Tags as the API has them."""
    return [{"Key": key, "Value": value} for key, value in sorted(tags.items())]


def differences(wanted: TableSpec, existing: TableSpec, late: Sequence[Index] = ()) -> list[str]:
    """The differences that keep `existing` from serving as `wanted`: keys, their types, indexes,
    another TTL.

    An index in `late` may be absent. A hash-only global index may show the table's own key as
    a second element, as ScyllaDB describes it.
    """
    found = []
    if wanted.keys != existing.keys:
        found.append(f"keys: wanted {_shown(wanted.keys)}, found {_shown(existing.keys)}")
    for name, kind in wanted.attributes.items():
        there = existing.attributes.get(name)
        if there is not None and there != kind:
            found.append(f"key attribute {name}: wanted type {kind}, found {there}")
    if wanted.ttl_attribute and existing.ttl_attribute not in (None, wanted.ttl_attribute):
        found.append(f"TTL: wanted on {wanted.ttl_attribute}, found on {existing.ttl_attribute}")
    present = {index.name: index for index in existing.indexes}
    may_be_absent = {index.name for index in late}
    for index in wanted.indexes:
        there_index = present.get(index.name)
        if there_index is None:
            if index.name not in may_be_absent:
                found.append(f"index {index.name}: missing")
        elif not _same_index_keys(index, there_index, existing):
            found.append(
                f"index {index.name}: wanted {_shown(index.keys)}, found {_shown(there_index.keys)}"
            )
    return found


def same_table(one: TableState, other: TableState) -> bool:
    """Whether both are one table, whatever name, host or account it is given by."""
    return bool(one.id) and (one.id, one.arn) == (other.id, other.arn)


def _keys(key_schema: Iterable[Mapping[str, Any]]) -> tuple[KeyElement, ...]:
    return tuple(KeyElement(element["AttributeName"], element["KeyType"]) for element in key_schema)


def _key_schema(keys: Iterable[KeyElement]) -> list[dict[str, str]]:
    return [{"AttributeName": element.name, "KeyType": element.type} for element in keys]


def _shown(keys: Iterable[KeyElement]) -> str:
    return ", ".join(f"{element.name} {element.type}" for element in keys)


def _units(throughput: Throughput) -> dict[str, int]:
    return {"ReadCapacityUnits": throughput.read, "WriteCapacityUnits": throughput.write}


def _throughput(found: Mapping[str, Any] | None) -> Throughput | None:
    if not found or not found.get("ReadCapacityUnits") or not found.get("WriteCapacityUnits"):
        return None
    return Throughput(found["ReadCapacityUnits"], found["WriteCapacityUnits"])


def billing(description: Mapping[str, Any]) -> Throughput | None:
    mode = description.get("BillingModeSummary", {}).get("BillingMode", "PROVISIONED")
    return _throughput(description.get("ProvisionedThroughput")) if mode == "PROVISIONED" else None


def _index(found: Mapping[str, Any], *, local: bool) -> Index:
    return Index(
        name=found["IndexName"],
        keys=_keys(found["KeySchema"]),
        local=local,
        projection=dict(found.get("Projection") or {"ProjectionType": "ALL"}),
        throughput=None if local else _throughput(found.get("ProvisionedThroughput")),
    )


def _left_out(description: Mapping[str, Any]) -> Iterable[str]:
    for parameter, what in _NOT_COPIED.items():
        value = description.get(parameter)
        if isinstance(value, Mapping):
            switched_off = value.get("StreamEnabled") is False or value.get("Status") == "DISABLED"
            standard = value.get("TableClass") == "STANDARD"
            value = not (switched_off or standard)
        if value:
            yield what


def _same_index_keys(wanted: Index, there: Index, table: TableSpec) -> bool:
    if wanted.keys == there.keys:
        return True
    described = there.keys[: len(wanted.keys)]
    extra = there.keys[len(wanted.keys) :]
    return (
        len(wanted.keys) == 1
        and described == wanted.keys
        and all(element.name in table.key_names for element in extra)
    )
