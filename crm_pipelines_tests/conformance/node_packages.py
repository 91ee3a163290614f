"""Running scripts with packages from npm, installed once into a cache folder."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest


def installed(folder: Path) -> Path:
    """The ``node_modules`` for a folder's ``package.json``; skips the test where Node is absent.

    Cached by the content of that file, below ``$XDG_CACHE_HOME`` or ``~/.cache``.
    """
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip("needs Node.js with npm")
    wanted = (folder / "package.json").read_bytes()
    caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    home = caches / "crm-pipelines" / "npm" / hashlib.sha256(wanted).hexdigest()[:16]
    home.mkdir(parents=True, exist_ok=True)
    with (home / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (home / "complete").exists():
            (home / "package.json").write_bytes(wanted)
            command = [npm, "install", "--no-audit", "--no-fund", "--loglevel=error"]
            ended = subprocess.run(command, cwd=home, capture_output=True, text=True, timeout=600)
            if ended.returncode != 0:
                pytest.skip(f"npm install failed: {ended.stderr.strip()[-300:]}")
            (home / "complete").touch()
    return home / "node_modules"


def run(script: Path, modules: Path, *arguments: str, given: Any = None) -> Any:
    """What a script printed, as JSON. ``given`` is its standard input."""
    environment = {**os.environ, "NODE_PATH": str(modules), "no_proxy": "*", "NO_PROXY": "*"}
    ended = subprocess.run(
        ["node", str(script), *arguments],
        input=json.dumps(given or {}),
        capture_output=True,
        text=True,
        env=environment,
        timeout=120,
    )
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)
