"""The log of what was changed of deals: kept for every change, shown by one v1 end point."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from starlette.responses import Response

from crm_pipelines.sandbox.clock import Clock
from crm_pipelines.sandbox.database import Database
from crm_pipelines.sandbox.pipedrive.changes import Change
from crm_pipelines.sandbox.pipedrive.items import find
from crm_pipelines.sandbox.pipedrive.operation import Call, Operation, success
from crm_pipelines.sandbox.pipedrive.parameters import PAGE
from crm_pipelines.sandbox.pipedrive.records import encode
from crm_pipelines.sandbox.pipedrive.refusals import bad_request
from crm_pipelines.sandbox.pipedrive.schema import Record

TABLE = "pipedrive_change_log"
UNLOGGED = ("id", "add_time", "update_time", "stage_change_time", "is_deleted", "custom_fields")
"""Follow from other changes, or are looked at one by one."""

AGENTS = {"app": "Mozilla/5.0 (X11; Linux x86_64) Sandbox", "api": None}
COLUMNS = "deal_id, field_key, old_value, new_value, actor_user_id, time, change_source"


@dataclass(frozen=True)
class Line:
    """One field of a deal was changed; ``time`` is UTC, as v1 writes it."""

    deal_id: int
    field_key: str
    old_value: str | None
    new_value: str | None
    actor_user_id: int
    time: str
    change_source: str = "app"


class ChangeLog:
    """The log of one company."""

    def __init__(self, database: Database, clock: Clock, limits: dict[str, int]) -> None:
        self._database, self._clock, self._limits = database, clock, limits
        with database.transaction() as connection:
            connection.execute(
                f"CREATE TABLE IF NOT EXISTS {TABLE} (id INTEGER PRIMARY KEY AUTOINCREMENT,"
                f" {COLUMNS})"
            )
            connection.execute(f"CREATE INDEX IF NOT EXISTS {TABLE}_deal ON {TABLE} (deal_id, id)")

    def hear(self, change: Change) -> None:
        """Write down what a change did to a deal."""
        if change.collection == "deals" and change.before and change.after:
            self.add(_lines(change, change.before, change.after))

    def add(self, lines: Iterable[Line]) -> None:
        """More lines, oldest first."""
        with self._database.transaction() as connection:
            connection.executemany(
                f"INSERT INTO {TABLE} ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
                (tuple(vars(line).values()) for line in lines),
            )

    def read(self, deal_id: int, before: int | None, most: int) -> list[tuple[int, Line]]:
        """Lines that are not purged, with their numbers, the newest first."""
        days = self._limits["change_log_days"]
        oldest = self._clock.now() - timedelta(days=days) if days else None
        rows = self._database.rows(
            f"SELECT id, {COLUMNS} FROM {TABLE}"  # noqa: S608
            " WHERE deal_id = ? AND id < ? AND time >= ? ORDER BY id DESC LIMIT ?",
            (
                deal_id,
                before or 1 << 62,
                f"{oldest:%Y-%m-%d %H:%M:%S}" if oldest else "",
                most,
            ),
        )
        return [(row[0], Line(*row[1:])) for row in rows]


def operations() -> Iterator[Operation]:
    """``GET /v1/deals/{id}/changelog``."""
    yield Operation("GET", "/deals/{id}/changelog", "list", _answer, PAGE, "v1")


def _answer(call: Call) -> Response:
    deal, size = find(call, "deals"), call.query.get("limit", 100)
    before = _read_cursor(call.query["cursor"]) if "cursor" in call.query else None
    lines = call.company.change_log.read(deal["id"], before, size + 1)
    following = _cursor(lines[size - 1][0]) if len(lines) > size else None
    shown = [_shown(line) for _, line in lines[:size]]
    return success(shown, additional_data={"next_cursor": following})


def _shown(line: Line) -> Record:
    made = {name: value for name, value in vars(line).items() if name != "deal_id"}
    return {
        **made,
        "change_source_user_agent": AGENTS.get(line.change_source),
        "is_bulk_update_flag": False,
    }


def _cursor(number: int) -> str:
    return base64.urlsafe_b64encode(f"id:{number}".encode()).decode().rstrip("=")


def _read_cursor(text: str) -> int:
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        word, _, number = raw.decode().partition(":")
        if word != "id" or not number.isdigit():
            raise ValueError(text)
        return int(number[:18])
    except (binascii.Error, ValueError) as error:
        raise bad_request("Invalid cursor") from error


def _lines(change: Change, before: Record, after: Record) -> Iterator[Line]:
    old, new = _flat(before), _flat(after)
    for key in new:
        if old.get(key) != new[key]:
            yield Line(
                change.identity,
                key,
                _text(old.get(key)),
                _text(new[key]),
                change.author.user_id,
                f"{change.at:%Y-%m-%d %H:%M:%S}",
                change.author.source,
            )


def _flat(record: Record) -> Record:
    plain = {key: value for key, value in record.items() if key not in UNLOGGED}
    return {**plain, **(record.get("custom_fields") or {})}


def _text(value: Any) -> str | None:
    """As the log writes values: always as text."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return encode(value).decode()
