"""Fetches that wait for the next day's budget: what they read, and when they go on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec
from psycopg.types.json import Jsonb

from crm_pipelines.model.errors import BudgetSpent
from crm_pipelines.model.window import Options, Slice
from crm_pipelines.store.database import Database


@dataclass(frozen=True)
class Pause:
    """A fetch that may go on. ``root`` names its checkpoint, ``run_id`` the run that stopped."""

    root: str
    run_id: str
    workspace: str
    crm: str
    stream: str


@dataclass(frozen=True)
class Wish:
    """One stream's fetch of one run. ``about`` names workspace, crm and stream."""

    database: Database
    about: Mapping[str, str]
    root: str
    options: Options

    @property
    def key(self) -> str:
        """The same whenever the run is executed again."""
        return "/".join((self.root, ".".join(self.about.values())))

    def slice(self) -> Slice | None:
        """What it was reading when it paused: days later it would choose another slice."""
        rows = self.database.run("pauses.slice", {"key": self.key, "options": self._options()})
        return msgspec.convert(rows[0]["slice"], Slice) if rows else None

    @contextmanager
    def remembered(self, run: str, part: Slice) -> Iterator[None]:
        """Kept when it pauses, forgotten when it is through."""
        try:
            yield
        except BudgetSpent as error:
            values = {
                **self._names(),
                "run": run,
                "options": self._options(),
                "slice": Jsonb(msgspec.to_builtins(part)),
                "resumes_at": error.resumes_at,
            }
            self.database.run("pauses.remember", values)
            raise
        self.database.run("pauses.forget", {"key": self.key})

    def _names(self) -> dict[str, str]:
        return {**self.about, "key": self.key, "root": self.root}

    def _options(self) -> Jsonb:
        return Jsonb(msgspec.to_builtins(self.options))


def due(database: Database, now: datetime) -> list[Pause]:
    """Those whose time has come and that nobody else brought home since."""
    return [_pause(row) for row in database.run("pauses.due", {"now": now})]


def waiting(database: Database, workspace: str, crm: str) -> list[tuple[str, datetime]]:
    """Streams of an account that wait, and until when."""
    rows = database.run("pauses.waiting", {"workspace": workspace, "crm": crm})
    return [(row["stream"], row["resumes_at"].astimezone(UTC)) for row in rows]


def _pause(row: Mapping[str, Any]) -> Pause:
    return Pause(row["root"], row["run_id"], row["workspace_id"], row["crm"], row["stream"])
