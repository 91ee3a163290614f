"""What a local program is: a command, a way to recognise it, a way to end it."""

import json
import os
import signal
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Details = Mapping[str, Any]
"""What a program tells about itself; `pid` is always there."""

LOG = "server.log"
STATE = "state.json"


@dataclass(frozen=True)
class Program:
    """A background program shared by all processes of one home folder.

    The command runs in the foreground and keeps its process id (a wrapper must `exec`).
    When ready to be found it records itself, `pid` included, in a file of its own choice;
    `look` reads that file, given the program's folder, and returns None while the file is
    missing or unreadable. `answers` tries a real connection. Output goes to `server.log`.
    It starts in the folder of whoever starts it, so its command has absolute paths.
    """

    name: str
    argv: tuple[str, ...]
    look: Callable[[Path], Details | None]
    answers: Callable[[Details], bool]
    stop_signals: tuple[int, ...] = (signal.SIGTERM, signal.SIGKILL)
    """Sent one after the other, `stop_seconds` apart, until nothing of it is alive."""
    start_seconds: float = 60.0
    stop_seconds: float = 10.0
    steady_seconds: float = 5.0
    """One that dies by itself while in use is started again if it has lived that long."""


def read_record(path: Path) -> Details | None:
    """Read a JSON object with a whole-number `pid`; None if missing, unfinished or damaged."""
    try:
        record = json.loads(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return None
    if isinstance(record, dict) and type(record.get("pid")) is int and record["pid"] > 1:
        return record
    return None


def write_record(path: Path, record: Details) -> None:
    """Write a JSON object so that readers see all of it or the former one."""
    unfinished = path.with_name(f"{path.name}.{os.getpid()}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    with os.fdopen(os.open(unfinished, flags, 0o600), "w") as file:
        json.dump(dict(record), file)
    if os.geteuid() == 0:
        # Root may work in the home of a user, who has to read this later.
        owner = path.parent.stat()
        os.chown(unfinished, owner.st_uid, owner.st_gid)
    unfinished.replace(path)


def look_in(file_name: str) -> Callable[[Path], Details | None]:
    """`look` for programs that write a JSON record into their folder with `write_record`."""
    return lambda folder: read_record(folder / file_name)


def ports_answer(details: Details) -> bool:
    """`answers` for programs whose record has `ports`: every one takes TCP connections."""
    ports = details.get("ports")
    if not isinstance(ports, dict) or not ports:
        return False
    return all(_accepts(details.get("host", "127.0.0.1"), port) for port in ports.values())


def _accepts(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=2).close()
    except OSError:
        return False
    return True
