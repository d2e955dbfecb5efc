"""Pack a page's items into batches under a target's limits; fold changes to the last per key."""

from collections.abc import Iterator, Sequence

from alternator_migrate.core.model import Change, Item, Limits


def pack(items: Sequence[Item], limits: Limits) -> Iterator[tuple[Sequence[Item], int]]:
    """Cut `items` into runs that keep to `limits`, in order, each with its size in bytes.

    Only a run of a single item may be larger than `limits.size`. No run is empty.
    """
    for start in range(0, len(items), limits.items):
        run = items[start : start + limits.items]
        size = sum(map(len, run))
        if size <= limits.size:
            yield run, size
        else:
            yield from _by_size(run, limits.size)


def _by_size(items: Sequence[Item], limit: int) -> Iterator[tuple[Sequence[Item], int]]:
    start, size = 0, 0
    for end, item in enumerate(items):
        length = len(item)
        if size + length > limit and end > start:
            yield items[start:end], size
            start, size = end, 0
        size += length
    yield items[start:], size


def fold(changes: Sequence[Change]) -> Sequence[Change]:
    """The last change of each key, so that no key stands twice in a batch."""
    last = {change.key: change for change in changes}
    return changes if len(last) == len(changes) else list(last.values())
