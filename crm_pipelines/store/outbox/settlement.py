"""What becomes of a claimed command, written down once, with the state of its local row."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from psycopg.types.json import Jsonb

from crm_pipelines.model.command import Command, Status
from crm_pipelines.model.errors import CrmError
from crm_pipelines.store.database import Connection, Database
from crm_pipelines.store.queries import query


class ClaimLost(CrmError):
    """A command is not ours any more: we were taken for dead, and another worker may have it."""


def mark_sent(database: Database, command: Command) -> datetime:
    """A write of a command leaves now; since when it may be in the CRM.

    Raises ``ClaimLost``: then nothing must be sent.
    """
    rows = database.run("outbox.mark_sent", {"id": command.id, "version": command.version})
    if not rows:
        raise ClaimLost(f"command {command.id} is in other hands")
    found: datetime = rows[0]["sent_at"]
    return found


def deliver(
    connection: Connection,
    command: Command,
    remote_id: int | None,
    fingerprint: Mapping[str, Any] | None = None,
) -> None:
    """It is in the CRM; in the transaction that writes back. Raises ``ClaimLost``."""
    values = {
        **_named(command),
        "remote_id": remote_id,
        "fingerprint": None if fingerprint is None else Jsonb(dict(fingerprint)),
    }
    _hold(connection, command)
    if connection.execute(query("outbox.deliver"), values).fetchone() is None:
        raise ClaimLost(f"command {command.id} is in other hands: its outcome is left to them")
    if remote_id is not None:
        connection.execute(query("outbox.tell_followers"), values)
    _mark(connection, command, tried=True)


def release(
    database: Database, command: Command, *, retry_at: datetime, error: str, count: bool = True
) -> bool:
    """It waits until ``retry_at``; an attempt that does not ``count`` is forgotten.

    Says whether it was ours to give back.
    """
    values = {**_named(command), "retry_at": retry_at, "error": error, "count": count}
    with database.transaction() as connection:
        if connection.execute(query("outbox.release"), values).fetchone() is None:
            return False
        if count:
            _mark(connection, command, tried=True)
    return True


def fail(database: Database, command: Command, *, retry_at: datetime, error: str) -> bool:
    """Its quick attempts are used up; the batch job takes it up at ``retry_at``, not earlier.

    Says whether it was ours.
    """
    with database.transaction() as connection:
        return _settle(connection, command, Status.FAILED, error, {}, retry_at)


def kill(
    connection: Connection, command: Command, error: str, problems: Mapping[str, str] | None = None
) -> bool:
    """It needs a person; ``problems`` says what is wrong with which field.

    Also for one that was not claimed because it cannot be sent; then only as it was seen. Says
    whether it was ours.
    """
    return _settle(connection, command, Status.DEAD, error, problems or {}, None)


def _settle(
    connection: Connection,
    command: Command,
    status: Status,
    error: str,
    problems: Mapping[str, str],
    retry_at: datetime | None,
) -> bool:
    values = {
        **_named(command),
        "status": status,
        "error": error,
        "problems": Jsonb(dict(problems)),
        "retry_at": retry_at,
    }
    _hold(connection, command)
    if connection.execute(query("outbox.settle_badly"), values).fetchone() is None:
        return False
    _mark(connection, command, tried=command.status is Status.SENDING)
    return True


def _hold(connection: Connection, command: Command) -> None:
    if command.local_id is not None:
        connection.execute(query("outbox.hold_row"), _named(command))


def _mark(connection: Connection, command: Command, *, tried: bool) -> None:
    if command.local_id is not None:
        moment = datetime.now(UTC) if tried else None
        values = {**_named(command), "tried": moment, "stamp": None}
        connection.execute(query("outbox.mark"), values)


def _named(command: Command) -> dict[str, Any]:
    return {
        "id": command.id,
        "version": command.version,
        "workspace": command.workspace,
        "crm": command.crm,
        "entity": command.entity,
        "local_id": command.local_id,
    }
