"""The slowest call of a user's function: while it lasts, nothing else is done in its process."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SlowestCall:
    """The call that took longest: the seconds, and the key of its item as a JSON object, "" where
    none was called. Of two added, the slower one is left."""

    seconds: float = 0.0
    key: str = ""

    def __add__(self, other: "SlowestCall") -> "SlowestCall":
        return max(self, other, key=lambda each: each.seconds)
