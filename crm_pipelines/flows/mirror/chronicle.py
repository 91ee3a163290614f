"""Sync history of what breaks off: a line that says why, how far it came and what it cost."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from crm_pipelines.model.errors import BudgetSpent
from crm_pipelines.model.figures import figures
from crm_pipelines.model.manifest import Manifest, Outcome
from crm_pipelines.model.window import Options, Slice
from crm_pipelines.store import history
from crm_pipelines.store.database import Database


@dataclass(frozen=True)
class Chapter:
    """One phase of one run. ``about`` names run, workspace, crm and stream.

    ``so_far`` tells what had been read and paid for, ``notes`` what earlier phases remarked.
    """

    database: Database
    about: Mapping[str, str]
    options: Options
    part: Slice
    started_at: datetime
    so_far: Callable[[], Outcome]
    notes: Mapping[str, Any] = field(default_factory=dict)
    begun: float = field(default_factory=time.monotonic)

    @contextmanager
    def kept(self) -> Iterator[None]:
        """A phase that breaks inside leaves its line."""
        try:
            yield
        except BudgetSpent as error:
            self._write("paused", f"{error}; goes on at {error.resumes_at:%Y-%m-%d %H:%M} UTC")
            raise
        except Exception as error:
            self._write("failed", str(error).strip() or type(error).__name__)
            raise

    def _write(self, status: str, words: str) -> None:
        outcome = self.so_far()
        seconds = seconds_of(self.notes) + time.monotonic() - self.begun
        with self.database.transaction() as connection:
            history.record_run(
                connection,
                dict(self.about),
                mode=self.options.mode.value,
                part=self.part,
                status=status,
                outcome=outcome,
                started_at=self.started_at,
                error=words,
                metrics=measures(outcome, self.notes, seconds, stored=False),
            )


def read_so_far(manifest: Manifest) -> Outcome:
    """What a run had read before it broke off in a later phase than the fetch."""
    return Outcome(
        fetched=sum(chunk.rows for chunk in manifest.raw),
        rejected=sum(chunk.rows for chunk in manifest.rejected),
        api_calls=manifest.notes["api_calls"],
        tokens=manifest.notes["tokens"],
    )


def measures(
    outcome: Outcome, notes: Mapping[str, Any], seconds: float, *, stored: bool = True
) -> dict[str, Any]:
    """The metrics of a line: figures of the run, remarks of its phases, memory."""
    worked_out = figures(outcome, seconds, stored=stored)
    return {**notes, **worked_out, "peak_memory_mb": peak_memory_mb()}


def seconds_of(notes: Mapping[str, Any]) -> float:
    """Time that the phases so far have worked."""
    return float(sum(value for name, value in notes.items() if name.endswith("_seconds")))


def peak_memory_mb() -> int:
    """The most memory this process ever had, in MB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak // (1024 * 1024 if sys.platform == "darwin" else 1024)
