"""CreateTable's rules: names, keys, indexes, billing; and the Table that follows from them."""

import re
from collections.abc import Mapping
from typing import Any

from tests.standin.dialect import Dialect
from tests.standin.errors import shown, validation
from tests.standin.state import Index
from tests.standin.values import Column, Item

LEGAL_NAME = re.compile(r"[a-zA-Z0-9_.-]+", re.ASCII)
INTERNAL = ".scylla.alternator."
AUXILIARY_NAME = 222
KEY_NAME_BYTES = 255


def table_name(body: Item) -> str:
    """TableName of any request that must have one."""
    name = body.get("TableName")
    if name is None:
        raise validation("Missing TableName field in request")
    if not isinstance(name, str):
        raise validation("Non-string TableName field in request")
    return name


def check_table_name(name: str, dialect: Dialect) -> None:
    """Length and characters of a table's name."""
    if not 3 <= len(name) <= dialect.name_limit:
        raise validation(
            "TableName must be at least 3 characters long and at most "
            f"{dialect.name_limit} characters long"
        )
    if not LEGAL_NAME.fullmatch(name):
        raise validation("TableName must satisfy regular expression pattern: [a-zA-Z0-9_.-]+")


def new_table_name(body: Item, dialect: Dialect) -> str:
    """A name that CreateTable accepts."""
    name = table_name(body)
    check_table_name(name, dialect)
    if name.startswith(INTERNAL):
        raise validation(f"Prefix {INTERNAL} is reserved for accessing internal tables")
    return name


def check_index_name(table: str, name: str, delimiter: str) -> None:
    """Length and characters of an index's name; `delimiter` is `:` (GSI) or `!:` (LSI)."""
    if len(name) < 3:
        raise validation("IndexName must be at least 3 characters long")
    if not LEGAL_NAME.fullmatch(name):
        raise validation(
            f"IndexName '{name}' must satisfy regular expression pattern: [a-zA-Z0-9_.-]+"
        )
    if len(table) + len(delimiter) + len(name) > AUXILIARY_NAME:
        raise validation(
            f"The total length of TableName ('{table}') and IndexName ('{name}') cannot exceed "
            f"{AUXILIARY_NAME - len(delimiter)} characters"
        )


def definitions(body: Item) -> dict[str, str]:
    """AttributeDefinitions as name to type."""
    listed = body.get("AttributeDefinitions")
    if listed is None:
        raise validation("Missing AttributeDefinitions in CreateTable request")
    if not isinstance(listed, list):
        raise validation("AttributeDefinitions must be an array")
    found: dict[str, str] = {}
    for one in listed:
        name, kind = (_definition_part(one, part) for part in ("AttributeName", "AttributeType"))
        check_key_name(name, "in AttributeDefinitions - ")
        if name in found:
            raise validation(f"Duplicate AttributeName={name} in AttributeDefinitions")
        found[name] = kind
    return found


def _definition_part(one: Any, part: str) -> str:
    value = one.get(part)
    if value is None:
        raise validation(f"{part} missing in AttributeDefinitions")
    if not isinstance(value, str):
        raise validation(f"{part} in AttributeDefinitions must be a string")
    return value


def check_key_name(name: str, where: str) -> None:
    """A key attribute's name has 1 to 255 bytes."""
    if len(name.encode()) > KEY_NAME_BYTES:
        raise validation(f"{where}Attribute name is too large, must be less than 256 bytes")


def key_columns(body: Item, defined: Mapping[str, str]) -> list[Column]:
    """KeySchema as one or two columns, hash first."""
    listed = body.get("KeySchema")
    if not isinstance(listed, list) or not 1 <= len(listed) <= 2:
        raise validation("KeySchema must list exactly one or two key columns")
    if listed[0].get("KeyType") != "HASH":
        raise validation("First key in KeySchema must be a HASH key")
    if len(listed) == 2 and listed[1].get("KeyType") != "RANGE":
        raise validation("Second key in KeySchema must be a RANGE key")
    return [
        _column(part["AttributeName"], f"{part['KeyType']} key in KeySchema - ", defined)
        for part in listed
    ]


def _column(name: str, where: str, defined: Mapping[str, str]) -> Column:
    check_key_name(name, where)
    if name == ":attrs":
        raise validation("Column name ':attrs' is currently reserved. FIXME.")
    kind = defined.get(name)
    if kind is None:
        raise validation(f"KeySchema key '{name}' missing in AttributeDefinitions")
    if kind not in {"S", "B", "N"}:
        raise validation(f"Invalid key type '{kind}', can only be S, B or N.")
    return Column(name, kind)


