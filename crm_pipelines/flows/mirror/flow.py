"""The mirror of one stream: choose the slice, then fetch, transform, validate, upsert."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from crm_pipelines.budget.ledger import Ledger, Ledgers
from crm_pipelines.flows.mirror.absence import confirm_absence
from crm_pipelines.flows.mirror.chronicle import Chapter, measures, read_so_far, seconds_of
from crm_pipelines.flows.mirror.leftovers import clear_leftovers
from crm_pipelines.model.connector import Account
from crm_pipelines.model.drift import NOTE
from crm_pipelines.model.errors import Truncated
from crm_pipelines.model.manifest import Manifest, Outcome
from crm_pipelines.model.priority import priority_of
from crm_pipelines.model.stream import Stream
from crm_pipelines.model.window import Options, choose_slice
from crm_pipelines.store import history, named_views
from crm_pipelines.store.checkpoints import Checkpoint, Checkpoints
from crm_pipelines.store.database import Database
from crm_pipelines.store.known import recall
from crm_pipelines.store.pauses import Wish
from crm_pipelines.store.staging import Staging

if TYPE_CHECKING:
    from crm_pipelines.store.held import Held
    from crm_pipelines.store.mirror_table import Target

Progress = Callable[[str, str], None]
"""Told the phase and, in words, how far it is."""

LOG = logging.getLogger("crm_pipelines.mirror")


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
    log: logging.Logger = LOG

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
        wish = Wish(self.database, self.about, key, options)
        part = wish.slice() or choose_slice(
            options, windowed=self.stream.windowed, watermark=mark, window=window, now=now
        )
        purse = self.budget.purse(
            **self.about,
            limits=self.account.limits,
            priority=priority_of(options, part, windowed=self.stream.windowed),
        )
        self.progress("fetch", part.describe())
        begun = time.monotonic()
        opened: list[Checkpoint] = []

        def so_far() -> Outcome:
            spent = opened[-1] if opened else Checkpoint("", now, ())
            return Outcome(
                fetched=sum(chunk.rows for chunk in spent.chunks),
                api_calls=max(spent.api_calls, purse.calls),
                tokens=max(spent.tokens, purse.tokens),
            )

        about = {"run": run, **self.about}
        with (
            Chapter(self.database, about, options, part, now, so_far).kept(),
            wish.remembered(run, part),
        ):
            manifest = fetch(
                key=wish.key,
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
                progress=self._tell_fetched,
                opened=opened.append,
                known=recall(self.database, self.about).fields,
            )
            manifest = self._confirmed(manifest, purse)
        if manifest.notes["read_by"]:
            self.log.info(
                f"Read {manifest.rows} records of {self.account.crm} {self.stream.name} by "
                f"{manifest.notes['read_by']}"
            )
        return manifest.advance(notes=_took("fetch", begun))

    def _tell_fetched(self, rows: int, way: str) -> None:
        self.progress("fetch", f"{rows:,} records" + (f" by {way}" if way else ""))

    def _confirmed(self, manifest: Manifest, purse: Ledger) -> Manifest:
        """What would be taken for deleted was looked up; a list that lied is not used."""
        calls, tokens = purse.calls, purse.tokens
        try:
            looked_up = confirm_absence(
                manifest,
                account=self.account,
                stream=self.stream,
                database=self.database,
                staging=self.staging,
                open_source=lambda: self.account.open(purse),
            )
        except Truncated:
            self.checkpoints.forget(manifest.key)
            self.staging.drop(manifest.key)
            raise
        except BaseException:
            self.checkpoints.release(manifest.key)
            raise
        notes = {
            "looked_up_as_absent": looked_up,
            "api_calls": manifest.notes["api_calls"] + purse.calls - calls,
            "tokens": manifest.notes["tokens"] + purse.tokens - tokens,
        }
        return manifest.advance(notes=notes)

    def transform(self, manifest: Manifest, *, run: str) -> Manifest:
        """Typed columns, of what the mirror does not hold just so already."""
        from crm_pipelines.phases.transform import transform

        self.progress("transform", f"{manifest.rows:,} records")
        self.log.info(
            f"Starting {self.account.crm} {self.stream.name} sync with {manifest.rows} records"
        )
        begun = time.monotonic()
        with self._noted(manifest, run):
            done = transform(manifest, self.staging, self._held(manifest, run))
        return done.advance(notes=_took("transform", begun))

    def validate(self, manifest: Manifest, *, run: str) -> Manifest:
        """Valid and rejected records."""
        from crm_pipelines.phases.validate import validate

        self.progress("validate", f"{manifest.rows:,} records")
        begun = time.monotonic()
        with self._noted(manifest, run):
            done = validate(
                manifest,
                self.stream,
                self.staging,
                strict=self._strict,
                log=self.log,
            )
        return done.advance(notes=_took("validate", begun))

    def upsert(self, manifest: Manifest, *, run: str) -> tuple[Outcome, Manifest]:
        """The mirror brought up to date, history written, chunks dropped."""
        from crm_pipelines.phases.upsert import upsert

        self.progress("upsert", f"{manifest.rows:,} records")
        begun = time.monotonic()
        before = seconds_of(manifest.notes)

        measured: dict[str, Any] = {}

        def measure(outcome: Outcome) -> dict[str, Any]:
            took = before + time.monotonic() - begun
            measured.update(measures(outcome, manifest.notes, took))
            return measured

        with self._noted(manifest, run):
            outcome, drift, reasons = upsert(
                manifest,
                target=self._target(manifest, run),
                database=self.database,
                staging=self.staging,
                measure=measure,
            )
            remarks = [] if manifest.options.dry_run else self._refresh_views()
        self.staging.drop(manifest.key)
        self.checkpoints.release(manifest.key)
        clear_leftovers(self.staging, self.checkpoints)
        self.log.info(
            f"Completed {self.account.crm} {self.stream.name} sync: {outcome.created} created, "
            f"{outcome.updated} updated, {outcome.rejected} failed"
        )
        notes = {
            **measured,
            NOTE: drift.notes,
            "remarks": remarks,
            "rejected_by_reason": reasons,
            **_took("upsert", begun),
        }
        return outcome, manifest.advance(notes=notes)

    def _held(self, manifest: Manifest, run: str) -> Held | None:
        """What may be left out; nothing where all is to be written whatever the mirror holds."""
        from crm_pipelines.store.held import Held

        if manifest.options.force_overwrite:
            return None
        return Held(self.database, self._target(manifest, run))

    def _target(self, manifest: Manifest, run: str) -> Target:
        from crm_pipelines.store.mirror_table import Target

        siblings = self._siblings()
        return Target.of(manifest, self.stream, run, strict=self._strict, siblings=siblings)

    @property
    def _strict(self) -> bool:
        return self.account.strictness.of(self.account.crm, self.stream.name)

    def _siblings(self) -> tuple[str, ...]:
        """Other streams that fill the same table."""
        return tuple(
            other.name
            for other in self.account.streams
            if other.table_name == self.stream.table_name and other.name != self.stream.name
        )

    def _refresh_views(self) -> list[str]:
        """Named views made anew where they must; what stood in the way."""
        found = (
            named_views.refresh(self.database, self.account.crm, entity, fields)
            for entity, fields in self.account.connector.named_views.items()
            if self.stream.name in (entity, fields)
        )
        return [remark for remark in found if remark]

    @contextmanager
    def _noted(self, manifest: Manifest, run: str) -> Iterator[None]:
        """A phase that breaks leaves a line of history, and its checkpoint to others."""
        chapter = Chapter(
            self.database,
            {"run": run, **self.about},
            manifest.options,
            manifest.slice,
            manifest.started_at,
            lambda: read_so_far(manifest),
            manifest.notes,
        )
        try:
            with chapter.kept():
                yield
        except Exception:
            self.checkpoints.release(manifest.key)
            raise


def _took(phase: str, begun: float) -> dict[str, float]:
    return {f"{phase}_seconds": round(time.monotonic() - begun, 3)}
