"""Which attributes of an item a read gives back."""

from typing import Any

from tests.standin.errors import unsupported, validation
from tests.standin.values import Item


def wanted(body: Item, used: set[str] | None = None) -> set[str] | None:
    """Top-level names asked for by ProjectionExpression or AttributesToGet; None means all.

    Names that stand for others are added to `used`.
    """
    if "AttributesToGet" in body:
        return set(body["AttributesToGet"])
    text = body.get("ProjectionExpression")
    if text is None:
        return None
    names: dict[str, Any] = body.get("ExpressionAttributeNames") or {}
    parts = [part.strip() for part in text.split(",")]
    if any("." in part or "[" in part for part in parts):
        raise unsupported("nested paths in ProjectionExpression")
    for part in parts:
        if part.startswith("#") and part not in names:
            raise validation(
                f"ExpressionAttributeNames missing entry '{part}' required by expression"
            )
    if used is not None:
        used |= {part for part in parts if part.startswith("#")}
    return {names.get(part, part) for part in parts}


def projected(item: Item, body: Item) -> Item:
    """`item` as the read's projection shows it."""
    names = wanted(body)
    if names is None:
        return item
    return {name: value for name, value in item.items() if name in names}
