"""Deliveries on the local disk while the database is away.

One line for each, with a checksum before it, so that a line that was torn by a crash is known for
what it is: nobody was told that it was kept. A process writes to a file that it holds locked;
a file that nobody holds, because it was left or its process died, may be emptied by any other.
"""

from __future__ import annotations

import fcntl
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4
from zlib import crc32

import msgspec

from crm_pipelines.model.errors import SystemTrouble
from crm_pipelines.store.inbox.arrivals import Arrival

LOG = logging.getLogger("crm_pipelines.inbox")
ENDING, DAMAGED = ".spool", ".damaged"
MOST, MOST_BYTES = 500, 16 << 20
"""Deliveries, and bytes of them, that are handed on together."""

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Arrival).decode


@dataclass(frozen=True)
class Load:
    """What lies in a folder, whoever put it there. The file that was left alone for longest was
    last written to so many seconds ago."""

    files: int = 0
    bytes: int = 0
    idle_seconds: float = 0.0


def load_of(folder: Path) -> Load:
    """How much waits for the database; nothing where there is no such folder."""
    found = []
    for path in _files(folder):
        with suppress(FileNotFoundError):  # somebody has just emptied it
            found.append(path.stat())
    idle = max((time.time() - one.st_mtime for one in found), default=0.0)
    return Load(len(found), sum(one.st_size for one in found), max(0.0, idle))


class Spool:
    """A folder of such files, of ``most_bytes`` in all; safe to share between threads."""

    def __init__(self, folder: Path, most_bytes: int) -> None:
        self._folder, self._most = folder, most_bytes
        self._lock = threading.Lock()
        self._descriptor: int | None = None

    def append(self, arrivals: Sequence[Arrival]) -> None:
        """When this returns they are on the disk, else none is. Raises ``SystemTrouble``."""
        lines = b"".join(_line(one) for one in arrivals)
        with self._lock:
            try:
                self._room(len(lines))
                if self._descriptor is None:
                    self._descriptor = _new_file(self._folder)
                self._write(self._descriptor, lines)
            except OSError as error:
                raise SystemTrouble(
                    f"{self._folder} cannot keep deliveries ({error.strerror or error}): free "
                    "some space there, or set CRM_HOME to a folder on a disk that has some"
                ) from error

    def leave(self) -> None:
        """Let go of the file that is written to, so that it can be emptied."""
        with self._lock:
            self._leave()

    def empty(self, take: Callable[[Sequence[Arrival]], object]) -> int:
        """Hand on what lies in files that nobody writes to, oldest first; how many deliveries.

        A file is removed once all of it was taken; errors of ``take`` leave it as it is.
        """
        return sum(_empty_file(path, take) for path in self.files())

    def files(self) -> list[Path]:
        """All of them, oldest first, whoever writes to them."""
        return _files(self._folder)

    def _room(self, more: int) -> None:
        used = sum(_size(path) for path in self.files())
        if used + more > self._most:
            raise SystemTrouble(
                f"{self._folder} holds {used:,} bytes of deliveries, and CRM_SPOOL_BYTES allows "
                f"{self._most:,}: bring the database back, or raise it"
            )

    def _write(self, descriptor: int, lines: bytes) -> None:
        """All of it, safe from a power cut, or nothing."""
        before = os.fstat(descriptor).st_size
        try:
            rest = memoryview(lines)
            while rest:
                rest = rest[os.write(descriptor, rest) :]
            os.fsync(descriptor)
        except OSError:
            try:
                os.ftruncate(descriptor, before)
            except OSError:
                self._leave()  # what comes next must not be joined to a torn line
            raise

    def _leave(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _files(folder: Path) -> list[Path]:
    return sorted(folder.glob(f"*{ENDING}"))


def _new_file(folder: Path) -> int:
    """A file that is ours before anybody could take it for a dead process's."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    while True:
        path = folder / f"{time.time_ns()}-{uuid4().hex[:8]}{ENDING}"
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_APPEND, 0o600)
        try:
            if _claim(descriptor, path):
                _flush(folder)
                return descriptor
        except OSError:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _flush(folder: Path) -> None:
    """Make the names in a folder safe from a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _claim(descriptor: int, path: Path) -> bool:
    """Whether the file is ours alone now, and still the one of this name."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return path.stat().st_ino == os.fstat(descriptor).st_ino
    except (BlockingIOError, FileNotFoundError):
        return False


def _empty_file(path: Path, take: Callable[[Sequence[Arrival]], object]) -> int:
    try:
        file = path.open("rb")
    except FileNotFoundError:  # somebody else was quicker
        return 0
    with file:
        if not _claim(file.fileno(), path):
            return 0
        count = 0
        damaged: list[bytes] = []
        for group in _groups(file, damaged):
            take(group)
            count += len(group)
        _put_aside(damaged, path)
        path.unlink()
    return count


def _groups(file: BinaryIO, damaged: list[bytes]) -> Iterator[list[Arrival]]:
    group: list[Arrival] = []
    size = 0
    for line in file:
        arrival = _read(line)
        if arrival is None:
            damaged.append(line)
            continue
        group.append(arrival)
        size += len(line)
        if len(group) >= MOST or size >= MOST_BYTES:
            yield group
            group, size = [], 0
    if group:
        yield group


def _line(arrival: Arrival) -> bytes:
    text = _encode(arrival)
    return b"%08x %s\n" % (crc32(text), text)


def _read(line: bytes) -> Arrival | None:
    """The delivery of a line, if the line is whole."""
    checksum, _, text = line[:-1].partition(b" ")
    if not line.endswith(b"\n") or checksum != b"%08x" % crc32(text):
        return None
    try:
        return _decode(text)
    except msgspec.MsgspecError:  # of another release
        return None


def _put_aside(lines: list[bytes], path: Path) -> None:
    """A torn end was never answered for; anything else is kept for people to look at."""
    if lines and not lines[-1].endswith(b"\n"):
        lines.pop()
        LOG.warning("%s ended in a delivery that was cut off; nobody was told it was kept", path)
    if lines:
        aside = path.with_suffix(DAMAGED)
        with aside.open("ab") as file:
            file.writelines(lines)
        LOG.error("%s deliveries in %s are damaged: put aside in %s", len(lines), path, aside)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
