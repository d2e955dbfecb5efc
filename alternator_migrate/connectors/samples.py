"""Samples of the tables before a run: a page of each at most."""

from collections.abc import Iterator, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Final

from alternator_migrate.config import Settings
from alternator_migrate.connectors.build import source_of
from alternator_migrate.connectors.clocks import expiry_time
from alternator_migrate.connectors.pair import Pair
from alternator_migrate.connectors.scan import Expiry
from alternator_migrate.connectors.service import Service
from alternator_migrate.connectors.transform import Rehearsal, rehearse
from alternator_migrate.core.errors import ServerRefused
from alternator_migrate.core.model import Item
from alternator_migrate.core.pace import Pace
from alternator_migrate.core.retry import Retry
from alternator_migrate.dynamodb.attribute_names import left_out
from alternator_migrate.dynamodb.items import names_in
from alternator_migrate.dynamodb.rights import is_denied

_SAMPLE: Final = 1000
_BACKLOG_SHARE: Final = 0.1
_SEGMENTS: Final = 8
_TRIED: Final = 100
_REPLICATION: Final = "aws:rep:"


async def backlog(settings: Settings, source: Service, attribute: str) -> list[str]:
    """The warning of many items that have expired and are still there."""
    rule = Expiry.at(attribute, expiry_time(source)).matching.parameters
    try:
        expired, seen = await source.table.contents.sample(rule, _SAMPLE)
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


async def first_items(settings: Settings, pair: Pair) -> Sequence[Item]:
    """The items of one page of the source, as they are there; none where the first segments hold
    none, or where reading is not allowed."""
    retry, bare = Retry(settings.retry_budget_seconds), replace(pair, shaping=None)
    now = expiry_time(pair.source, pair.target)
    source = source_of(settings, bare, retry, Pace(pair.read_cap), now=now)
    try:
        for segment in pair.inspection.segments[:_SEGMENTS]:
            async with aclosing(source.pages(segment, None)) as pages:
                page = await anext(pages, None)
                if page and page.items and not page.requests:
                    return page.items
    except ServerRefused as error:
        if not is_denied(error):
            raise
    return ()


async def check_transform(settings: Settings, pair: Pair) -> Rehearsal | None:
    """Try the transform on some items of the source; None without one. Raises `UsageError` where
    it makes something else of an item each time, or moves it where it may not."""
    shaping = pair.shaping
    if shaping is None or shaping.transform is None:
        return None
    keys = pair.inspection.plan.spec.key_names
    return rehearse(shaping, (await first_items(settings, pair))[:_TRIED], keys)


def of_attributes(settings: Settings, pair: Pair, items: Sequence[Item]) -> Iterator[str]:
    """Remarks on attributes that are left out, or might be, as these items of the source show."""
    found, given = pair.inspection.source.spec, settings.source.attributes
    is_left_out = left_out(*((given.drop, given.keep) if given else ((), ())), found.key_names)
    names = sorted({name for item in items for name in names_in(item)})
    if replicas := [name for name in names if name.startswith(_REPLICATION)]:
        left = [name for name in replicas if not is_left_out(name)]
        fate = (
            "which source.attributes leaves out"
            if not left
            else ("copied as they are; source.attributes {drop: [aws:rep:*]} leaves them out")
        )
        yield f"items bear attributes of an old global table ({', '.join(replicas)}), {fate}"
    if found.ttl_attribute and is_left_out(found.ttl_attribute):
        yield f"source.attributes leaves out {found.ttl_attribute!r}, by which items expire"
    for index in found.indexes:
        if lost := [each.name for each in index.keys if is_left_out(each.name)]:
            yield f"index {index.name} will be empty: source.attributes leaves out {lost[0]!r}"
