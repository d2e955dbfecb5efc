"""The parts of a table's description that are read, with the names of DescribeTable: each of its
kind, and what belongs together."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from alternator_migrate.config.kinds import (
    Kind,
    Wrong,
    any_text,
    each_of,
    flag,
    integer,
    list_of,
    one_of,
    text,
)
from alternator_migrate.config.variables import meant

_INDEXES: Final = ("GlobalSecondaryIndexes", "LocalSecondaryIndexes")
_TAG_FORM: Final = "[{key: NAME, value: TEXT}]"


def described_table(value: Any) -> dict[str, Any]:
    """A description whose parts are as they should be, those that are null or empty left out; what
    is not known here is kept. Raises `ValueError` with the paths of its mistakes, in camelCase."""
    found: dict[str, Any] = _TABLE(value)
    keys = found["KeySchema"]
    defined = [each["AttributeName"] for each in found["AttributeDefinitions"]]
    wrong = [*_twice(".attributeDefinitions", defined), *_of_table_key(keys)]
    indexes = [
        (f".{_camel(kind)}[{place}]", each)
        for kind in _INDEXES
        for place, each in enumerate(found.get(kind, ()))
    ]
    wrong += _twice("", [each["IndexName"] for _, each in indexes])
    for path, schema in (("", keys), *((path, each["KeySchema"]) for path, each in indexes)):
        wrong += _of_schema(f"{path}.keySchema", schema)
        names = [each["AttributeName"] for each in schema]
        if absent := ", ".join(repr(name) for name in names if name not in defined):
            for_whom = f", a key of {path[1:]}" if path else ""
            words = f"does not say the type of {absent}{for_whom}"
            wrong.append((".attributeDefinitions", words))
    if wrong:
        raise Wrong(wrong)
    return found


def _of_table_key(schema: Sequence[Mapping[str, str]]) -> Iterator[tuple[str, str]]:
    kinds = [each["KeyType"] for each in schema]
    if len(kinds) > 2 or kinds == ["HASH", "HASH"]:
        yield ".keySchema", "must be a HASH attribute, and after it a RANGE attribute or none"


def _of_schema(path: str, schema: Sequence[Mapping[str, str]]) -> Iterator[tuple[str, str]]:
    yield from _twice(path, [each["AttributeName"] for each in schema])
    kinds = [each["KeyType"] for each in schema]
    if "HASH" not in kinds or kinds != sorted(kinds):
        yield path, "must begin with a HASH attribute, and RANGE comes after it"


def _twice(path: str, names: Sequence[str]) -> Iterator[tuple[str, str]]:
    for name, count in Counter(names).items():
        if count > 1:
            yield path, f"has {name!r} twice"


def _section(members: Mapping[str, Kind], *needed: str, form: str = "") -> Kind:
    """A section with some members that are known, of which some are `needed`; `form` shows one."""

    def check(value: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise ValueError(f"must be a section{form and f', such as {form}'}")
        given = {name: each for name, each in value.items() if each not in (None, [])}
        wrong = [(f".{_camel(name)}", "is missing") for name in needed if name not in given]
        found: dict[str, Any] = {}
        for name, each in given.items():
            try:
                (found[name],) = each_of(members.get(name, _plain), [(f".{_camel(name)}", each)])
            except Wrong as error:
                wrong += error.parts
        if wrong:
            raise Wrong(wrong)
        return found

    return check


def _listed(kind: Kind, form: str) -> Kind:
    """A list of a kind; `form` shows one."""

    def check(value: Any) -> list[Any]:
        if not isinstance(value, list):
            raise ValueError(f"must be a list, such as {form}")
        return list(list_of(kind)(value))

    return check


def _plain(value: Any) -> Any:
    """What is not read here, of any kind."""
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    value = meant(value)
    return int(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _expiry(value: Any) -> Any:
    """The attribute of TTL, or what DescribeTimeToLive or UpdateTimeToLive have of it."""
    members = {"AttributeName": text, "Enabled": flag, "TimeToLiveStatus": text}
    return _section(members)(value) if isinstance(value, dict) else text(value)


def _camel(name: str) -> str:
    return name[:1].lower() + name[1:]


_MODE: Final = one_of("PAY_PER_REQUEST", "PROVISIONED")
_KEYS: Final = _listed(
    _section(
        {"AttributeName": text, "KeyType": one_of("HASH", "RANGE")}, "AttributeName", "KeyType"
    ),
    "[{name: id, type: HASH}]",
)
_UNITS: Final = _section(
    {"ReadCapacityUnits": integer(0), "WriteCapacityUnits": integer(0)},
    form="{readCapacityUnits: 5, writeCapacityUnits: 5}",
)
_PROJECTION: Final = _section(
    {
        "ProjectionType": one_of("ALL", "KEYS_ONLY", "INCLUDE"),
        "NonKeyAttributes": _listed(text, "[name, type]"),
    },
    "ProjectionType",
    form="{projectionType: ALL}",
)
_INDEX_LIST: Final = _listed(
    _section(
        {
            "IndexName": text,
            "KeySchema": _KEYS,
            "Projection": _PROJECTION,
            "ProvisionedThroughput": _UNITS,
        },
        *("IndexName", "KeySchema"),
    ),
    "[{indexName: NAME, keySchema: [...], projection: {projectionType: ALL}}]",
)
_TABLE: Final = _section(
    {
        "TableName": text,
        "AttributeDefinitions": _listed(
            _section(
                {"AttributeName": text, "AttributeType": one_of("S", "N", "B")},
                *("AttributeName", "AttributeType"),
            ),
            "[{name: id, type: S}]",
        ),
        "KeySchema": _KEYS,
        **dict.fromkeys(_INDEXES, _INDEX_LIST),
        "BillingMode": _MODE,
        "BillingModeSummary": _section({"BillingMode": _MODE}),
        "ProvisionedThroughput": _UNITS,
        "Tags": _listed(_section({"Key": text, "Value": any_text}, "Key", "Value"), _TAG_FORM),
        **dict.fromkeys(
            ("TtlAttribute", "TimeToLiveDescription", "TimeToLiveSpecification"), _expiry
        ),
    },
    *("AttributeDefinitions", "KeySchema"),
)
