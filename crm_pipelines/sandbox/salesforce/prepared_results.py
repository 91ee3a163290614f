"""Results made once for as long as their data stays the same, however many jobs ask for them."""

# ruff: noqa: S608  (identifiers come from declarations)

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

_MOST_FILES = 64
_MOST_BYTES = 2 << 30
_TRACKED = ("INSERT", "UPDATE", "DELETE")


def track_changes(connection: sqlite3.Connection, tables: Sequence[str]) -> None:
    """Count every change of a table from now on, whoever makes it."""
    for table in tables:
        connection.execute("INSERT OR IGNORE INTO salesforce_change VALUES (?, 0)", (table,))
        for happening in _TRACKED:
            connection.execute(
                f'CREATE TRIGGER IF NOT EXISTS "{table}.{happening}" AFTER {happening} '
                f'ON "{table}" BEGIN UPDATE salesforce_change SET changes = changes + 1 '
                f"WHERE name = '{table}'; END"
            )


def state_of(reader: sqlite3.Connection, sql: str) -> list[tuple[str, int]]:
    """How often each table that a statement reads has changed, and how often their shapes have."""
    changes = reader.execute("SELECT name, changes FROM salesforce_change ORDER BY name")
    read = [(name, count) for name, count in changes if f'"{name}"' in sql]
    shape = reader.execute("PRAGMA schema_version").fetchone()[0]
    return [*read, ("", shape)]


class PreparedResults:
    """Files by what they were made from; a job's own file is another name of the same bytes."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._lock = folder, threading.Lock()

    def give(self, path: Path, origin: object, make: Callable[[Path], object]) -> None:
        """Put at ``path`` what ``make`` writes, or what it wrote for the same ``origin`` before."""
        kept = self._folder / hashlib.sha256(repr(origin).encode()).hexdigest()
        part = path.with_suffix(".part")
        part.unlink(missing_ok=True)
        try:
            _share(kept, part)
            os.utime(part)
        except FileNotFoundError:
            make(part)
            with self._lock:
                self._keep(part, kept)
        part.replace(path)

    def _keep(self, part: Path, kept: Path) -> None:
        """Under a name of its own first: nobody may find half a file, and jobs run side by side."""
        self._folder.mkdir(exist_ok=True)
        fresh = kept.with_name(part.name)
        fresh.unlink(missing_ok=True)
        _share(part, fresh)
        fresh.replace(kept)
        self._forget(kept)

    def _forget(self, newest: Path) -> None:
        """What was not asked for the longest goes; jobs that have it keep theirs."""
        size = 0
        latest = sorted(self._folder.iterdir(), key=lambda each: -each.stat().st_mtime)
        for number, each in enumerate(latest):
            size += each.stat().st_size
            if each != newest and (number >= _MOST_FILES or size > _MOST_BYTES):
                each.unlink(missing_ok=True)


def _share(source: Path, target: Path) -> None:
    """A second name for a file; a copy where the file system has no such thing."""
    try:
        target.hardlink_to(source)
    except FileNotFoundError:
        raise
    except OSError:
        shutil.copyfile(source, target)
