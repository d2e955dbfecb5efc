"""Capacity units as DynamoDB counts them, by the bytes and items of a request."""

from typing import Final

EVENTUAL_READ_BYTES: Final = 8192.0
CONSISTENT_READ_BYTES: Final = 4096.0
WRITE_BYTES: Final = 1024.0
PAGE_BYTES: Final = 2**20
"""The most that a page of a Scan holds."""


def read_bytes(*, consistent: bool) -> float:
    """The bytes of a Scan that one read unit pays for."""
    return CONSISTENT_READ_BYTES if consistent else EVENTUAL_READ_BYTES


def write_units(items: int, size: int) -> float:
    """The least units that writing so many items, of `size` bytes together, takes."""
    return max(float(items), size / WRITE_BYTES)


def page_items(cap: float | None, items: int, size: int) -> int | None:
    """The Limit of a Scan under a cap, of a table of so many items and bytes: a page that costs at
    most about a second of it; None for full pages.

    Full pages of 1 MB cost 128 units at once, which would starve others on a small table.
    """
    if cap is None or not items or not size:
        return None
    a_second = cap * EVENTUAL_READ_BYTES
    return None if a_second >= PAGE_BYTES else max(1, int(a_second / (size / items)))
