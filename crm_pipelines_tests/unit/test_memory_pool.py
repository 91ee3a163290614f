"""Which allocator Arrow uses; it is chosen when Arrow is loaded, hence processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

USED = "jemalloc" if sys.platform in ("linux", "darwin") else "mimalloc"
CODE = "import crm_pipelines, pyarrow; print(pyarrow.default_memory_pool().backend_name)"


@pytest.mark.parametrize(("given", "used"), [(None, USED), ("mimalloc", "mimalloc")])
def test_our_choice_unless_told_otherwise(given: str | None, used: str) -> None:
    environment = {k: v for k, v in os.environ.items() if k != "ARROW_DEFAULT_MEMORY_POOL"}
    environment |= {"ARROW_DEFAULT_MEMORY_POOL": given} if given else {}
    said = subprocess.run(
        [sys.executable, "-c", CODE], env=environment, capture_output=True, text=True, check=True
    )
    assert said.stdout.strip() == used
