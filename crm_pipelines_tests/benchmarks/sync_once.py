"""One sync of one stream through Dagster, in a process of its own: its memory is then its own.

``python -m crm_pipelines_tests.benchmarks.sync_once CRM.STREAM MODE [dry]`` prints one line of
JSON. pandas brings numpy, which pyarrow then loads, too; an installation of the product has
neither, so neither is let in here.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.abc import MetaPathFinder
from itertools import pairwise

from crm_pipelines import home
from crm_pipelines.defs.build import build_definitions
from crm_pipelines.defs.launch import run_job
from crm_pipelines.defs.names import Names
from crm_pipelines.model.manifest import Outcome
from crm_pipelines.reports.progress import StreamName, listening
from crm_pipelines_tests.benchmarks.memory import peak_mb, resident_mb


class WithoutNumpy(MetaPathFinder):
    """Finds nothing, but refuses one name."""

    def find_spec(self, fullname: str, path: object, target: object = None) -> None:
        """Raises ``ImportError`` for numpy."""
        if fullname == "numpy":
            raise ImportError("not here")


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


def main(name: str, mode: str, dry: str = "") -> int:
    """Sync; exit code 1 if it failed."""
    sys.meta_path.insert(0, WithoutNumpy())
    for noisy in ("httpx", "alembic", "dagster"):
        logging.getLogger(noisy).setLevel(logging.CRITICAL)
    watch, (crm, _, stream) = Watch(), name.partition(".")
    with home.ready() as ready:
        home.bring_up_to_date(ready.wiring.database)
        definitions = build_definitions(ready.wiring)
        account = next(a for a in ready.wiring.accounts if a.crm == crm)
        chosen = next(s for s in account.streams if s.name == stream)
        options = {"mode": mode, "dry_run": bool(dry)}
        before, begun = resident_mb(), time.perf_counter()
        with listening(watch):
            launched = run_job(
                definitions,
                f"sync_{crm}",
                [Names(several_workspaces=False).asset(account, chosen)],
                workspace=home.WORKSPACE_YAML,
                run_config={
                    "resources": {"options": {"config": options}},
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
        "peak_mb": peak_mb(),
    }
    sys.stdout.write(json.dumps(found) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
