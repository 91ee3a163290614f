"""The embedded PostgreSQL as its users see it: one server for all processes of a home."""

import signal
import sys
from pathlib import Path
from typing import Self

from crm_pipelines.local.layout import DATA, DATABASE, HOST, PASSWORD, ROLE, VERSION
from crm_pipelines.local.program import Details, Program
from crm_pipelines.local.running import GRACE_SECONDS, Running, ensure_running

NAME = "postgres"


class LocalPostgres:
    """The embedded server, up at least until this is closed or the process ends."""

    def __init__(self, running: Running) -> None:
        self._running = running
        self.port: int = running.details["port"]
        self.url: str = running.details["url"]
        """For libpq, psycopg, SQLAlchemy and ADBC alike; it holds the password: don't log it."""

    def close(self, *, stop: bool = False) -> None:
        """Need it no more; with `stop`, end it now if nobody else needs it."""
        self._running.close(stop=stop)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def start_postgres(home: Path, *, grace_seconds: float = GRACE_SECONDS) -> LocalPostgres:
    """Return the PostgreSQL of this home folder, made and started if need be.

    It stops `grace_seconds` after its last user has closed it or died. Raises
    LocalProgramError with advice if it cannot be had.
    """
    folder = home.absolute() / NAME
    return LocalPostgres(ensure_running(home, _program(folder), grace_seconds=grace_seconds))


def _program(folder: Path) -> Program:
    return Program(
        name=NAME,
        argv=(sys.executable, "-P", "-m", "crm_pipelines.local.server", str(folder)),
        look=_look,
        answers=_answers,
        # Fast shutdown, then an immediate one, which costs a recovery but loses nothing.
        stop_signals=(signal.SIGINT, signal.SIGQUIT),
        start_seconds=180,
        stop_seconds=30,
    )


def _look(folder: Path) -> Details | None:
    """Read what the server itself wrote: postmaster.pid has the process id and the port."""
    data = folder / DATA
    try:
        lines = (data / VERSION / "postmaster.pid").read_text().splitlines()
        password = (data / PASSWORD).read_text().strip()
        pid, port = int(lines[0]), int(lines[3])
    except (FileNotFoundError, PermissionError, ValueError, IndexError):
        return None
    ready = len(lines) > 7 and lines[7].strip() == "ready"
    url = f"postgresql://{ROLE}:{password}@{HOST}:{port}/{DATABASE}?sslmode=disable"
    return {"pid": pid, "port": port, "url": url, "ready": ready}


def _answers(details: Details) -> bool:
    # Imported here: it takes longer than all the rest, and only users of the server pay.
    import psycopg

    if not details["ready"]:
        return False
    try:
        psycopg.connect(details["url"], connect_timeout=3).close()
    except psycopg.OperationalError as error:
        # A server with no connection left is alive and well.
        return "connection slots" in str(error) or "too many clients" in str(error)
    return True
