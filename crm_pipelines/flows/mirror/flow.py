"""The mirror of one stream: choose the slice, then fetch, transform, validate, upsert."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from crm_pipelines.budget.ledger import Ledgers
from crm_pipelines.model.connector import Account
from crm_pipelines.model.errors import BudgetSpent
from crm_pipelines.model.manifest import Manifest, Outcome
from crm_pipelines.model.priority import priority_of
from crm_pipelines.model.stream import Stream
from crm_pipelines.model.window import Options, Slice, choose_slice
from crm_pipelines.store import history, named_views
from crm_pipelines.store.checkpoints import Checkpoints
from crm_pipelines.store.database import Database
from crm_pipelines.store.staging import Staging

Progress = Callable[[str, str], None]
"""Told the phase and, in words, how far it is."""


def silent(phase: str, words: str) -> None:
    """Progress nobody watches."""


@dataclass(frozen=True)
class Mirror:
    """One stream of one workspace, with everything it needs to be synced."""

    account: Account
    stream: Stream
    database: Database
    budget: Ledgers
    staging: Staging
    checkpoints: Checkpoints
    progress: Progress = silent

    @property
    def about(self) -> dict[str, str]:
        """How statements name this stream."""
        return {
            "workspace": self.account.workspace,
            "crm": self.account.crm,
            "stream": self.stream.name,
        }

    def fetch(
        self, options: Options, window: tuple[datetime, datetime] | None, *, key: str, run: str
    ) -> Manifest:
        """Land the slice that the options and the sync window ask for.

        ``key`` stays the same when a run is executed again, ``run`` does not.
        """
        from crm_pipelines.phases.fetch import fetch

        now = history.database_time(self.database)
        mark = history.watermark(self.database, **self.about)
        part = choose_slice(
            options, windowed=self.stream.windowed, watermark=mark, window=window, now=now
        )
        purse = self.budget.purse(
            **self.about,
            limits=self.account.limits,
            priority=priority_of(options, part, windowed=self.stream.windowed),
        )
        self.progress("fetch", part.describe())
        begun = time.monotonic()
        with self._noted(run, options, part, now):
            manifest = fetch(
                key="/".join((key, ".".join(self.about.values()))),
                workspace=self.account.workspace,
                crm=self.account.crm,
                stream=self.stream,
                options=options,
                part=part,
                now=now,
                open_source=lambda: self.account.open(purse),
                purse=purse,
                staging=self.staging,
                checkpoints=self.checkpoints,
                progress=lambda rows: self.progress("fetch", f"{rows:,} records"),
            )
        return manifest.advance(notes=_took("fetch", begun))

    def transform(self, manifest: Manifest, *, run: str) -> Manifest:
        """Typed columns."""
        from crm_pipelines.phases.transform import transform

        self.progress("transform", f"{manifest.rows:,} records")
        begun = time.monotonic()
        with self._noted(run, manifest.options, manifest.slice, manifest.started_at, manifest):
            done = transform(manifest, self.staging)
        return done.advance(notes=_took("transform", begun))

    def validate(self, manifest: Manifest, *, run: str) -> Manifest:
        """Valid and rejected records."""
        from crm_pipelines.phases.validate import validate

        self.progress("validate", f"{manifest.rows:,} records")
        begun = time.monotonic()
        with self._noted(run, manifest.options, manifest.slice, manifest.started_at, manifest):
            done = validate(manifest, self.stream, self.staging)
        return done.advance(notes=_took("validate", begun))

    def upsert(self, manifest: Manifest, *, run: str) -> tuple[Outcome, Manifest]:
        """The mirror brought up to date, history written, chunks dropped."""
        from crm_pipelines.phases.upsert import upsert

        self.progress("upsert", f"{manifest.rows:,} records")
        begun = time.monotonic()
        with self._noted(run, manifest.options, manifest.slice, manifest.started_at, manifest):
            outcome, added = upsert(
                manifest,
                self.stream,
                run=run,
                database=self.database,
                staging=self.staging,
                metrics={**manifest.notes, "peak_memory_mb": peak_memory_mb()},
            )
            remarks = [] if manifest.options.dry_run else self._refresh_views()
        self.staging.drop(manifest.key)
        self.checkpoints.release(manifest.key)
        notes = {"added_columns": added, "remarks": remarks, **_took("upsert", begun)}
        return outcome, manifest.advance(notes=notes)

    def _refresh_views(self) -> list[str]:
        """Named views made anew where they must; what stood in the way."""
        found = (
            named_views.refresh(self.database, self.account.crm, entity, fields)
            for entity, fields in self.account.connector.named_views.items()
            if self.stream.name in (entity, fields)
        )
        return [remark for remark in found if remark]

    @contextmanager
    def _noted(
        self,
        run: str,
        options: Options,
        part: Slice,
        started_at: datetime,
        manifest: Manifest | None = None,
    ) -> Iterator[None]:
        """A phase that breaks leaves a line of history that says why."""
        try:
            yield
        except BudgetSpent as error:
            words = f"{error}; goes on at {error.resumes_at:%Y-%m-%d %H:%M} UTC"
            self._note(run, options, part, started_at, manifest, "paused", words)
            raise
        except Exception as error:
            if manifest is not None:
                self.checkpoints.release(manifest.key)
            words = str(error).strip() or type(error).__name__
            self._note(run, options, part, started_at, manifest, "failed", words)
            raise

    def _note(
        self,
        run: str,
        options: Options,
        part: Slice,
        started_at: datetime,
        manifest: Manifest | None,
        status: str,
        words: str,
    ) -> None:
        notes = manifest.notes if manifest else {}
        outcome = Outcome(
            fetched=sum(chunk.rows for chunk in manifest.raw) if manifest else 0,
            api_calls=notes.get("api_calls", 0),
            tokens=notes.get("tokens", 0),
        )
        with self.database.transaction() as connection:
            history.record_run(
                connection,
                {"run": run, **self.about},
                mode=options.mode.value,
                part=part,
                status=status,
                outcome=outcome,
                started_at=started_at,
                error=words,
            )


def _took(phase: str, begun: float) -> dict[str, float]:
    return {f"{phase}_seconds": round(time.monotonic() - begun, 3)}


def peak_memory_mb() -> int:
    """The most memory this process ever had, in MB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak // (1024 * 1024 if sys.platform == "darwin" else 1024)
