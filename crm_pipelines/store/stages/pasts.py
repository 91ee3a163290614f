"""How far the past of each deal is known, and the deals whose logs are still to be read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from typing import Any

from psycopg.types.json import Jsonb

from crm_pipelines.store.database import Connection, Database, grounded
from crm_pipelines.store.queries import query

STREAM = "stage_history"
"""What sync history, ledger and pauses call it."""


class Pasts:
    """Those of one account."""

    def __init__(self, database: Database, workspace: str, crm: str) -> None:
        self._database = database
        self._about = {"workspace": workspace, "crm": crm}

    @contextmanager
    def alone(self) -> Iterator[bool]:
        """One reads the logs of an account at a time; whether that is us."""
        account = "/".join(self._about.values())
        with grounded(), closing(self._database.connect()) as connection:
            row = connection.execute(query("stages.lock_pasts"), {"account": account}).fetchone()
            yield bool(row and row["ours"])

    def look(self) -> None:
        """Deleted deals have no log; deals with gaps that are news are read again."""
        if self._mirrored():
            self._database.run("stages.forget_gone", self._about)
            self._database.run("stages.reopen_gaps", self._about)

    def next(self) -> dict[str, Any] | None:
        """The deal to go on with, with the values that it has now."""
        rows = self._database.run("stages.next_past", self._about) if self._mirrored() else []
        return dict(rows[0]) if rows else None

    def pipelines(self) -> dict[int, int]:
        """The pipeline of each stage, as far as the mirror knows."""
        if not self._mirrored("stages"):
            return {}
        rows = self._database.run("stages.pipelines", self._about)
        return {row["id"]: row["pipeline_id"] for row in rows}

    def keep(
        self,
        connection: Connection,
        deal_id: int,
        status: str,
        *,
        tokens: int = 0,
        page_token: str | None = None,
        carried: Mapping[str, Any] | None = None,
    ) -> None:
        """How far the log of a deal has been read."""
        values = {
            **self._about,
            "deal_id": deal_id,
            "status": status,
            "tokens": tokens,
            "page_token": page_token,
            "carried": None if carried is None else Jsonb(dict(carried)),
        }
        connection.execute(query("stages.keep_past"), values)

    def states(self) -> dict[str, int]:
        """How many deals are how far."""
        rows = self._database.run("stages.past_states", self._about)
        return {row["status"]: row["deals"] for row in rows}

    def left(self) -> int:
        """How many are still to be read."""
        states = self.states()
        return states.get("unread", 0) + states.get("reading", 0)

    def pause(self, run: str, resumes_at: datetime) -> None:
        """The day's share is spent."""
        self._database.run(
            "pauses.remember",
            {
                **self._about,
                "stream": STREAM,
                "key": self._key,
                "root": run,
                "run": run,
                "options": Jsonb({}),
                "slice": Jsonb({}),
                "resumes_at": resumes_at,
            },
        )

    def resume(self) -> None:
        """It is gone on with."""
        self._database.run("pauses.forget", {"key": self._key})

    def paused_until(self) -> datetime | None:
        """When it goes on, if it is paused."""
        rows = self._database.run("stages.paused_until", {"key": self._key})
        found: datetime | None = rows[0]["resumes_at"].astimezone(UTC) if rows else None
        return found

    @property
    def _key(self) -> str:
        return ".".join((*self._about.values(), STREAM))

    def _mirrored(self, name: str = "deals") -> bool:
        table = f"{self._about['crm']}.{name}"
        there: bool = self._database.run("stages.mirrored", {"table": table})[0]["there"]
        return there
