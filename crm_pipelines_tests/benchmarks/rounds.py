"""The measurements, round by round: everything that is compared runs in the same round."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from crm_pipelines_tests.benchmarks import floor, sandbox_work
from crm_pipelines_tests.benchmarks.ground import Ground

Tell = Callable[[str], None]


@dataclass
class Measured:
    """One thing that was measured, once a round. ``wal`` in bytes."""

    name: str
    rows: int
    seconds: list[float] = field(default_factory=list)
    wal: list[int] = field(default_factory=list)
    syncs: list[dict[str, Any]] = field(default_factory=list)

    def summary(self) -> dict[str, Any]:
        """Medians of the rounds, JSON-ready."""
        seconds = median(self.seconds)
        found = {
            "name": self.name,
            "rows": self.rows,
            "rounds": len(self.seconds),
            "seconds": round(seconds, 3),
            "fastest_seconds": round(min(self.seconds), 3),
            "rows_per_second": round(self.rows / seconds),
            "wal_mb": round(median(self.wal) / 1e6, 1) if self.wal else None,
        }
        if self.syncs:
            phases = {
                name: round(median(s["phases"][name] for s in self.syncs), 3)
                for name in self.syncs[0]["phases"]
            }
            peak = max(sync["peak_mb"] for sync in self.syncs)
            before = max(sync["before_mb"] for sync in self.syncs)
            found |= {"phases": phases, "peak_mb": peak, "before_mb": before}
            found["outcome"] = self.syncs[-1]["outcome"]
        return found


class Contacts:
    """Contacts of Salesforce: floor, first load, re-sync unchanged, re-sync with some changed."""

    def __init__(self, ground: Ground, number: int, changed: int) -> None:
        self._ground, self._number, self._changed = ground, number, changed
        self.csv_bytes = self.wire_bytes = self.columns = 0
        self.floor = Measured("floor: COPY of the same rows as CSV", number)
        self.wire = Measured("sandbox alone: job and pages to /dev/null", number)
        self.first = Measured("first load", number)
        self.same = Measured("full re-sync, nothing changed", number)
        self.some = Measured(f"full re-sync, {changed:,} changed", number)

    @property
    def measured(self) -> list[Measured]:
        """In the order of the table."""
        return [self.floor, self.wire, self.first, self.same, self.some]

    def run(self, round_: int, tell: Tell) -> None:
        """One round, in a database of its own."""
        with self._ground.database() as url:
            tell("preparing Dagster's storage")
            sync(self._ground, url, "salesforce", "users", "full")
            tell("sandbox alone")
            took, self.wire_bytes, self.columns = sandbox_work.download(self._ground.sandbox.url)
            self.wire.seconds.append(took)
            tell(self.first.name)
            self._sync(url, self.first)
            tell("floor")
            path = self._ground.folder / "rows.csv"
            self.csv_bytes = floor.save_rows(url, path)
            floor.settle(url)
            before = floor.wal_position(url)
            self.floor.seconds.append(floor.copy_rows(url, path))
            self.floor.wal.append(floor.wal_position(url) - before)
            path.unlink()
            tell(self.same.name)
            self._sync(url, self.same)
            sandbox_work.change_contacts(self._ground.sandbox.url, self._changed, f"round {round_}")
            tell(self.some.name)
            self._sync(url, self.some)

    def _sync(self, url: str, measured: Measured) -> None:
        floor.settle(url)
        before = floor.wal_position(url)
        found = sync(self._ground, url, "salesforce", "contacts", "full")
        measured.wal.append(floor.wal_position(url) - before)
        measured.seconds.append(found["seconds"])
        measured.syncs.append(found)


class Persons:
    """Persons of Pipedrive: first load and delta."""

    def __init__(self, ground: Ground, number: int) -> None:
        self._ground = ground
        self.first = Measured("persons, first load", number)
        self.same = Measured("persons, full re-sync, nothing changed", number)

    @property
    def measured(self) -> list[Measured]:
        """In the order of the table."""
        return [self.first, self.same]

    def run(self, tell: Tell) -> None:
        """One round, in a database of its own."""
        with self._ground.database() as url:
            tell("preparing Dagster's storage")
            sync(self._ground, url, "pipedrive", "pipelines", "full")
            for measured in self.measured:
                tell(measured.name)
                floor.settle(url)
                before = floor.wal_position(url)
                found = sync(self._ground, url, "pipedrive", "persons", "full")
                measured.wal.append(floor.wal_position(url) - before)
                measured.seconds.append(found["seconds"])
                measured.syncs.append(found)


def sync(ground: Ground, url: str, crm: str, stream: str, mode: str) -> dict[str, Any]:
    """One sync in a process of its own. Raises ``RuntimeError`` with what it said."""
    module = "crm_pipelines_tests.benchmarks.sync_once"
    environment: Mapping[str, str] = ground.variables(url)
    done = subprocess.run(
        [sys.executable, "-m", module, crm, stream, mode],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"the sync of {crm}.{stream} failed: {done.stderr.strip()}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found
