"""An order whose first few, however many, are spread over the whole."""

from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


def by_reversed_bits(ordered: Sequence[T]) -> list[T]:
    """The same, by the reversed bits of their places (van der Corput's sequence): of eight, those
    at 0, 4, 2, 6, 1, 5, 3, 7."""
    bits = max(len(ordered) - 1, 0).bit_length()
    places = sorted(range(len(ordered)), key=lambda place: _reversed(place, bits))
    return [ordered[place] for place in places]


def _reversed(number: int, bits: int) -> int:
    return int(f"{number:0{bits}b}"[::-1], 2) if bits else 0
