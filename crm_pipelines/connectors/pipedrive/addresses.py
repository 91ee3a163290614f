"""An organization's address: one text with parts beside it; the text may not be missing.

So the country stands in for the text where nothing else is known, and does not count as one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def address(values: Mapping[str, Any], before: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """What is sent for ``address`` and ``country``, either or both, in place of ``before``."""
    text = values["address"] if "address" in values else text_of(before)
    country = values["country"] if "country" in values else country_of(before)
    moved = "address" in values and text != text_of(before)
    parts = {} if moved else _others(before)
    if not text and not country:
        return None
    return {"value": text or country, **parts, "country": country or None}


def text_of(found: Mapping[str, Any] | None) -> str | None:
    """The address, unless it only repeats the country."""
    text = (found or {}).get("value") or None
    return None if text == country_of(found) and not _others(found) else text


def country_of(found: Mapping[str, Any] | None) -> str | None:
    """The country, where it is known."""
    return (found or {}).get("country") or None


def _others(found: Mapping[str, Any] | None) -> dict[str, Any]:
    """Parts like street and town; those of another address would be wrong."""
    own = ("value", "country")
    return {part: text for part, text in (found or {}).items() if part not in own and text}
