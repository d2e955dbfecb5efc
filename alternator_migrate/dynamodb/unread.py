"""Facts of a table that servers send and botocore's model of the API lacks."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

from alternator_migrate.dynamodb import items

UNREAD: Final = "unread"
"""Where an answer to DescribeTable has it."""
_NEWER: Final = ("VectorIndexes",)


def keep_unread(client: Any) -> None:
    """Have botocore's client keep what DescribeTable says and botocore does not know of."""
    client.meta.events.register("before-parse.dynamodb.DescribeTable", _unread)


def _unread(
    response_dict: Mapping[str, Any], customized_response_dict: dict[str, Any], **_: object
) -> None:
    body = response_dict["body"]
    if any(name.encode() in body for name in _NEWER):
        with suppress(ValueError, LookupError, AttributeError):
            table = items.from_json(body)["Table"]
            kept = {name: table[name] for name in _NEWER if name in table}
            customized_response_dict[UNREAD] = kept
