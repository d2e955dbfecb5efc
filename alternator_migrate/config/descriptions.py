"""A table described by hand: as ScyllaDB Migrator has it, or as DescribeTable does."""

from collections.abc import Mapping
from typing import Any, Final

from alternator_migrate.config.described_table import described_table
from alternator_migrate.config.kinds import Wrong, base_url, each_of, table_name, text
from alternator_migrate.config.variables import meant

FROM_TABLE: Final = "fromTable"
_SHORT: Final = {"AttributeDefinitions": "AttributeType", "KeySchema": "KeyType"}


def table_description(value: Any) -> Mapping[str, Any]:
    """A description with the names of DescribeTable, of which `AttributeDefinitions` and
    `KeySchema` are sure to be there; or `{"fromTable": {"table": ..., "region": ..., "url": ...}}`,
    of which each may be absent."""
    if not isinstance(value, dict):
        raise ValueError("must be a section: keySchema and attributeDefinitions, or fromTable")
    if FROM_TABLE in value:
        return _from_table(value)
    given = value.get("Table", value)
    if not isinstance(given, dict):
        raise Wrong([(".Table", "must be a section")])
    beside = {name: each for name, each in value.items() if name != "Table"}
    found: dict[str, Any] = _pascal(given if given is value else {**beside, **given}, "")
    return described_table(found)


def _from_table(value: Mapping[str, Any]) -> Mapping[str, Any]:
    if len(value) > 1:
        raise Wrong([(f".{FROM_TABLE}", "stands alone: the table has all else")])
    table = meant(value[FROM_TABLE])
    given = {} if table is True else table if isinstance(table, dict) else {"table": table}
    kinds = {"table": table_name, "region": text, "url": base_url}
    if unknown := [name for name in given if name not in kinds]:
        raise Wrong([(f".{FROM_TABLE}.{name}", f"is not {', '.join(kinds)}") for name in unknown])
    parts = [(name, kinds[name], each) for name, each in given.items()]
    found = {name: each_of(kind, [(f".{FROM_TABLE}", each)])[0] for name, kind, each in parts}
    return {FROM_TABLE: found}


def _pascal(value: Any, within: str) -> Any:
    """Keys of the camelCase form, at any depth, with the API's names; `within` is the API's name
    of what a value stands in."""
    if isinstance(value, list):
        return [_pascal(each, within) for each in value]
    if not isinstance(value, dict):
        return value
    found: dict[str, Any] = {}
    for name, each in value.items():
        api = _api_name(str(name), within)
        found[api] = _pascal(each, api)
    return found


def _api_name(name: str, within: str) -> str:
    if within in _SHORT and name in ("name", "type"):
        return "AttributeName" if name == "name" else _SHORT[within]
    if name == "name" and within.endswith("SecondaryIndexes"):
        return "IndexName"
    return name[:1].upper() + name[1:]
