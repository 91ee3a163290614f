"""One thing that is measured, round after round."""

from __future__ import annotations

from dataclasses import dataclass, field
from statistics import median
from typing import Any


@dataclass
class Measured:
    """Figures of every round. ``wal`` in bytes, ``sandbox`` in seconds of processor time.

    ``rows`` is what one round moves, which is not always all there is.
    """

    name: str
    rows: int
    seconds: list[float] = field(default_factory=list)
    wal: list[int] = field(default_factory=list)
    sandbox: list[float] = field(default_factory=list)
    peaks: list[int] = field(default_factory=list)
    syncs: list[dict[str, Any]] = field(default_factory=list)

    def note(self, found: dict[str, Any], *, sandbox: float, wal: int = 0) -> None:
        """A sync of ours, as its process told it."""
        self.seconds.append(found["seconds"])
        self.peaks.append(found["peak_mb"])
        self.sandbox.append(sandbox)
        self.wal.append(wal)
        self.syncs.append(found)

    def summary(self) -> dict[str, Any]:
        """Medians of the rounds, JSON-ready; the peak of memory is the highest."""
        if not self.seconds:
            return {"name": self.name, "rounds": 0}
        seconds = median(self.seconds)
        found = {
            "name": self.name,
            "rows": self.rows,
            "rounds": len(self.seconds),
            "seconds": round(seconds, 3),
            "every_seconds": [round(each, 3) for each in self.seconds],
            "rows_per_second": round(self.rows / seconds),
        }
        if self.wal:
            found["wal_mb"] = round(median(self.wal) / 1e6, 1)
        if self.sandbox:
            found["sandbox_cpu_seconds"] = round(median(self.sandbox), 2)
        if self.peaks:
            found["peak_mb"] = max(self.peaks)
        return found | (self._of_syncs() if self.syncs else {})

    def _of_syncs(self) -> dict[str, Any]:
        phases = {
            name: round(median(sync["phases"].get(name, 0.0) for sync in self.syncs), 3)
            for name in self.syncs[0]["phases"]
        }
        outcome = self.syncs[-1]["outcome"]
        return {
            "phases": phases,
            "before_mb": max(sync["before_mb"] for sync in self.syncs),
            "outcome": outcome,
            "written": outcome["created"] + outcome["updated"] + outcome["deleted"],
        }
