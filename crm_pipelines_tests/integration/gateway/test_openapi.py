"""The OpenAPI document is true: what it allows is answered so, what it forbids is refused."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from crm_pipelines.model.access import Scope
from crm_pipelines_tests.integration.gateway.conftest import Standing, make_key

EXAMPLES = 8
"""Requests made up for each operation and kind; more of them find more, and take longer."""


@pytest.mark.long
def test_requests_made_up_from_the_document(standing: Standing, tmp_path: Path) -> None:
    key = make_key(standing.database_url, Scope.READ, Scope.WRITE, Scope.ADMIN)
    address = f"http://127.0.0.1:{standing.values['CRM_GATEWAY_PORT']}"
    paths = ["--include-path-regex", "^/(api|health|metrics)"]
    never_ends = ["--exclude-path", "/api/events"]
    try_out(address, tmp_path, f"Authorization: Bearer {key}", *paths, *never_ends)


def try_out(address: str, folder: Path, header: str, *which: str) -> None:
    """Requests of every kind to some paths, and what is answered compared with the document."""
    command = [
        *(sys.executable, "-m", "schemathesis.cli", "run", f"{address}/openapi.json"),
        *("--header", header, *which),
        *("--checks", "all", "--max-examples", str(EXAMPLES), "--seed", "1"),
        *("--request-timeout", "30", "--no-color", "--phases", "examples,coverage,fuzzing"),
    ]
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
