"""Contacts of Salesforce, one size: the floor, our syncs, the obvious way, the sandbox alone."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

from crm_pipelines_tests.benchmarks import floor, sandbox_work
from crm_pipelines_tests.benchmarks.ground import Ground
from crm_pipelines_tests.benchmarks.measured import Measured
from crm_pipelines_tests.benchmarks.syncs import measure, run, sync

Tell = Callable[[str], None]

STREAM = "salesforce.contacts"
WAYS = {
    "obvious": "pandas + SQLAlchemy upsert, executemany of 1,000 (psycopg 3)",
    "values": "pandas + SQLAlchemy upsert, one statement per 1,000 (psycopg2)",
    "to_sql": "pandas to_sql(method='multi'), 1,000 a time, inserts only (psycopg2)",
    "one_by_one": "pandas + SQLAlchemy upsert, record by record, commit per 1,000 (psycopg2)",
}
"""The obvious ways to do it, by their names in ``obvious``."""
SLOW = 4
"""Into which part of the rows the slower ones are timed on."""
_DOWNLOADS = 3


class Contacts:
    """Measures one size; everything that is compared runs in the same round."""

    def __init__(self, ground: Ground, number: int, changed: int, obvious_rows: int) -> None:
        self._ground, self._number, self._changed = ground, number, changed
        rows = min(obvious_rows, number) if find_spec("pandas") else 0
        self.csv_bytes = self.wire_bytes = self.columns = 0
        self.floor = Measured("floor: COPY of the same rows as CSV", number)
        self.wire = Measured("download alone: pages to nowhere", number)
        self.first = Measured("first load", number)
        self.same = Measured("full re-sync, nothing changed", number)
        self.some = Measured(f"full re-sync, {changed:,} changed", number)
        self.delta = Measured(f"delta, {changed:,} changed", changed)
        self.obvious = {
            name: Measured(title, rows if name == "obvious" else -(-rows // SLOW))
            for name, title in WAYS.items()
        }

    @property
    def title(self) -> str:
        """What is measured."""
        return f"{self._number:,} contacts"

    def summary(self) -> dict[str, Any]:
        """Everything about this size, JSON-ready."""
        ours = ("floor", "first", "same", "some", "delta")
        rows = {name: getattr(self, name).summary() for name in ours}
        rows |= {name: one.summary() for name, one in self.obvious.items()}
        rows["wire"] = self.wire.summary()
        return {
            "contacts": self._number,
            "changed": self._changed,
            "columns": self.columns,
            "csv_mb": round(self.csv_bytes / 1e6, 1),
            "wire_mb": round(self.wire_bytes / 1e6, 1),
            "filling_seconds": round(self._ground.filling_seconds, 1),
            "measured": rows,
        }

    def run(self, round_: int, tell: Tell) -> None:
        """One round, in a database of its own."""
        ground = self._ground
        with ground.server.database() as url:
            tell("preparing Dagster's storage")
            sync(ground, url, "salesforce.users", "full")
            self._warm(url, tell)
            if not self.wire.seconds:
                self._download(tell)
            tell(self.first.name)
            measure(ground, url, STREAM, "full", self.first)
            tell(self.floor.name)
            self._copy(url)
            for name, measured in self.obvious.items():
                if measured.rows:
                    tell(measured.name)
                    self._work(url, name, measured)
            tell(self.same.name)
            measure(ground, url, STREAM, "full", self.same)
            self._change(f"round {round_}, full", tell)
            self._warm(url, tell)
            tell(self.some.name)
            measure(ground, url, STREAM, "full", self.some)
            self._change(f"round {round_}, delta", tell)
            tell(self.delta.name)
            measure(ground, url, STREAM, "incremental", self.delta)

    def _warm(self, url: str, tell: Tell) -> None:
        """A CRM prepares results on machines of its own; here it would be on ours."""
        tell("letting the sandbox prepare its results")
        sync(self._ground, url, STREAM, "full", dry=True)

    def _download(self, tell: Tell) -> None:
        tell(self.wire.name)
        address = self._ground.sandbox.url
        sandbox_work.download(address)
        for _ in range(_DOWNLOADS):
            cpu = self._ground.sandbox_cpu()
            took, self.wire_bytes, self.columns = sandbox_work.download(address)
            self.wire.seconds.append(took)
            self.wire.sandbox.append(self._ground.sandbox_cpu() - cpu)

    def _copy(self, url: str) -> None:
        path = self._ground.server.folder / "rows.csv"
        self.csv_bytes = floor.save_rows(url, path)
        floor.settle(url)
        before = floor.wal_position(url)
        self.floor.seconds.append(floor.copy_rows(url, path))
        self.floor.wal.append(floor.wal_position(url) - before)
        path.unlink()

    def _work(self, url: str, way: str, measured: Measured) -> None:
        """One of the obvious ways."""
        floor.settle(url)
        found = run("obvious", [way, self._ground.sandbox.url, url, str(measured.rows)])
        measured.seconds.append(found["seconds"])
        measured.peaks.append(found["peak_mb"])

    def _change(self, mark: str, tell: Tell) -> None:
        tell(f"changing {self._changed:,} contacts")
        sandbox_work.change_contacts(self._ground.sandbox.url, self._changed, mark)
