"""The circuit breaker of one account: its state is a row that every process shares."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from crm_pipelines.model.errors import CircuitOpen
from crm_pipelines.store.database import Database

THRESHOLD = 3
"""Failures in a row, of calls that were tried several times each, or of connects."""

PAUSE_SECONDS = 10.0
"""How long a CRM is left alone the first time; doubled whenever a try fails."""

LONGEST_PAUSE_SECONDS = 600.0
BLOCKED_SECONDS = 3600.0
"""How long nobody tries after the CRM has shut the account out."""

MEMORY_SECONDS = 600.0
"""A failure this long after the last one begins a new row."""

PROBE_SECONDS = 60.0
"""How long others leave it to the one process that tries; after its death another may."""


class Breaker:
    """What one caller, known by its ``ticket``, sees of the circuit and tells it."""

    def __init__(self, database: Database, account: dict[str, str], ticket: str) -> None:
        self._database = database
        self._values: dict[str, Any] = {**account, "ticket": ticket}

    def look(self) -> None:
        """Raise ``CircuitOpen`` unless something may be sent."""
        row = self._database.run("breaker.look", {**self._values, "probe": PROBE_SECONDS})[0]
        if not row["passes"]:
            raise self.refusal(row["open_until"], row["failures"], row["reason"])

    def refusal(self, until: datetime, failures: int, reason: str) -> CircuitOpen:
        """What somebody is told who may not pass."""
        times = f"{failures} failures in a row" if failures > 1 else "1 failure"
        return CircuitOpen(
            f"{self._values['crm']} is not asked again before {until.astimezone(UTC):%H:%M:%S} UTC "
            f"({times}, last: {reason})",
            until,
        )

    def fail(self, trouble: Exception) -> None:
        """One more failure in a row."""
        self._database.run(
            "breaker.fail",
            {
                **self._values,
                "reason": _short(trouble),
                "threshold": THRESHOLD,
                "pause": PAUSE_SECONDS,
                "longest": LONGEST_PAUSE_SECONDS,
                "memory": MEMORY_SECONDS,
            },
        )

    def block(self, trouble: Exception) -> None:
        """Nobody tries for an hour."""
        values = {**self._values, "reason": _short(trouble), "pause": BLOCKED_SECONDS}
        self._database.run("breaker.block", values)

    def reset(self) -> None:
        """Somebody wants to see for himself."""
        self._database.run("breaker.reset", {**self._values, "longest": LONGEST_PAUSE_SECONDS})

    def close(self) -> None:
        """The CRM answers."""
        self._database.run("breaker.close", self._values)


def _short(trouble: Exception) -> str:
    return " ".join(str(trouble).split())[:300]
