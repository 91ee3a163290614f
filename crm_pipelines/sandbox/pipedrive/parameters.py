"""Query parameters: what each may hold, read strictly. Whatever is not declared is refused."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from crm_pipelines.sandbox.pipedrive.refusals import invalid

Reader = Callable[[str], Any]
"""Text to value; raises ``ValueError`` with the reason."""

_DATETIME = re.compile(r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}([Zz]|[+-]\d{2}:\d{2})")


def text(value: str) -> str:
    """Anything."""
    return value


def integer(value: str) -> int:
    """A whole number above zero."""
    if not re.fullmatch(r"\d{1,18}", value) or int(value) == 0:
        raise ValueError("must be a positive integer")
    return int(value)


def natural(value: str) -> int:
    """A whole number, zero included."""
    if not re.fullmatch(r"\d{1,18}", value):
        raise ValueError("must be a non-negative integer")
    return int(value)


def boolean(value: str) -> bool:
    """``true`` or ``false`` and nothing else."""
    if value not in ("true", "false"):
        raise ValueError("must be a boolean")
    return value == "true"


def flag(value: str) -> bool:
    """The v1 way of yes and no: also 1 and 0."""
    if value not in ("true", "false", "1", "0"):
        raise ValueError("must be 0 or 1")
    return value in ("true", "1")


def moment(value: str) -> str:
    """RFC 3339 without fractions, normalised to UTC with a ``Z``."""
    from datetime import UTC, datetime

    if not _DATETIME.fullmatch(value):
        raise ValueError("is not a valid datetime")
    try:
        at = datetime.fromisoformat(value.upper().replace("Z", "+00:00")).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ValueError("is not a valid datetime") from error
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def identities(value: str) -> list[int]:
    """Up to 100 record ids."""
    ids = [integer(part.strip()) for part in value.split(",")]
    if len(ids) > 100:
        raise ValueError("must contain no more than 100 items")
    if len(set(ids)) != len(ids):
        raise ValueError("must not contain duplicates")
    return ids


def hashes(value: str) -> list[str]:
    """Up to 15 custom field codes."""
    codes = [part.strip() for part in value.split(",")]
    if len(codes) > 15:
        raise ValueError("must contain no more than 15 items")
    return codes


def choice(*allowed: str) -> Reader:
    """One of the words."""

    def read(value: str) -> str:
        if value not in allowed:
            raise ValueError(f"must be one of [{', '.join(allowed)}]")
        return value

    return read


def choices(*allowed: str) -> Reader:
    """A comma list of the words."""

    def read(value: str) -> list[str]:
        return [choice(*allowed)(part.strip()) for part in value.split(",")]

    return read


def order(*allowed: str) -> Reader:
    """The v1 way: ``field DESC``, and more of them after commas, in one direction all."""

    def read(value: str) -> tuple[str, bool]:
        found = [re.fullmatch(r"(\w+)( (?:asc|desc))?", p.strip(), re.I) for p in value.split(",")]
        fields = [one[1] for one in found if one is not None and one[1] in allowed]
        downward = {(one[2] or "").strip().lower() == "desc" for one in found if one is not None}
        if len(fields) != len(found) or len(downward) != 1 or fields[1:] not in ([], ["id"]):
            raise ValueError(f"must be one of {', '.join(allowed)} with ASC or DESC")
        return fields[0], downward.pop()

    return read


def parse(
    declared: Mapping[str, Reader], given: list[tuple[str, str]], limits: Mapping[str, int]
) -> dict[str, Any]:
    """All values by name. Raises a ``Refusal`` (400) for the first that does not fit."""
    values: dict[str, Any] = {}
    for name, value in given:
        if name not in declared:
            raise invalid(f'"{name}" is not allowed')
        if name in values:
            raise invalid(f'"{name}" must not be given more than once')
        try:
            values[name] = declared[name](value)
        except ValueError as error:
            if name == "limit" and limits["clamp_page_limit"] and value.isdigit():
                values[name] = declared[name](str(_LARGEST[declared[name]])) if int(value) else 1
                continue
            raise invalid(f'"{name}" {error}') from None
    return values


def _page_limit(largest: int) -> Reader:
    def read(value: str) -> int:
        if not re.fullmatch(r"\d{1,9}", value) or not 1 <= int(value) <= largest:
            raise ValueError(f"must be an integer between 1 and {largest}")
        return int(value)

    return read


page_limit, search_limit, file_limit = _page_limit(500), _page_limit(100), _page_limit(100)
_LARGEST: dict[Reader, int] = {page_limit: 500, search_limit: 100, file_limit: 100}
PAGE: dict[str, Reader] = {"limit": page_limit, "cursor": text}
"""Parameters of every v2 list."""
V1_PAGE: dict[str, Reader] = {"start": natural, "limit": page_limit}
"""Parameters of every paged v1 list."""
