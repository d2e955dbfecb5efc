"""What a sample says of the whole: the exact binomial bound of Clopper and Pearson (1934)."""

import math
from typing import Final

CONFIDENCE: Final = 0.95
_TINY: Final = 1e-300
_CLOSE: Final = 1e-12
_MOST_TERMS: Final = 100_000
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
