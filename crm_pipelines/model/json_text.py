"""JSON as text: taking out what decoders or PostgreSQL refuse, without decoding it."""

from __future__ import annotations

import re

_NUL = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")
_SURROGATES = re.compile(
    rb"(?<!\\)((?:\\\\)*)(\\u[dD][89abAB]\w\w\\u[dD][c-fC-F]\w\w|\\u[dD][89a-fA-F]\w\w)"
)
_PAIR = len(rb"\ud83d\ude00")


def strip_nul(text: str) -> str:
    """Without escaped NULs, which ``jsonb`` cannot hold; an escaped backslash stays one."""
    return _NUL.sub(r"\1", text) if "\\u0000" in text else text


def mend_surrogates(raw: bytes) -> bytes:
    """Halves of a surrogate pair replaced by U+FFFD: text that was cut inside an emoji."""

    def mend(found: re.Match[bytes]) -> bytes:
        whole = len(found[2]) == _PAIR
        return found[1] + (found[2] if whole else rb"\ufffd")

    return _SURROGATES.sub(mend, raw)
