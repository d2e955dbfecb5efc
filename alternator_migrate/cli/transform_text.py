"""What a transform does to some items, as text: for `plan`, and for `transform`."""

from collections.abc import Iterator, Sequence
from typing import Final

from alternator_migrate.connectors import Pair, Rehearsal, Tried
from alternator_migrate.dynamodb.items import attribute_texts, key_of, one_line

_SHOWN: Final = 3


def plan_lines(rehearsal: Rehearsal, pair: Pair) -> Iterator[str]:
    """The lines of `plan`: what became of some items, at what cost, and keys, but no values."""
    assert pair.code  # noqa: S101 # there is a rehearsal of a transform only
    yield f"  transform       {pair.code.reference}, SHA-256 {pair.code.sha256[:16]}..."
    if not rehearsal.tried:
        yield "                  no item of the source to try it on"
        return
    yield f"                  {counted(rehearsal)}"
    micros = rehearsal.seconds * 1e6
    yield (
        f"                  about {micros:,.0f} us an item here, which is decoded for it: at most "
        f"{1 / rehearsal.seconds:,.0f} items/s a core; --engine processes uses all cores"
    )
    moved = rehearsal.moved(pair.inspection.source.spec.key_names, _target_keys(pair))
    for before, after in moved[:_SHOWN]:
        yield f"                  key {_text(before)} -> {_text(after)}"
    for each in rehearsal.refused[:1]:
        yield f"                  refused: {each.refused}"


def counted(rehearsal: Rehearsal) -> str:
    """What became of the items, in numbers."""
    tried = rehearsal.tried
    unchanged = sum(each.is_unchanged for each in tried)
    refused = len(rehearsal.refused)
    changed = len(tried) - unchanged - rehearsal.dropped - refused
    return (
        f"{_items(len(tried))} tried: {changed:,} changed, {unchanged:,} unchanged, "
        f"{rehearsal.dropped:,} dropped, {refused:,} refused; {_items(rehearsal.made)} made of them"
    )


def shown(rehearsal: Rehearsal, pair: Pair) -> Iterator[str]:
    """The lines of `transform`: each item that does not go as it is, before and after."""
    keys = pair.inspection.source.spec.key_names
    for each in rehearsal.tried:
        if not each.is_unchanged:
            yield from _of_item(each, keys)
    if not rehearsal.tried:
        yield "No item to try it on. Nothing was written."
        return
    yield counted(rehearsal)
    yield f"{rehearsal.seconds * 1e6:,.1f} us an item. Nothing was written."


def _items(count: int) -> str:
    return "1 item" if count == 1 else f"{count:,} items"


def _of_item(tried: Tried, keys: Sequence[str]) -> Iterator[str]:
    key = _text(key_of(tried.item, keys))
    if tried.refused:
        yield f"refused  {key}: {tried.refused}"
    elif tried.is_dropped:
        yield f"dropped  {key}"
    elif len(tried.results) == 1:
        yield f"changed  {key}"
        yield from _difference(attribute_texts(tried.item), attribute_texts(tried.results[0]))
    else:
        yield f"split    {key} into {len(tried.results)} items"
        for number, result in enumerate(tried.results, 1):
            yield from (f"  {number} {text}" for text in _attributes(attribute_texts(result)))


def _difference(before: dict[str, str], after: dict[str, str]) -> Iterator[str]:
    gone = {name: text for name, text in before.items() if after.get(name) != text}
    new = {name: text for name, text in after.items() if before.get(name) != text}
    yield from (f"  - {text}" for text in _attributes(gone))
    yield from (f"  + {text}" for text in _attributes(new))


def _attributes(texts: dict[str, str]) -> Iterator[str]:
    return (f"{name}: {text}" for name, text in texts.items())


def _text(key: bytes) -> str:
    return one_line(key).decode("utf-8", "replace")


def _target_keys(pair: Pair) -> Sequence[str]:
    return pair.inspection.plan.spec.key_names
