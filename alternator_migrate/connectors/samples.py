"""Samples of the tables before a run: a page of each at most."""

from typing import Final

from alternator_migrate.config import Settings
from alternator_migrate.connectors.scan import expiry_now
from alternator_migrate.connectors.service import Service
from alternator_migrate.core.errors import ServerRefused
from alternator_migrate.dynamodb.rights import is_denied

_SAMPLE: Final = 1000
_BACKLOG_SHARE: Final = 0.1


async def held(target: Service) -> list[str]:
    """The warning of an existing target that holds items, or may hold some."""
    try:
        holds_items = await target.table.holds_items()
    except ServerRefused as error:
        if not is_denied(error):
            raise
        return [f"whether the target holds items is not known; run refuses it: {error.hint}"]
    refused = "the target holds items: run refuses it without --into-existing"
    return [refused] if holds_items else []


async def backlog(settings: Settings, source: Service, attribute: str) -> list[str]:
    """The warning of many items that have expired and are still there."""
    rule = expiry_now(attribute).matching.parameters
    try:
        expired, seen = await source.table.sample(rule, _SAMPLE)
    except ServerRefused as error:
        if not is_denied(error):
            raise
        return [f"the source cannot be read: {error.hint}"]
    if not seen or expired / seen <= _BACKLOG_SHARE:
        return []
    fate = "skipped" if settings.source.expired_items == "skip" else "copied"
    return [
        f"{expired} of {seen} sampled items have expired and are not deleted yet: "
        f"such items are {fate}, so the counts of both sides will differ"
    ]
