"""Reading error answers by a table: each CRM declares its rows, the first that fits counts."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx

from crm_pipelines.model.errors import CrmError

ANY: Collection[int] = range(300, 1000)
"""Every status that is not a good one."""

TROUBLE: Collection[int] = range(500, 600)


@dataclass(frozen=True)
class Reply:
    """What errors are told apart by. ``said`` are the CRM's own words, never empty."""

    status: int
    said: str
    headers: Mapping[str, str]
    code: str = ""
    fields: tuple[str, ...] = ()


@dataclass(frozen=True)
class Row:
    """One meaning: an answer with such a status (and code, and more) is that error."""

    name: str
    statuses: Collection[int]
    error: Callable[[Reply], CrmError]
    codes: Collection[str] = ()
    when: Callable[[Reply], bool] = lambda _: True

    def fits(self, reply: Reply) -> bool:
        """Whether an answer has this meaning."""
        return (
            reply.status in self.statuses
            and (not self.codes or reply.code in self.codes)
            and self.when(reply)
        )


def is_stranger(response: httpx.Response) -> bool:
    """Whether no API answered: a page for people, or the way to another place."""
    page = "html" in response.headers.get("content-type", "")
    status = response.status_code
    return 300 <= status < 400 or (page and (status < 300 or status == 404))


def meaning(rows: Sequence[Row], reply: Reply) -> Row:
    """The first row that fits; the last one takes what is left."""
    return next((row for row in rows if row.fits(reply)), rows[-1])


def says(kind: Callable[[str], CrmError], words: str) -> Callable[[Reply], CrmError]:
    """An error whose text may name ``{status}``, ``{code}`` and what the CRM ``{said}``."""
    return lambda reply: kind(words.format(status=reply.status, code=reply.code, said=reply.said))


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that ``Retry-After`` asks for, given as a number or as a date."""
    text = headers.get("retry-after", "").strip()
    seconds = number(text)
    if seconds is not None or not text:
        return None if seconds is None else max(0.0, seconds)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())


def number(text: str | None) -> float | None:
    """A header's number, ``None`` if it is none."""
    try:
        found = None if text is None else float(text)
    except ValueError:
        return None
    return found if found is not None and abs(found) < 1e9 else None
