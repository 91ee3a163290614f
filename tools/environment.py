"""Makes, renews and repairs ``.venv``: ``python tools/environment.py run|dev|bench``.

Run by make in the project's folder with any Python 3.11 or newer, so the standard library is all
there is. Any number of makes may call it at once: a lock on ``pyproject.toml`` lets one work and
the others wait, and it is let go when the process and its pip end, however they end. ``.venv``
counts as complete only with a stamp in it that says what was installed, and where.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
import tomllib
from contextlib import suppress
from pathlib import Path

VENV = Path(".venv")
PYTHON = VENV / "bin" / "python"
PROJECT, PINS = Path("pyproject.toml"), Path("constraints.txt")
EXTRAS = {"run": "", "dev": "[dev]", "bench": "[dev,bench]"}
INCLUDES = {"run": ("run",), "dev": ("run", "dev"), "bench": ("run", "dev", "bench")}
"""What is there, too, once something is installed."""

LAST_LINES = 20
"""How much of the output of a command that failed is shown."""


class Failed(Exception):
    """The environment cannot be had; the message says what to do."""


def main(kind: str) -> None:
    """Have it complete for ``run`` (the product), ``dev`` (its checks as well) or ``bench``."""
    if is_complete(kind):
        return
    with PROJECT.open("r+" if os.access(PROJECT, os.W_OK) else "r") as lock:
        take(lock.fileno())
        if is_complete(kind):
            return
        begun = time.monotonic()
        say(f"Installing what crm-pipelines needs into {VENV} (a minute or so) ...")
        prepare(lock.fileno())
        install(kind, lock.fileno())
        for part in INCLUDES[kind]:
            stamp(part).write_text(json.dumps(contents()))
        say(f"Installed in {time.monotonic() - begun:.0f} s.")


def is_complete(kind: str) -> bool:
    """Whether everything is there, made in this folder from these very files."""
    return os.access(PYTHON, os.X_OK) and read(stamp(kind)) == contents()


def stamp(kind: str) -> Path:
    """The file that says an installation was finished."""
    return VENV / f".installed-{kind}.json"


def contents() -> dict[str, str]:
    """What a stamp says: scripts of a virtual environment only work where they were made."""
    digest = hashlib.sha256(PROJECT.read_bytes() + PINS.read_bytes()).hexdigest()
    return {"folder": str(Path.cwd()), "from": digest}


def read(path: Path) -> dict[str, str] | None:
    """A stamp, if there is a whole one."""
    try:
        found: dict[str, str] = json.loads(path.read_text())
    except (OSError, ValueError):
        return None
    return found


def take(lock: int) -> None:
    """Wait for other makes."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        say(f"Another make is installing into {VENV}; waiting for it ...")
        fcntl.flock(lock, fcntl.LOCK_EX)


def prepare(lock: int) -> None:
    """A virtual environment that works: the one that is there, or a new one."""
    stamps = [read(stamp(kind)) for kind in EXTRAS]
    here = any(found is not None and found["folder"] == str(Path.cwd()) for found in stamps)
    for kind in EXTRAS:
        stamp(kind).unlink(missing_ok=True)
    if here and works():
        return
    if VENV.is_symlink() or VENV.is_file():
        VENV.unlink()
    elif VENV.exists():
        shutil.rmtree(VENV)
    run([sys.executable, "-m", "venv", str(VENV)], lock, "python -m venv")


def works() -> bool:
    """Whether its Python is new enough and has pip."""
    code = "import sys, pip; sys.exit(sys.version_info < (3, 11))"
    with suppress(OSError):
        done = subprocess.run([PYTHON, "-I", "-c", code], capture_output=True, check=False)  # noqa: S603
        return done.returncode == 0
    return False


def install(kind: str, lock: int) -> None:
    """The build tool first, so that it is a pinned one, too; then everything else."""
    needs = tomllib.loads(PROJECT.read_text())["build-system"]["requires"]
    pip = [str(PYTHON), "-I", "-m", "pip", "install", "--disable-pip-version-check"]
    pip += ["--no-input", "--compile", "-c", str(PINS)]
    run([*pip, *needs, "editables"], lock, "pip install")
    run([*pip, "--no-build-isolation", "-e", f".{EXTRAS[kind]}"], lock, "pip install")


def run(command: list[str], lock: int, title: str) -> None:
    """Quiet, unless it fails. The lock is handed over: it must outlive us if we are killed."""
    environment = {**os.environ, "PIP_USER": "0", "PYTHONUNBUFFERED": "1"}
    for name in ("PYTHONDONTWRITEBYTECODE", "PYTHONHOME", "PIP_TARGET", "PIP_PREFIX"):
        environment.pop(name, None)
    done = subprocess.run(  # noqa: S603 - our own commands
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        pass_fds=[lock],
        check=False,
    )
    if done.returncode:
        said = "\n".join(done.stdout.strip().splitlines()[-LAST_LINES:])
        raise Failed(
            f"{said}\n\n{title} failed (above: the end of what it said). With a network and room "
            "on the disk, the same command begins anew."
        )


def say(words: str) -> None:
    """To people; standard output belongs to the command that follows."""
    sys.stderr.write(f"{words}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    try:
        main(sys.argv[1])
    except (Failed, OSError) as error:
        say(str(error))
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
