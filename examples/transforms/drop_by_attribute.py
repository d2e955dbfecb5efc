"""Leaves sessions behind that nobody has used for a year."""

from typing import Any

OLDEST = 1_735_689_600  # seconds since 1970: a fixed moment, so that every call says the same


def transform(item: dict[str, Any]) -> Any:
    if item.get("kind") == "session" and item.get("lastUsed", 0) < OLDEST:
        return None
    return item
