"""A sample of a table: which segments are drawn, and how sure it makes."""

import math
import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from alternator_migrate.core.counts import ValidationCounts
from alternator_migrate.core.model import Role, Segment
from alternator_migrate.core.state import ValidationState

CONFIDENCE: Final = 0.95
_TINY: Final = 1e-300
_CLOSE: Final = 1e-12
_MOST_TERMS: Final = 100_000
# Halving 1.0 more often than a float has bits changes nothing.
_HALVINGS: Final = 60


def most(found: int, sampled: int) -> float:
    """The largest share of the whole that is likely, at 95 % confidence one-sided, to show at
    most `found` differing items among `sampled` ones drawn at random; 1.0 where none was drawn.

    For none found it is about 3 / `sampled`.
    """
    if found >= sampled:
        return 1.0
    if not found:
        return -math.expm1(math.log1p(-CONFIDENCE) / sampled)
    low, high = found / sampled, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if _beta(found + 1, sampled - found, middle) < CONFIDENCE:
            low = middle
        else:
            high = middle
    return high


def _beta(a: float, b: float, x: float) -> float:
    """The regularised incomplete beta function, by its continued fraction (Lentz)."""
    if x >= 1.0:
        return 1.0
    front = math.exp(
        math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    )
    if x < (a + 1) / (a + b + 2):
        return front * _fraction(a, b, x) / a
    return 1.0 - front * _fraction(b, a, 1.0 - x) / b


def _fraction(a: float, b: float, x: float) -> float:
    c, d = 1.0, 1.0 / _nonzero(1.0 - (a + b) * x / (a + 1))
    product = d
    for m in range(1, _MOST_TERMS):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for term in (even, odd):
            d = 1.0 / _nonzero(1.0 + term * d)
            c = _nonzero(1.0 + term / c)
            product *= c * d
        if abs(c * d - 1.0) < _CLOSE:
            break
    return product


def _nonzero(value: float) -> float:
    return value if abs(value) > _TINY else _TINY


DRAWN: Final = 100


def sample_text(validated: ValidationCounts, gone_through: Mapping[Role, int]) -> Iterator[str]:
    """Sentences on the whole table that follow from a sample, one a side."""
    counts = validated.missing + validated.different, validated.extra
    words = "missing on the target or different", "not on the source"
    roles: tuple[Role, Role] = ("source", "target")
    for role, found, what in zip(roles, counts, words, strict=True):
        number = gone_through[role]
        share = most(found, number) if number else 1.0
        yield (
            f"{found:,} of {number:,} sampled items of the {role} are {what}: with "
            f"{CONFIDENCE:.0%} confidence at most {share:.3%} of all are"
        )


def sampled_segments(begun: ValidationState) -> Iterator[Segment]:
    """All segments, or those that are drawn."""
    indexes: Sequence[int] = range(begun.segments)
    if begun.sampled:
        chance = random.Random(begun.seed)  # noqa: S311 # a sample is no secret
        indexes = sorted(chance.sample(indexes, begun.sampled))
    return (Segment(index, begun.segments) for index in indexes)
