"""A sync of ours as a measurement: in a process of its own, with what it wrote and cost others."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from crm_pipelines_tests.benchmarks import floor
from crm_pipelines_tests.benchmarks.ground import Ground
from crm_pipelines_tests.benchmarks.measured import Measured


def measure(ground: Ground, url: str, stream: str, mode: str, measured: Measured) -> None:
    """Sync ``crm.stream`` and note the figures."""
    floor.settle(url)
    wal, cpu = floor.wal_position(url), ground.sandbox_cpu()
    found = sync(ground, url, stream, mode)
    measured.note(found, sandbox=ground.sandbox_cpu() - cpu, wal=floor.wal_position(url) - wal)


def sync(ground: Ground, url: str, stream: str, mode: str, *, dry: bool = False) -> dict[str, Any]:
    """One sync of ``crm.stream``. Raises ``RuntimeError`` with what it said."""
    arguments = [stream, mode, *(["dry"] if dry else [])]
    return run("sync_once", arguments, ground.variables(url))


def run(module: str, arguments: list[str], environment: Any = None) -> dict[str, Any]:
    """A module of this package as a process that ends with one line of JSON."""
    done = subprocess.run(
        [sys.executable, "-m", f"crm_pipelines_tests.benchmarks.{module}", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{module} {' '.join(arguments)} failed: {done.stderr.strip()[-2000:]}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found
