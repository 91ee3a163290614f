"""Single values that no pattern settles; verdicts are remembered, since values come again."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime
from functools import lru_cache
from urllib.parse import urlsplit

_KEPT = 1 << 16
_LONGEST_ADDRESS, _LONGEST_MAILBOX = 254, 64
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_PLAIN_MAILBOX = re.compile(rf"{_ATOM}(\.{_ATOM})*")
_KNOWN_DOMAIN = "gmail.com"
"""Any domain that is right, beside which a mailbox can be judged."""


@lru_cache(_KEPT)
def is_email(text: str) -> bool:
    """Whether mail could be sent there; nothing is looked up.

    Both sides are judged apart, because many addresses share a domain, which is what takes long.
    """
    mailbox, at, domain = text.rpartition("@")
    if not at or len(text) > _LONGEST_ADDRESS:
        return False
    plain = len(mailbox) <= _LONGEST_MAILBOX and _PLAIN_MAILBOX.fullmatch(mailbox) is not None
    return (plain or _delivers(f"{mailbox}@{_KNOWN_DOMAIN}")) and _delivers(f"a@{domain}")


@lru_cache(_KEPT)
def _delivers(address: str) -> bool:
    from email_validator import EmailNotValidError, validate_email

    try:
        validate_email(address, check_deliverability=False)
    except EmailNotValidError:
        return False
    return True


@lru_cache(_KEPT)
def is_phone(text: str) -> bool:
    """Whether it could be dialled: the length is one its country has.

    Not whether the number is in use: tables of that are always a little old. Numbers in letters
    are North American.
    """
    if sum(character.isdecimal() for character in text) < 3:
        return False
    from phonenumbers import NumberParseException, is_possible_number, parse

    region = "US" if any(character.isalpha() for character in text) else None
    try:
        return is_possible_number(parse(text, region))
    except NumberParseException:
        return False


@lru_cache(_KEPT)
def is_url(text: str) -> bool:
    """Whether it names a scheme and a place; ``mailto:`` and the like count, too."""
    if any(character.isspace() or character == "\\" for character in text):
        return False
    try:
        parts = urlsplit(text)
        return bool(parts.scheme and (parts.hostname or (not parts.netloc and parts.path)))
    except ValueError:
        return False


@lru_cache(_KEPT)
def is_date(text: str) -> bool:
    """Whether the day exists."""
    return len(text) == 10 and "W" not in text and _reads(date.fromisoformat, text)


@lru_cache(_KEPT)
def is_datetime(text: str) -> bool:
    """Whether the moment exists, in either spelling, with or without zone."""
    return _reads(datetime.fromisoformat, text) and len(text) > 10


def _reads(read: Callable[[str], object], text: str) -> bool:
    try:
        read(text)
    except ValueError:
        return False
    return True


VERDICTS: dict[str, Callable[[str], bool]] = {
    "email": is_email,
    "phone": is_phone,
    "url": is_url,
    "date": is_date,
    "datetime": is_datetime,
}
"""By the name of the check."""
