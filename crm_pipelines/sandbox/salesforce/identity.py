"""Record Ids: 15 case-sensitive characters, and the 18-character form that survives any case."""

from __future__ import annotations

import re
from functools import lru_cache

DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_SUFFIX = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
_SHAPE = re.compile(r"[0-9A-Za-z]{15}(?:[0-9A-Za-z]{3})?")
_POD = "5Y0"


_PAIRS = [
    (first + second, second.isupper() << 1 | first.isupper())
    for first in DIGITS
    for second in DIGITS
]
"""Two digits and which of them are capitals, by value."""


def make_id(prefix: str, number: int) -> str:
    """The 18-character Id of the ``number``-th record of the object with this prefix."""
    rest, last = divmod(number, 62**2)
    rest, middle = divmod(rest, 62**2)
    rest, first = divmod(rest, 62)
    start, capitals = _head(prefix, rest)
    digit, (pair, high), (end, highest) = DIGITS[first], _PAIRS[middle], _PAIRS[last]
    bits = digit.isupper() | high << 1 | highest << 3
    return start + digit + pair + end + capitals + _SUFFIX[bits]


@lru_cache
def _head(prefix: str, number: int) -> tuple[str, str]:
    """The first ten characters, which many records share, and what tells their capitals."""
    digits = ""
    for _ in range(4):
        number, rest = divmod(number, 62)
        digits = DIGITS[rest] + digits
    start = prefix + _POD + digits
    return start, suffix(start)[:2]


def suffix(short: str) -> str:
    """The three characters that tell which of the fifteen are capitals."""
    return "".join(
        _SUFFIX[sum(1 << i for i, c in enumerate(short[at : at + 5]) if "A" <= c <= "Z")]
        for at in (0, 5, 10)
    )


def whole_id(text: str) -> str | None:
    """The 18-character form of an Id given in either form; None when it is no Id."""
    if not _SHAPE.fullmatch(text):
        return None
    return text[:15] + suffix(text[:15]) if len(text) == 15 else text
