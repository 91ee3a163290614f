"""Records that did not pass: kept as they came, listed, taken out again when they pass."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from operator import itemgetter
from typing import Any

import msgspec
from psycopg.types.json import Jsonb

from crm_pipelines.model import json_text
from crm_pipelines.store.database import Connection, Database
from crm_pipelines.store.queries import query

PIECE = 5_000
"""Records that are run again at a time."""

_FIRST: dict[str, Any] = {
    "fetched_at": datetime(1, 1, 1, tzinfo=UTC),
    "is_json": False,
    "record_id": "",
}

About = Mapping[str, Any]
"""Workspace, crm and stream, and the run where one writes."""


@dataclass(frozen=True)
class Batch:
    """Raw records that were fetched together, and the ids they are known by."""

    fetched_at: datetime
    is_json: bool
    ids: list[str]
    raw: list[str]


def reject(
    connection: Connection,
    about: About,
    records: Iterable[Mapping[str, Any]],
    *,
    fetched_at: datetime,
    again: bool = False,
) -> None:
    """Keep failures (``record_id``, ``raw``, ``reasons``, ``json``) of a fetch that began then."""
    with connection.cursor() as cursor:
        cursor.executemany(
            query("rejected.reject"),
            [
                {
                    **about,
                    "record_id": record["record_id"],
                    "raw": _storable(record["raw"]),
                    "reasons": _storable(record["reasons"]),
                    "fetched_at": fetched_at,
                    "is_json": record["json"],
                    "again": again,
                }
                for record in records
            ],
        )


def has_any(connection: Connection, about: About) -> bool:
    """Whether a stream has rejected records."""
    row = connection.execute(query("rejected.has_any"), about).fetchone()
    return row is not None and bool(row["found"])


def forget_passed(connection: Connection, about: About, keys: str) -> None:
    """Records with these keys (an array, as PostgreSQL writes it) are no rejected ones now."""
    connection.execute(query("rejected.forget_passed"), {**about, "keys": keys})


def forget_unseen(connection: Connection, about: About, started_at: datetime) -> None:
    """A full sync that saw everything did not see them."""
    connection.execute(query("rejected.forget_unseen"), {**about, "started_at": started_at})


def forget_keyless(database: Database, about: About, ids: list[str]) -> None:
    """Of these, drop those that had no key and passed in the run that ``about`` names."""
    database.run("rejected.forget_keyless", {**about, "ids": ids})


def list_rejected(database: Database, about: About, limit: int) -> list[dict[str, Any]]:
    """The last ones first, the raw record as text."""
    return list(database.run("rejected.list", {**about, "limit": limit}))


def count_rejected(database: Database, about: About) -> int:
    """How many a stream has."""
    return int(database.run("rejected.count", about)[0]["records"])


def batches(database: Database, about: About, limit: int = 0) -> Iterator[Batch]:
    """All of a stream's (at most ``limit``, if given), by the fetch they came from."""
    place, left = dict(_FIRST), limit
    while True:
        size = min(PIECE, left) if limit else PIECE
        rows = database.run("rejected.page", {**about, **place, "limit": size}) if size else []
        for (fetched_at, is_json), found in groupby(rows, itemgetter("fetched_at", "is_json")):
            group = list(found)
            ids, raw = [r["record_id"] for r in group], [r["raw"] for r in group]
            yield Batch(fetched_at, is_json, ids, raw)
        if len(rows) < PIECE:
            return
        place = {name: rows[-1][name] for name in _FIRST}
        left -= len(rows)


def _storable(text: str) -> Jsonb:
    """JSON digit by digit if it is JSON, else the text itself; without NULs."""
    try:
        msgspec.json.decode(text, type=msgspec.Raw)
    except msgspec.MsgspecError:
        text = json.dumps(text)
    return Jsonb(json_text.strip_nul(text), dumps=str)
