"""Persons of Pipedrive: first load, re-syncs, delta."""

from __future__ import annotations

from typing import Any

from crm_pipelines_tests.benchmarks import sandbox_work
from crm_pipelines_tests.benchmarks.contacts import Tell
from crm_pipelines_tests.benchmarks.ground import Ground
from crm_pipelines_tests.benchmarks.measured import Measured
from crm_pipelines_tests.benchmarks.syncs import measure, sync

STREAM = "pipedrive.persons"


class Persons:
    """Measures one size."""

    def __init__(self, ground: Ground, number: int, changed: int) -> None:
        self._ground, self._number, self._changed = ground, number, changed
        self.first = Measured("first load", number)
        self.same = Measured("full re-sync, nothing changed", number)
        self.some = Measured(f"full re-sync, {changed:,} changed", number)
        self.delta = Measured(f"delta, {changed:,} changed", changed)

    @property
    def title(self) -> str:
        """What is measured."""
        return f"{self._number:,} persons"

    def summary(self) -> dict[str, Any]:
        """Everything, JSON-ready."""
        rows = {n: getattr(self, n).summary() for n in ("first", "same", "some", "delta")}
        filled = round(self._ground.filling_seconds, 1)
        return {
            "persons": self._number,
            "changed": self._changed,
            "filling_seconds": filled,
            "measured": rows,
        }

    def run(self, round_: int, tell: Tell) -> None:
        """One round, in a database of its own."""
        ground = self._ground
        with ground.server.database() as url:
            tell("preparing Dagster's storage")
            sync(ground, url, "pipedrive.pipelines", "full")
            for measured in (self.first, self.same):
                tell(measured.name)
                measure(ground, url, STREAM, "full", measured)
            for measured, mode in ((self.some, "full"), (self.delta, "incremental")):
                tell(measured.name)
                mark = f"round {round_}, {mode}"
                sandbox_work.change_persons(ground.sandbox.url, self._changed, mark)
                measure(ground, url, STREAM, mode, measured)
