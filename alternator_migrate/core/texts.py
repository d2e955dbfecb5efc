"""Figures as a person reads them."""

import math
import re
import time
from typing import Final

_OBJECT: Final = re.compile(r"\{\s*\".*\}", re.DOTALL)
_UNITS: Final = ("kB", "MB", "GB", "TB", "PB")


def size_text(size: float) -> str:
    """A number of bytes for a person: 11.9 MB."""
    if size < 1000:
        return f"{size:.0f} B"
    power = min(int(math.log10(size) / 3), len(_UNITS))
    return f"{size / 1000**power:.1f} {_UNITS[power - 1]}"


def tables_text(count: int) -> str:
    """A number of tables: 1 table, 12 tables."""
    return "1 table" if count == 1 else f"{count} tables"


def duration(seconds: float) -> str:
    """A time for a person: 4m18s."""
    if round(seconds) < 60:
        return f"{seconds:.1f}s" if seconds < 9.95 else f"{seconds:.0f}s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days}d{hours}h"
    return f"{hours}h{minutes}m" if hours else f"{minutes}m{rest}s"


def brief(seconds: float) -> str:
    """A time that may be short: 4.2 ms, 310 ms, 4m18s."""
    if seconds >= 1:
        return duration(seconds)
    return f"{seconds * 1000:.{0 if seconds >= 0.1 else 1}f} ms"


def lag_text(lag: float | None) -> str:
    """A lag for a person."""
    return "unknown" if lag is None else duration(lag)


def clock_text(at: float) -> str:
    """A time in epoch seconds as the time of day, here."""
    return time.strftime("%H:%M:%S", time.localtime(at))


def without_items(words: str) -> str:
    """Words of a log or a server, in which no item or key is left: JSON objects are cut out."""
    return _OBJECT.sub("{…}", words)


def date_text(at: float) -> str:
    """A time in epoch seconds, as UTC for a person, which may be broken between its parts."""
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(at))


def moment(at: float) -> str:
    """A time in epoch seconds, as UTC in the form of ISO 8601."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))
