"""Numbers as texts: one spelling for each value, and whether two are close; never a float.

DynamoDB knows one type of number, of 38 digits, and ScyllaDB keeps nested ones as they were
written: `1e3`, `1000` and `1000.0` are one value. Exponents are not trusted to be small.
"""

import re
from collections.abc import Sequence
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal
from typing import Final

_WIDEST: Final = 200
_DIGITS: Final = rf"[0-9]{{0,{_WIDEST - 1}}}"
PLAIN: Final = rf"(?:0|-?(?:[1-9]{_DIGITS}(?:\.{_DIGITS}[1-9])?|0\.{_DIGITS}[1-9]))"
"""A pattern of numbers in the spelling of `plain`: it changes none that match."""
_plain: Final = re.compile(PLAIN).fullmatch
_number: Final = re.compile(
    r"(?=[+-]?\.?[0-9])([+-]?)([0-9]*)(?:\.([0-9]*))?(?:[eE]([+-]?[0-9]{1,18}))?"
).fullmatch
_EXACT: Final = Context(prec=4 * _WIDEST, Emax=MAX_EMAX, Emin=MIN_EMIN)


def plain(text: str) -> str:
    """The one spelling of a number: no exponent, no sign of zero, no zeros that say nothing.

    A number with digits more than 200 places from the point becomes digits and exponent,
    `12e3456`, so that none grows. What is no number is returned unchanged.
    """
    parts = None if _plain(text) else _number(text)
    if not parts:
        return text
    sign, whole, fraction, exponent = parts.groups("")
    significant = (whole + fraction).lstrip("0")
    if not significant:
        return "0"
    # The value is 0.DIGITS times ten to the power of `point`.
    point = int(exponent or 0) + len(significant) - len(fraction)
    return ("-" if sign == "-" else "") + _spelled(significant.rstrip("0"), point)


def _spelled(digits: str, point: int) -> str:
    if point > _WIDEST or len(digits) - point > _WIDEST:
        return f"{digits}e{point - len(digits)}"
    if point <= 0:
        return f"0.{'0' * -point}{digits}"
    if point >= len(digits):
        return digits + "0" * (point - len(digits))
    return f"{digits[:point]}.{digits[point:]}"


def near(a: str, b: str, tolerance: Decimal) -> bool:
    """Whether two spellings of `plain` differ by at most `tolerance`; those with an exponent,
    and what is no number, only if they are the same."""
    if a == b:
        return True
    if not (_plain(a) and _plain(b)):
        return False
    return _EXACT.abs(_EXACT.subtract(Decimal(a), Decimal(b))) <= tolerance


def all_near(a: Sequence[str], b: Sequence[str], tolerance: Decimal) -> bool:
    """Whether the members of two sets can be paired so that each pair is `near`."""
    pairs = zip(sorted(a, key=_size), sorted(b, key=_size), strict=False)
    return len(a) == len(b) and all(near(*pair, tolerance) for pair in pairs)


def _size(text: str) -> tuple[bool, Decimal, str]:
    return (True, Decimal(text), "") if _plain(text) else (False, Decimal(0), text)
