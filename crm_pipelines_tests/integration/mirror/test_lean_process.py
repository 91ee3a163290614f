"""A process that syncs loads only what it needs: each thing below costs megabytes of every run."""

from __future__ import annotations

import json
import os
import subprocess
import sys

SYNC = """
import json, os, sys
from crm_pipelines.defs import build, launch, storage
from crm_pipelines.model.window import Mode
from crm_pipelines.store.migrations import migrate
from crm_pipelines_tests.mirroring import Mirroring

mirroring = Mirroring(os.environ)
assert migrate(mirroring.wiring.database) == []
outcome = mirroring("pipedrive.persons", mode=Mode.FULL)
mirroring.wiring.close()
print(json.dumps([outcome.fetched, [name for name, found in sys.modules.items() if found]]))
"""

NEEDLESS = {
    "cryptography",  # opens seals, and nothing sealed is asked for
    "yoyo",  # applies migrations, and none is left
    "mako.ext.pygmentplugin",  # colours error pages of a template engine
    "pyarrow.fs",  # object stores, and chunks are on a disk
    "pyarrow.dataset",
    "pyarrow.parquet",
    "numpy",
    "pandas",
    "fastapi",
    "uvicorn",
    "starlette",
    "dagster_webserver",
    "jwt",
    "prometheus_client",
    "crm_pipelines.gateway.app",
    "crm_pipelines.sandbox",
}


def test_what_a_sync_does_without(environment: dict[str, str]) -> None:
    for again in (False, True):
        said = subprocess.run(
            [sys.executable, "-c", SYNC],
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            check=False,
        )
        assert said.returncode == 0, said.stderr
        fetched, loaded = json.loads(said.stdout.splitlines()[-1])
        assert fetched
        needless = NEEDLESS & set(loaded)
        # the first use of a login is noted, sealed
        assert needless == (set() if again else {"cryptography"})
