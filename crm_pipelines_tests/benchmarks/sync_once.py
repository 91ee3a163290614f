"""One sync of one stream through Dagster, in a process of its own: its memory is then its own.

``python -m crm_pipelines_tests.benchmarks.sync_once CRM STREAM MODE`` prints one line of JSON.
"""

from __future__ import annotations

import json
import logging
import resource
import sys
import time
from dataclasses import asdict
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

from crm_pipelines import home
from crm_pipelines.defs.build import build_definitions
from crm_pipelines.defs.launch import run_job
from crm_pipelines.defs.names import Names
from crm_pipelines.model.manifest import Outcome
from crm_pipelines.reports.progress import StreamName, listening


class Watch:
    """Notes when each phase began and how it ended."""

    def __init__(self) -> None:
        self.begun: dict[str, float] = {}
        self.outcome: Outcome | None = None
        self.failure: str | None = None

    def phase(self, name: StreamName, phase: str, words: str) -> None:
        """A phase is under way."""
        self.begun.setdefault(phase, time.perf_counter())

    def finished(self, name: StreamName, outcome: Outcome) -> None:
        """All phases are done."""
        self.begun["end"] = time.perf_counter()
        self.outcome = outcome

    def failed(self, name: StreamName, words: str, resumes_at: datetime | None) -> None:
        """The sync broke off."""
        self.failure = words

    def seconds(self) -> dict[str, float]:
        """How long each phase took; what the shell does between them counts for the former."""
        names = list(self.begun)
        return {
            name: round(self.begun[following] - self.begun[name], 3)
            for name, following in pairwise(names)
        }


def main(crm: str, stream: str, mode: str) -> int:
    """Sync; exit code 1 if it failed."""
    for noisy in ("httpx", "alembic", "dagster"):
        logging.getLogger(noisy).setLevel(logging.CRITICAL)
    watch = Watch()
    with home.ready() as ready:
        home.bring_up_to_date(ready.wiring.database)
        definitions = build_definitions(ready.wiring)
        account = next(a for a in ready.wiring.accounts if a.crm == crm)
        chosen = next(s for s in account.streams if s.name == stream)
        before, begun = _resident_mb(), time.perf_counter()
        with listening(watch):
            launched = run_job(
                definitions,
                f"sync_{crm}",
                [Names(several_workspaces=False).asset(account, chosen)],
                workspace=home.WORKSPACE_YAML,
                run_config={
                    "resources": {"options": {"config": {"mode": mode}}},
                    "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
                },
                tags={"dagster/partition": datetime.now(UTC).date().isoformat()},
            )
        seconds = time.perf_counter() - begun
    if not launched.succeeded or watch.outcome is None:
        sys.stderr.write(f"{watch.failure or 'the run failed'}\n")
        return 1
    found = {
        "seconds": round(seconds, 3),
        "phases": watch.seconds(),
        "outcome": asdict(watch.outcome),
        "before_mb": before,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }
    sys.stdout.write(json.dumps(found) + "\n")
    return 0


def _resident_mb() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() // 2**20


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
