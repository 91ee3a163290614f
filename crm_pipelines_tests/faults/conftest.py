"""Faults strike where there is most to lose: Salesforce is read by bulk jobs, however small."""

from __future__ import annotations

from pathlib import Path

import pytest

from crm_pipelines_tests.mirroring import variables
from crm_pipelines_tests.sandbox_process import Sandbox


@pytest.fixture
def environment(sandbox: Sandbox, database_url: str, tmp_path: Path) -> dict[str, str]:
    """Variables that point every connector at the sandbox."""
    home = tmp_path / "home"
    return variables(sandbox.url, database_url, home, SALESFORCE_BULK_ROWS="0")
