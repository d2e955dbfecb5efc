"""Puts a tenant before each key: two accounts move into one table."""

from typing import Any

TENANT = "eu#"


def transform(item: dict[str, Any]) -> Any:
    item["pk"] = TENANT + item["pk"]
    return item


def transform_key(key: dict[str, Any]) -> Any:
    return {**key, "pk": TENANT + key["pk"]}


def source_key(key: dict[str, Any]) -> Any:
    return {**key, "pk": key["pk"].removeprefix(TENANT)}
