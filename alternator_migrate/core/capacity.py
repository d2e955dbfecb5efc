"""Capacity units as DynamoDB counts them, by the bytes and items of a request."""

import math
from typing import Final

EVENTUAL_READ_BYTES: Final = 8192.0
CONSISTENT_READ_BYTES: Final = 4096.0
WRITE_BYTES: Final = 1024.0
PAGE_BYTES: Final = 2**20
"""The most that a page of a Scan holds."""

PARTITION_BYTES: Final = 10_000_000_000
"""The most that DynamoDB keeps in a partition."""
PARTITION_READS: Final = 3000
"""The most read units a second that a partition of DynamoDB gives."""
LEAST_STRETCHES: Final = 64
ENOUGH_SEGMENTS: Final = 64
LARGE_BYTES: Final = 1_000_000_000
"""A table from which on it is worth the while to say what limits."""


def read_bytes(*, consistent: bool) -> float:
    """The bytes of a Scan that one read unit pays for."""
    return CONSISTENT_READ_BYTES if consistent else EVENTUAL_READ_BYTES


def write_units(items: int, size: int) -> float:
    """The least units that writing so many items, of `size` bytes together, takes."""
    return max(float(items), size / WRITE_BYTES)


def page_items(cap: float | None, items: int, size: int, *, consistent: bool) -> int | None:
    """The Limit of a Scan under a cap, of a table of so many items and bytes: a page that costs at
    most about a second of it; None for full pages.

    Full pages of 1 MB cost 128 units at once, or 256 with consistent reads, which would starve
    others on a small table.
    """
    if cap is None or not items or not size:
        return None
    a_second = cap * read_bytes(consistent=consistent)
    return None if a_second >= PAGE_BYTES else max(1, int(a_second / (size / items)))


def partitions(size: int) -> int:
    """The least number of partitions that a table of so many bytes has on DynamoDB."""
    return max(1, math.ceil(size / PARTITION_BYTES))


def stretches(size: int) -> int:
    """Parts of the range of keys of a table of so many bytes: at most half of a partition each,
    and fine enough where the size is not known."""
    return max(LEAST_STRETCHES, 2 * partitions(size))


def ceiling_text(segments: int, size: int, cap: float | None) -> str:
    """What limits reading a table of DynamoDB itself, of `size` bytes, for a person: the cap, the
    `segments` where these are few, or the partitions; "" where nothing is known."""
    most = segments * PARTITION_READS
    at_least = partitions(size)
    few = segments < ENOUGH_SEGMENTS and size >= LARGE_BYTES
    if few and (cap is None or cap > most):
        return (
            f"{segments} segments read at most {most:,} units/s: leave scanSegments out, or set at "
            f"least {max(ENOUGH_SEGMENTS, at_least)}"
        )
    together = at_least * PARTITION_READS
    if not size or (cap is not None and cap <= together):
        return ""
    return (
        f"a partition gives at most {PARTITION_READS:,} units/s; there "
        f"{'is 1' if at_least == 1 else f'are {at_least:,}'} at least, so {together:,} units/s or "
        "more"
    )
