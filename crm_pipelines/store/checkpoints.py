"""Resume points of unfinished fetches, and who is working on them.

A checkpoint is claimed by a session-level advisory lock: PostgreSQL gives it back the moment the
process dies, so a checkpoint that can be claimed has no living owner.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec
import psycopg
from psycopg.types.json import Jsonb

from crm_pipelines.model.errors import SystemTrouble
from crm_pipelines.model.manifest import Chunk
from crm_pipelines.model.source import Place
from crm_pipelines.model.stream import Field
from crm_pipelines.model.window import Slice
from crm_pipelines.store.database import Connection, Database, grounded
from crm_pipelines.store.queries import query

_SPACE = 7_421_002


@dataclass
class Checkpoint:
    """The state of one fetch, written through to the database after every chunk."""

    key: str
    started_at: datetime
    fields: tuple[Field, ...]
    place: Place | None = None
    chunks: list[Chunk] = field(default_factory=list)
    complete: bool = False
    api_calls: int = 0
    tokens: int = 0
    resumed: bool = False


class Checkpoints:
    """The checkpoints of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._claims: dict[str, Connection] = {}

    def open(
        self,
        key: str,
        *,
        workspace: str,
        crm: str,
        stream: str,
        part: Slice,
        now: datetime,
        usable: Callable[[Checkpoint], bool],
        describe: Callable[[], tuple[Field, ...]],
    ) -> Checkpoint:
        """The run's own checkpoint, else one that a dead run of the same slice left, else new.

        A checkpoint whose chunks are gone (``usable`` says no) is begun anew. Raises
        ``SystemTrouble`` while another process executes the same run.
        """
        about = {"workspace": workspace, "crm": crm, "stream": stream}
        slice_ = Jsonb(msgspec.to_builtins(part))
        rows = self._database.run("checkpoints.load", {"key": key})
        rows += self._database.run("checkpoints.unfinished", {**about, "slice": slice_})
        for row in rows:
            ours = row["key"] in self._claims and row["key"] != key
            if ours or not self.claim(row["key"]):
                continue
            found = _restore(row)
            if row["slice"] == slice_.obj and usable(found):
                return found
            self.release(row["key"])
        if not self.claim(key):
            raise SystemTrouble(
                f"another process is executing the run {key} at this moment: wait until it has "
                "ended, or stop it, then execute the run again"
            )
        try:
            fields = describe()
        except BaseException:
            self.release(key)
            raise
        self._database.run(
            "checkpoints.begin",
            {
                **about,
                "key": key,
                "slice": slice_,
                "fields": Jsonb(msgspec.to_builtins(fields)),
                "started_at": now,
            },
        )
        return Checkpoint(key, now, fields)

    def keep(self, checkpoint: Checkpoint, *chunks: Chunk) -> None:
        """Write the state through; ``chunks`` were stored since the last time.

        The session that holds the claim writes: when it is lost, so is the right to go on.
        """
        checkpoint.chunks.extend(chunks)
        values = {
            "key": checkpoint.key,
            "place": None if checkpoint.place is None else Jsonb(dict(checkpoint.place)),
            "chunks": Jsonb(msgspec.to_builtins(chunks)),
            "complete": checkpoint.complete,
            "api_calls": checkpoint.api_calls,
            "tokens": checkpoint.tokens,
        }
        with grounded():
            self._claims[checkpoint.key].execute(query("checkpoints.keep"), values)

    def claim(self, key: str) -> bool:
        """Take a checkpoint for this process; whether it was free (or ours already)."""
        if key in self._claims:
            return True
        connection = self._database.connect()
        row = connection.execute(
            "SELECT pg_try_advisory_lock(%s, %s) AS free", (_SPACE, _number(key))
        ).fetchone()
        if row is None or not row["free"]:
            connection.close()
            return False
        self._claims[key] = connection
        return True

    def release(self, key: str) -> None:
        """Give a checkpoint back."""
        connection = self._claims.pop(key, None)
        if connection is not None:
            with suppress(psycopg.Error):  # a lost session has lost its claim
                values = (_SPACE, _number(key))
                # Said aloud: after closing, the server takes its time to notice.
                connection.execute("SELECT pg_advisory_unlock(%s, %s)", values)
            connection.close()

    def forget(self, key: str) -> None:
        """What was fetched is not to be used: the same run begins anew."""
        self._database.run("checkpoints.finish", {"key": key})
        self.release(key)

    def purge(self) -> set[str]:
        """Forget what nobody came back for; the keys of what somebody may."""
        self._database.run("checkpoints.stale")
        return {row["key"] for row in self._database.run("checkpoints.keys")}

    def close(self) -> None:
        """Give everything back."""
        for key in list(self._claims):
            self.release(key)


def _restore(row: dict[str, Any]) -> Checkpoint:
    return Checkpoint(
        key=row["key"],
        started_at=row["started_at"],
        fields=msgspec.convert(row["fields"], tuple[Field, ...]),
        place=row["place"],
        chunks=msgspec.convert(row["chunks"], list[Chunk]),
        complete=row["complete"],
        api_calls=row["api_calls"],
        tokens=row["tokens"],
        resumed=True,
    )


def _number(key: str) -> int:
    return zlib.crc32(key.encode()) - 2**31