def indexes(body: Item, table: str, keys: list[Column], defined: Mapping[str, str]) -> list[Index]:
    """All LSIs and GSIs of a CreateTable request; Projection is not even read."""
    found: dict[str, Index] = {}
    for kind in ("LocalSecondaryIndexes", "GlobalSecondaryIndexes"):
        listed = body.get(kind) or []
        if not isinstance(listed, list):
            raise validation(f"{kind} must be an array.")
        for one in listed:
            name = one.get("IndexName")
            if not isinstance(name, str):
                raise validation(f"{kind} IndexName must be a string.")
            if name in found:
                raise validation(f"Duplicate IndexName '{name}', ")
            build = local_index if kind == "LocalSecondaryIndexes" else global_index
            found[name] = build(one, table, keys, defined)
    return list(found.values())


def local_index(body: Item, table: str, keys: list[Column], defined: Mapping[str, str]) -> Index:
    """An LSI: the table's hash key with another sort key."""
    check_index_name(table, body["IndexName"], "!:")
    if len(keys) < 2:
        raise validation("LocalSecondaryIndex requires that the base table have a range key")
    hashed, *rest = key_columns(body, defined)
    if hashed.name != keys[0].name:
        raise validation("LocalSecondaryIndex hash key must match the base table hash key")
    if not rest:
        raise validation("LocalSecondaryIndex must specify a sort key")
    if rest[0].name == hashed.name:
        raise validation("LocalSecondaryIndex sort key cannot be the same as hash key")
    return Index(body["IndexName"], hashed, rest[0], local=True)


def global_index(body: Item, table: str, _keys: list[Column], defined: Mapping[str, str]) -> Index:
    """A GSI: any one or two keys."""
    check_index_name(table, body["IndexName"], ":")
    hashed, *rest = key_columns(body, defined)
    return Index(body["IndexName"], hashed, rest[0] if rest else None, local=False)


def check_all_used(defined: Mapping[str, str], used: set[str]) -> None:
    """Definitions that no KeySchema uses are refused (since 6.2)."""
    spurious = defined.keys() - used
    if spurious:
        names = ", ".join(f'"{name}"' for name in sorted(spurious))
        raise validation(
            "AttributeDefinitions defines spurious attributes not used by any KeySchema: "
            f"{{{names}}}"
        )


def billing(body: Item, dialect: Dialect) -> tuple[str, tuple[int, int]]:
    """BillingMode and (read, write) units; absent BillingMode means PROVISIONED."""
    mode = body.get("BillingMode", "PROVISIONED")
    throughput = body.get("ProvisionedThroughput")
    if mode == "PAY_PER_REQUEST":
        if throughput is not None:
            raise validation(
                "When BillingMode=PAY_PER_REQUEST, ProvisionedThroughput cannot be specified."
            )
        return mode, (0, 0)
    if mode != "PROVISIONED":
        raise validation("Unknown BillingMode={}. Must be PAY_PER_REQUEST or PROVISIONED.")
    if throughput is None:
        raise validation("When BillingMode=PROVISIONED, ProvisionedThroughput must be specified.")
    read, write = (_units(throughput, unit, dialect) for unit in ("read", "write"))
    return mode, (read, write)


def _units(throughput: Item, unit: str, dialect: Dialect) -> int:
    name = f"{unit.capitalize()}CapacityUnits"
    value = throughput.get(name)
    if value is None and dialect.throughput_shown:
        raise validation(
            f"provisionedThroughput.{unit}CapacityUnits is missing, when "
            "BillingMode=PROVISIONED, ProvisionedThroughput must be specified."
        )
    if value is not None and not isinstance(value, int):
        raise validation(f"Expected integer value for attribute {name}, got: {shown(throughput)}")
    return value or 0


def check_encryption(body: Item) -> None:
    """SSESpecification may only say that it is off."""
    asked = body.get("SSESpecification")
    if asked is None:
        return
    if not isinstance(asked.get("Enabled"), bool):
        raise validation("SSESpecification needs boolean Enabled")
    if asked["Enabled"]:
        raise validation("SSESpecification: configuring encryption-at-rest is not yet supported.")


def stream_wanted(body: Item) -> bool | None:
    """StreamEnabled of a request, None if it says nothing about streams."""
    asked = body.get("StreamSpecification")
    if asked is None:
        return None
    if not isinstance(asked.get("StreamEnabled"), bool):
        raise validation("StreamSpecification needs boolean StreamEnabled")
    return bool(asked["StreamEnabled"])
