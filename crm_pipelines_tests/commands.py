"""The command line as people call it: processes of their own, exit codes and all."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

CHECKOUT = Path(__file__).parents[1]
COMMAND = (sys.executable, "-m", "crm_pipelines.cli.app")


def environment(values: Mapping[str, str]) -> dict[str, str]:
    """Ours as given, the rest as it is."""
    ours = ("CRM_", "PIPEDRIVE_", "SALESFORCE_", "DAGSTER_")
    rest = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return {**rest, "PYTHONPATH": str(CHECKOUT), **values}


def run(
    folder: Path, values: Mapping[str, str], *arguments: str, stdin: str = ""
) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of ``crm-pipelines`` with arguments."""
    done = subprocess.run(
        [*COMMAND, *arguments],
        cwd=folder,
        env=environment(values),
        input=stdin,
        capture_output=True,
        text=True,
        timeout=180,
    )
    return done.returncode, done.stdout, done.stderr
