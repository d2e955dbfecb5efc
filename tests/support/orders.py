"""Whether a cluster got the changes of each key in the order in which they were made."""

import json
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.standin.state import Write
from tests.standin.values import Item

REMOVED = "removed"


class WrongOrderError(AssertionError):
    """A change arrived after a later one of the same key, or one arrived that was never made."""


@dataclass
class OrderCheck:
    """The changes made to each key, by version, and how far they have arrived.

    Images carry their version as the number `v`. Changes may be left out, and the last one that
    arrived may arrive again; nothing else may come twice. The file `copied` is there when a copy is
    complete, if one is made: it may have read items newer than the changes kept meanwhile, which
    a spool that is full lacks, so that order counts from the first change.
    """

    copied: Path | None = None
    made: dict[str, list[object]] = field(default_factory=lambda: defaultdict(list))
    wrong: list[str] = field(default_factory=list)
    arrived: int = 0
    _at: dict[str, int] = field(default_factory=dict)

    def put(self, key: Item, version: int) -> None:
        """A version of an item was stored at the source."""
        self.made[_text(key)].append(version)

    def removed(self, key: Item) -> None:
        """An item was deleted at the source."""
        self.made[_text(key)].append(REMOVED)

    def restarted(self) -> None:
        """Changes may be replayed from anywhere."""
        self._at.clear()

    def __call__(self, write: Write) -> None:
        """A write has arrived. Notes what is wrong, since servers answer exceptions with 500."""
        item: Any = write.item
        self.arrived += 1
        if self.copied and self.copied.exists():
            self.copied.unlink()
            self.restarted()
        if item is None:
            return
        key = _text({name: item[name] for name in item if name in ("pk", "sk")})
        version = int(item["v"]["N"])
        before = self._at.get(key, -1)
        try:
            place = self.made[key].index(version)
        except ValueError:
            self.wrong.append(f"{key}: version {version} was never made")
            return
        if place < before:
            self.wrong.append(f"{key}: version {version} came after {self.made[key][before]}")
        self._at[key] = place

    def check(self) -> None:
        """Raise `WrongOrderError` for all that was wrong."""
        if self.wrong:
            raise WrongOrderError("\n".join(self.wrong[:10]))

    def final(self) -> dict[str, object]:
        """The last version of each key that is there at the end."""
        return {key: made[-1] for key, made in self.made.items() if made[-1] != REMOVED}


def versions(items: list[Item]) -> dict[str, object]:
    """The version of each item, by key."""
    return {
        _text({name: item[name] for name in item if name in ("pk", "sk")}): int(item["v"]["N"])
        for item in items
    }


def _text(key: Item) -> str:
    return json.dumps(key, sort_keys=True)
