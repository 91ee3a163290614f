"""Record Ids: 15 case-sensitive characters, and the 18-character form that survives any case."""

from __future__ import annotations

import re

DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_SUFFIX = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
_SHAPE = re.compile(r"[0-9A-Za-z]{15}(?:[0-9A-Za-z]{3})?")
_POD = "5Y0"


def make_id(prefix: str, number: int) -> str:
    """The 18-character Id of the ``number``-th record of the object with this prefix."""
    digits = []
    for _ in range(9):
        number, rest = divmod(number, 62)
        digits.append(DIGITS[rest])
    short = prefix + _POD + "".join(reversed(digits))
    return short + suffix(short)


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
