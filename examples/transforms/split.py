"""Splits an order in two: the lines, which are large, become an item of their own.

The table has the key attributes pk and sk, both texts.
"""

from typing import Any

LINES = "#lines"


def transform(item: dict[str, Any]) -> Any:
    lines = item.pop("lines", None)
    yield item
    if lines is not None:
        yield {"pk": item["pk"], "sk": item["sk"] + LINES, "lines": lines}


def transform_key(key: dict[str, Any]) -> Any:
    """Every key that an order may have on the target, so that deletions reach both items."""
    return [key, {**key, "sk": key["sk"] + LINES}]


def source_key(key: dict[str, Any]) -> Any:
    """The order that an item of the target is of."""
    return {**key, "sk": key["sk"].removesuffix(LINES)}
