"""Whether two items hold the same values, and which attributes do not."""

from decimal import Decimal
from typing import Any

from alternator_migrate import canonical as canon
from alternator_migrate.canonical import canonical, canonical_key
from alternator_migrate.decimals import all_near, near
from alternator_migrate.model import Item

__all__ = ["Equality", "canonical_key"]


class Equality:
    """Compares items by value.

    The order of attributes, maps and sets does not count, that of lists does. Numbers are
    equal by value, also within sets, or where they differ by at most `tolerance` (absolute,
    exact; numbers of more than 200 digits before or after the point only by value). Types
    count: "1" is not 1. A member that a set holds twice counts twice.
    """

    def __init__(self, tolerance: Decimal = Decimal(0)) -> None:
        if not tolerance >= 0:
            raise ValueError(f"a tolerance is a number of at least 0, not {tolerance}")
        self._tolerance = tolerance

    def same(self, a: Item, b: Item) -> bool:
        """Whether both hold the same values; equal bytes are not decoded."""
        if bytes(a) == bytes(b):
            return True
        left, right = canonical(a), canonical(b)
        return left == right or self._near(left, right)

    def differing(self, a: Item, b: Item) -> tuple[str, ...]:
        """Names of the attributes that one side lacks or holds with another value, sorted.

        Empty if and only if they are the `same`. Raises `BadAnswer` for what is no item.
        """
        if self.same(a, b):
            return ()
        left, right = canon.attributes(a), canon.attributes(b)
        names = left.keys() | right.keys()
        found = [
            name
            for name in names
            if name not in left
            or name not in right
            or not (left[name] == right[name] or self._near(left[name], right[name]))
        ]
        return tuple(sorted(_shown(name) for name in found or names))

    def _near(self, left: bytes, right: bytes) -> bool:
        if not self._tolerance:
            return False
        a, b = canon.decoded(left), canon.decoded(right)
        if not (isinstance(a, dict) and isinstance(b, dict)):
            return False
        return a.keys() == b.keys() and all(self._near_values(a[name], b[name]) for name in a)

    def _near_values(self, a: Any, b: Any) -> bool:
        """Whether two decoded canonical values are the same but for the tolerance."""
        if not (isinstance(a, dict) and isinstance(b, dict) and a.keys() == b.keys()):
            return canon.encoded(a) == canon.encoded(b)
        return all(self._near_contents(kind, a[kind], b[kind]) for kind in a)

    def _near_contents(self, kind: str, a: Any, b: Any) -> bool:
        if kind == "N" and isinstance(a, str) and isinstance(b, str):
            return near(a, b, self._tolerance)
        if kind == "NS" and _texts(a) and _texts(b):
            return all_near(a, b, self._tolerance)
        if kind == "M" and isinstance(a, dict) and isinstance(b, dict):
            return a.keys() == b.keys() and all(self._near_values(a[name], b[name]) for name in a)
        if kind == "L" and isinstance(a, list) and isinstance(b, list):
            return len(a) == len(b) and all(map(self._near_values, a, b))
        return canon.encoded(a) == canon.encoded(b)


def _texts(content: Any) -> bool:
    return isinstance(content, list) and all(isinstance(member, str) for member in content)


def _shown(name: str) -> str:
    return name.encode("utf-8", "backslashreplace").decode()
