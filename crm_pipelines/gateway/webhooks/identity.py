"""By what a delivery is known when it comes again."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from typing import Any

import msgspec

Identify = Callable[[bytes], str | None]
_ID = re.compile(r"[!-~]{1,200}")
"""What is taken for an id; anything else could not be stored, or would not fit an index."""


def identity(body: bytes, identify: Identify | None) -> str:
    """The event's own id where the body shows one, else a digest of what does not change."""
    found = identify(body) if identify else None
    if found is not None and _ID.fullmatch(found):
        return found
    return f"sha256:{hashlib.sha256(_without_counter(body)).hexdigest()}"


def _without_counter(body: bytes) -> bytes:
    """The body as if it had been sent once only; as it is, where it cannot be read."""
    try:
        said: Any = msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return body
    if not isinstance(said, dict):
        return body
    said.pop("retry", None)
    meta = said.get("meta")
    if isinstance(meta, dict):
        meta.pop("attempt", None)
    return msgspec.json.encode(said)
