"""How a rate that was cut, because a server throttled, grows again."""

from typing import Final

_GROWTH: Final = 1.1
# By then every rate is back: a power of more is beyond a float.
_FASTEST: Final = 9.0


def growth(seconds: float, slow: float) -> float:
    """How many times a rate grows within so many seconds after a cut, with no other: by a tenth a
    second for `slow` seconds, then in larger and larger steps, as CUBIC does (RFC 9438)."""
    steady = min(seconds, slow)
    return float(_GROWTH ** (steady + 2 * (2 ** min(seconds - steady, _FASTEST) - 1)))
