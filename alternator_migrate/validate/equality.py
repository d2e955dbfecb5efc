"""Compares the values of two items, and names the attributes that differ."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from alternator_migrate.core.model import Item
from alternator_migrate.dynamodb import values as canon
from alternator_migrate.dynamodb.decimals import all_near, near
from alternator_migrate.dynamodb.untyped import is_texts
from alternator_migrate.dynamodb.values import canonical


class Equality:
    """Compares items by value.

    The order of attributes, maps and sets does not count, that of lists does. Numbers are
    equal by value, within sets too, or where they differ by at most `tolerance`: absolute and
    exact, a float counting as it is written (numbers of more than 200 digits before or after
    the point are equal by value only). Types count: the text 1 is not the number 1, whatever
    `numericTypePolicy` says, which ScyllaDB Migrator has for the number types of CQL.
    """

    def __init__(self, tolerance: Decimal | float = 0) -> None:
        self._tolerance = Decimal(str(tolerance))
        if not self._tolerance.is_finite() or self._tolerance < 0:
            raise ValueError(f"a tolerance is a number of at least 0, not {tolerance}")

    def same(self, a: Item, b: Item) -> bool:
        """Whether both hold the same values; equal bytes are not decoded."""
        if bytes(a) == bytes(b):
            return True
        return self._alike(canonical(a), canonical(b))

    def differing(self, a: Item, b: Item) -> tuple[str, ...]:
        """Names of the attributes that one side lacks or holds with another value, sorted.

        Empty if and only if they are the `same`. Raises `BadAnswer` for what is no item.
        """
        if self.same(a, b):
            return ()
        left, right = canon.attributes(a), canon.attributes(b)
        names = left.keys() | right.keys()
        found = [name for name in names if not self._alike(left.get(name), right.get(name))]
        return tuple(sorted(_shown(name) for name in found or names))

    def _alike(self, left: bytes | None, right: bytes | None) -> bool:
        """Whether two canonical texts are the same but for the tolerance."""
        if left == right or left is None or right is None or not self._tolerance:
            return left == right
        a, b = canon.decoded(left), canon.decoded(right)
        return isinstance(a, dict) and isinstance(b, dict) and self._near_maps(a, b)

    def _near_maps(self, a: Mapping[str, Any], b: Mapping[str, Any]) -> bool:
        return a.keys() == b.keys() and all(self._near_values(a[name], b[name]) for name in a)

    def _near_values(self, a: Any, b: Any) -> bool:
        """Whether two decoded canonical values are the same but for the tolerance."""
        if not (isinstance(a, dict) and isinstance(b, dict) and a.keys() == b.keys()):
            return canon.encoded(a) == canon.encoded(b)
        return all(self._near_contents(kind, a[kind], b[kind]) for kind in a)

    def _near_contents(self, kind: str, a: Any, b: Any) -> bool:
        if kind == "N" and isinstance(a, str) and isinstance(b, str):
            return near(a, b, self._tolerance)
        if kind == "NS" and is_texts(a) and is_texts(b):
            return all_near(a, b, self._tolerance)
        if kind == "M" and isinstance(a, dict) and isinstance(b, dict):
            return self._near_maps(a, b)
        if kind == "L" and isinstance(a, list) and isinstance(b, list):
            return len(a) == len(b) and all(map(self._near_values, a, b))
        return canon.encoded(a) == canon.encoded(b)


def _shown(name: str) -> str:
    return name.encode("utf-8", "backslashreplace").decode()
