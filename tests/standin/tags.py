"""Tags of a table: what keys and values may be, which are hidden, how many fit."""

import re
from typing import Any

from tests.standin.dialect import Dialect
from tests.standin.errors import ApiError, validation
from tests.standin.state import Table
from tests.standin.values import Item

LEGAL = re.compile(r"[A-Za-z0-9\s+\-=._:/]*", re.ASCII)
WRITE_ISOLATION = "system:write_isolation"
FOR_USERS = {WRITE_ISOLATION, "system:initial_tablets"}
ISOLATION_LEVELS = (
    *("a", "always", "always_use_lwt", "f", "forbid", "forbid_rmw"),
    *("o", "only_rmw_uses_lwt", "u", "unsafe", "unsafe_rmw"),
)
MOST = 50


def is_internal(key: str) -> bool:
    """Whether Alternator keeps this tag for itself."""
    return key.startswith("system:") and key not in FOR_USERS


def add(tags: dict[str, str], asked: Any, dialect: Dialect) -> dict[str, str]:
    """`tags` with the asked ones set; a ValidationException leaves `tags` as it was."""
    merged = dict(tags)
    for one in asked:
        if not isinstance(one, dict):
            raise validation("invalid tag object")
        key, value = one.get("Key"), one.get("Value")
        if not isinstance(key, str) or not isinstance(value, str):
            raise validation("string Key and Value required")
        _check_key(key, dialect)
        _check_value(value, dialect)
        merged[key] = value
    _check_all(merged)
    return merged


def _check_key(key: str, dialect: Dialect) -> None:
    if not key:
        raise validation("A tag Key cannot be empty")
    if len(key.encode()) > 128:
        raise validation("A tag Key is limited to 128 characters")
    if not LEGAL.fullmatch(key):
        raise _illegal("Key", dialect)
    if dialect.internal_tags_hidden and is_internal(key):
        raise validation(f"Tag key '{key}' is reserved for internal use")


def _check_value(value: str, dialect: Dialect) -> None:
    if len(value.encode()) > 256:
        raise validation("A tag Value is limited to 256 characters")
    if not LEGAL.fullmatch(value) or (not value and dialect.empty_tags_refused):
        raise _illegal("Value", dialect)


def _illegal(part: str, dialect: Dialect) -> ApiError:
    if dialect.tag_texts:
        return validation(f"A tag {part} can only contain letters, spaces, and [+-=._:/]")
    return validation(f"The Tag {part} provided is invalid string")


def _check_all(tags: dict[str, str]) -> None:
    if len(tags) > MOST:
        raise validation("Number of Tags exceed the current limit for the provided ResourceArn")
    level = tags.get(WRITE_ISOLATION)
    if level is not None and level not in ISOLATION_LEVELS:
        allowed = ", ".join(f'"{name}"' for name in ISOLATION_LEVELS)
        raise validation(f"Incorrect write isolation tag {level}. Allowed values: {{{allowed}}}")


def remove(tags: dict[str, str], keys: Any, dialect: Dialect) -> dict[str, str]:
    """`tags` without `keys`."""
    for key in keys:
        if dialect.internal_tags_hidden and is_internal(key):
            raise validation(f"Tag key '{key}' is reserved for internal use")
    return {key: value for key, value in tags.items() if key not in keys}


def listed(tags: dict[str, str], dialect: Dialect) -> list[Item]:
    """The tags ListTagsOfResource shows; old versions show the internal ones as well."""
    return [
        {"Key": key, "Value": value}
        for key, value in sorted(tags.items())
        if not (dialect.internal_tags_hidden and is_internal(key))
    ]


def of_arn(tables: dict[str, Table], arn: Any, dialect: Dialect) -> Table:
    """The table that a ResourceArn names; index ARNs and those of AWS are refused."""
    if not isinstance(arn, str) or not arn.startswith("arn:"):
        raise ApiError("AccessDeniedException", "Incorrect resource identifier")
    if arn.startswith("arn:aws:"):
        if not dialect.tag_texts:
            raise ApiError("AccessDeniedException", "Incorrect resource identifier")
        raise validation(f"ResourceArn: Invalid table ARN `{arn}` - missing separator `@`")
    table = tables.get(arn.partition(":table/")[2])
    if table is None or table.arn != arn:
        text = f"ResourceArn: Invalid table ARN `{arn}` - not found"
        raise ApiError("ResourceNotFoundException", text)
    return table
