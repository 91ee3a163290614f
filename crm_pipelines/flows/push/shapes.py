"""What a value of each shape must look like, and how it is written down."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from crm_pipelines.model.writable import Shape, Writable

LARGEST_ID = 2**31 - 1
LONGEST_LIST = 50
LARGEST_NUMBER = 1e12
"""Amounts beyond this cannot be told apart to the cent."""

_UNSEEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
"""Control characters and halves of surrogate pairs: no CRM takes them, nor can they be stored."""

_MAILBOX = re.compile(r"[^\s@<>()\[\],;:\"\\]{1,64}")
_HOST = re.compile(r"(?=.{1,253}$)([^\W_]([\w-]{0,61}[^\W_])?\.)+[^\W_]([\w-]{0,61}[^\W_])?")
_CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d)(?::([0-5]\d)(?:\.0+)?)?", re.ASCII)
_SPAN = re.compile(r"(\d{1,3}):([0-5]\d)(?::([0-5]\d)(?:\.\d+)?)?", re.ASCII)


class Unfit(ValueError):
    """Why a value cannot be written; for people."""


def _text(value: Any, field: Writable) -> str:
    text = _any_text(value, field)
    if not text.strip():
        if field.clearable:
            return ""
        raise Unfit("cannot be empty")
    return text.strip()


def _any_text(value: Any, field: Writable) -> str:
    if not isinstance(value, str):
        raise Unfit("must be text")
    if len(value) > field.longest:
        raise Unfit(f"is longer than {field.longest} characters")
    if _UNSEEN.search(value):
        raise Unfit("has characters that cannot be seen")
    return value


def _number(value: Any, _: Writable) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Unfit("must be a number")
    if not math.isfinite(value) or abs(value) > LARGEST_NUMBER:
        raise Unfit("is too large")
    return value


def _boolean(value: Any, _: Writable) -> bool:
    if not isinstance(value, bool):
        raise Unfit("must be true or false")
    return value


def _identity(value: Any, _: Writable) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= LARGEST_ID:
        raise Unfit("must be the number of a record")
    return value


def _listed(value: Any) -> list[Any]:
    if not isinstance(value, list | tuple):
        raise Unfit("must be a list")
    if len(value) > LONGEST_LIST:
        raise Unfit(f"has more than {LONGEST_LIST} entries")
    return list(value)


def _identities(value: Any, field: Writable) -> list[int]:
    return sorted({_identity(one, field) for one in _listed(value)})


def _emails(value: Any, field: Writable) -> list[str]:
    found = [_any_text(one, field).strip() for one in _listed(value)]
    for address in found:
        mailbox, _, host = address.rpartition("@")
        right = _MAILBOX.fullmatch(mailbox) and _HOST.fullmatch(host) and len(address) <= 254
        if not right or mailbox[0] == "." or mailbox[-1] == "." or ".." in mailbox:
            raise Unfit(f"{_shown(address)} is not an e-mail address")
    return _distinct(found)


def _phones(value: Any, field: Writable) -> list[str]:
    found = [_any_text(one, field).strip() for one in _listed(value)]
    for number in found:
        if not any(sign.isdigit() for sign in number) or len(number) > 64:
            raise Unfit(f"{_shown(number)} is not a phone number")
    return _distinct(found)


def _distinct(texts: list[str]) -> list[str]:
    """The first of those that differ in case only."""
    return list({text.casefold(): text for text in reversed(texts)}.values())[::-1]


def _shown(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:60] + "…")


def _day(value: Any, field: Writable) -> str:
    text = _any_text(value, field)
    try:
        if len(text) != 10:
            raise ValueError
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise Unfit("must be a date like 2026-01-31") from None


def _clock(value: Any, field: Writable) -> str:
    found = _CLOCK.fullmatch(_any_text(value, field))
    if found is None:
        raise Unfit("must be a time of day in UTC like 14:30:00")
    return f"{found[1]}:{found[2]}:{found[3] or '00'}"


def _span(value: Any, field: Writable) -> str:
    found = _SPAN.fullmatch(_any_text(value, field))
    if found is None:
        raise Unfit("must be hours and minutes like 01:30:00")
    return f"{int(found[1]):02}:{found[2]}:{found[3] or '00'}"


def _currency(value: Any, field: Writable) -> str:
    text = _any_text(value, field).strip().upper()
    if not re.fullmatch(r"[A-Z]{3}", text):
        raise Unfit("must be a currency like EUR")
    return text


def _visibility(value: Any, _: Writable) -> int:
    if isinstance(value, bool) or value not in (1, 3, 5, 7):
        raise Unfit("must be 1, 3, 5 or 7")
    return int(value)


def _status(value: Any, _: Writable) -> str:
    if value not in ("open", "won", "lost"):
        raise Unfit("must be open, won or lost")
    return str(value)


CHECKS: Mapping[Shape, Callable[[Any, Writable], Any]] = {
    Shape.TEXT: _text,
    Shape.HTML: _any_text,
    Shape.NUMBER: _number,
    Shape.BOOLEAN: _boolean,
    Shape.ID: _identity,
    Shape.IDS: _identities,
    Shape.EMAILS: _emails,
    Shape.PHONES: _phones,
    Shape.DATE: _day,
    Shape.TIME: _clock,
    Shape.DURATION: _span,
    Shape.CURRENCY: _currency,
    Shape.VISIBILITY: _visibility,
    Shape.STATUS: _status,
}
"""The value as it is written. Raises ``Unfit``."""
