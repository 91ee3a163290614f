"""Driving mirror flows the way the shell does, and looking at what they left behind."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, LiteralString

from psycopg import sql

from crm_pipelines.connectors import discover
from crm_pipelines.flows.mirror.flow import Mirror, Progress, silent
from crm_pipelines.model.manifest import Manifest, Outcome
from crm_pipelines.model.window import Options
from crm_pipelines.vault.keys import make_key
from crm_pipelines.wiring import Wiring

Row = dict[str, Any]
ROOMY = {"PIPEDRIVE_BURST_LIMIT": "10000", "CRM_SENSOR_SECONDS": "0.5"}
"""Tests that are not about bursts need not wait for them, nor for sensors that hear nothing."""

SEALED = {"CRM_ENCRYPTION_KEYS": make_key().text}
"""Given, so that no key is made, and nothing is said of one."""

_NUMBERS = itertools.count(1)


def variables(url: str, database_url: str, home: Path, **more: str) -> dict[str, str]:
    """An environment that points every connector at the sandbox."""
    found = {"CRM_DATABASE_URL": database_url, "CRM_HOME": str(home), **ROOMY, **SEALED}
    for connector in discover().values():
        found.update(connector.sandbox(url))
    return {**found, **more}


class Mirroring:
    """Runs of streams of one environment. Streams are named ``crm.stream``.

    ``manifests`` are the last ones by stream, ``notes`` and ``run_id`` those of the last run.
    """

    def __init__(self, values: Mapping[str, str]) -> None:
        self.values = dict(values)
        self.wiring = Wiring(self.values)
        self.manifests: dict[str, Manifest] = {}
        self.notes: dict[str, Any] = {}
        self.run_id = ""

    def __call__(
        self,
        name: str,
        *,
        window: tuple[datetime, datetime] | None = None,
        key: str | None = None,
        **options: Any,
    ) -> Outcome:
        """One whole run."""
        return self.finish(name, self.fetch(name, window=window, key=key, **options))

    def flow(self, name: str, progress: Progress = silent, workspace: str = "default") -> Mirror:
        """The flow of a stream."""
        crm, _, stream = name.partition(".")
        return self.wiring.mirror(workspace, crm, stream, progress)

    def fetch(
        self,
        name: str,
        *,
        window: tuple[datetime, datetime] | None = None,
        key: str | None = None,
        on_page: Callable[[int], object] | None = None,
        **options: Any,
    ) -> Manifest:
        """The first phase only; ``on_page`` is told the number of every page, from 1 on."""
        self.run_id = f"run-{next(_NUMBERS)}"
        heard = itertools.count()

        def progress(phase: str, words: str) -> None:
            number = next(heard)
            if on_page is not None and number:
                on_page(number)

        flow = self.flow(name, progress)
        return flow.fetch(Options(**options), window, key=key or self.run_id, run=self.run_id)

    def prepare(self, name: str, manifest: Manifest, run: str = "") -> Manifest:
        """The second and the third phase."""
        flow, run = self.flow(name), run or self.run_id
        return flow.validate(flow.transform(manifest, run=run), run=run)

    def finish(self, name: str, manifest: Manifest, run: str = "") -> Outcome:
        """The phases after the first."""
        run = run or self.run_id
        prepared = self.prepare(name, manifest, run)
        outcome, self.manifests[name] = self.flow(name).upsert(prepared, run=run)
        self.notes = self.manifests[name].notes
        return outcome

    def rows(
        self, name: str, *, deleted: bool = False, where: LiteralString = "true"
    ) -> dict[Any, Row]:
        """A mirror table by id, tombstones on request."""
        crm, _, table = name.partition(".")
        statement = sql.SQL("SELECT * FROM {} WHERE ({}){} ORDER BY id").format(
            sql.Identifier(crm, table),
            sql.SQL(where),
            sql.SQL("" if deleted else " AND _deleted_at IS NULL"),
        )
        with self.wiring.database.connection() as connection:
            return {row["id"]: row for row in connection.execute(statement).fetchall()}

    def query(self, statement: LiteralString, **values: Any) -> list[Row]:
        """Whatever else a test wants to see."""
        return list(self.wiring.database.run_text(statement, values))

    def history(self, name: str) -> list[Row]:
        """The lines of sync history of a stream, oldest first."""
        crm, _, stream = name.partition(".")
        return self.query(
            "SELECT * FROM sync.runs WHERE crm = %(crm)s AND stream = %(stream)s ORDER BY id",
            crm=crm,
            stream=stream,
        )

    def watermark(self, name: str) -> datetime | None:
        """How far a stream is safe."""
        crm, _, stream = name.partition(".")
        found = self.query(
            "SELECT watermark FROM sync.watermarks WHERE crm = %(crm)s AND stream = %(stream)s",
            crm=crm,
            stream=stream,
        )
        return found[0]["watermark"] if found else None

    def close(self) -> None:
        """Give everything back."""
        self.wiring.close()
