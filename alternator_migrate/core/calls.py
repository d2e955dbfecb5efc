"""What is known of the calls of a user's function in a run."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CallFigures:
    """The seconds of the slowest call, while which nothing else is done in its process, and the key
    of its item as a JSON object; 0 and "" where none was called. `moved` says that one of them gave
    an item another key."""

    slowest: float = 0.0
    key: str = ""
    moved: bool = False

    def __add__(self, other: "CallFigures") -> "CallFigures":
        slower = max(self, other, key=lambda each: each.slowest)
        return CallFigures(slower.slowest, slower.key, self.moved or other.moved)
