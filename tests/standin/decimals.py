"""Numbers at the top level of an item: range, precision and their one plain spelling."""

import re
from decimal import Context, Decimal

from tests.standin.errors import validation

NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)
WIDE = Context(prec=400)
DIGITS = 38
LARGEST = 125
SMALLEST = -130
VAST = 300


def parse(text: str, checked: bool = True) -> Decimal:
    """The number that `text` spells; checked for 38 digits and magnitude -130..125.

    Raises ValidationException with the text Alternator has for each way of being wrong.
    """
    if not NUMBER.fullmatch(text):
        raise validation(f"The parameter cannot be converted to a numeric value: {text}")
    number = Decimal(text)
    if checked and number:
        _check_range(text, number)
    return number


def _check_range(text: str, number: Decimal) -> None:
    magnitude = number.adjusted()
    if magnitude > LARGEST:
        raise validation(
            f"Number overflow: {text}. Attempting to store a number with magnitude larger than "
            "supported range."
        )
    if magnitude < SMALLEST:
        raise validation(
            f"Number underflow: {text}. Attempting to store a number with magnitude lower than "
            "supported range."
        )
    digits = "".join(map(str, number.as_tuple().digits)).strip("0")
    if len(digits) > DIGITS:
        raise validation(
            f"Number too precise: {text}. Attempting to store a number with more significant "
            "digits than supported."
        )


def plain(text: str, checked: bool = True) -> str:
    """`text` as Alternator gives it back: plain decimals, no exponent, no spare zeros."""
    if len(text) <= DIGITS and text.isascii() and text.isdigit() and text[0] != "0":
        return text
    number = parse(text, checked)
    if not number:
        return "0"
    if abs(number.adjusted()) > VAST:  # old versions take 1e1000000000: not worth a gigabyte
        return text
    return format(WIDE.normalize(number), "f")


def spelling(number: Decimal) -> bytes:
    """What tells N hash keys apart: digits and exponent as written, so 1 and 1.0 differ."""
    sign, digits, exponent = number.as_tuple()
    unscaled = int("".join(map(str, digits)))
    return f"{'-' if sign and unscaled else ''}{unscaled}e{exponent}".encode()
