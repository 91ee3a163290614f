"""Commands that programs write; changes of the local side come by triggers."""

from __future__ import annotations

import uuid
from typing import Any

from psycopg.types.json import Jsonb

from crm_pipelines.model.command import Kind, Wanted
from crm_pipelines.store import local_side
from crm_pipelines.store.database import Connection
from crm_pipelines.store.queries import query


def enqueue(
    connection: Connection, wanted: Wanted, *, lane: str | None = None, after: int | None = None
) -> int:
    """A command into the outbox, in the caller's transaction; its id.

    A row of the local side has one create for ever: the id of that one, if it is there. Commands
    stand in one line with those of the local row that is linked to the record; until the
    transaction ends nobody else adds to that line.
    """
    local_id = wanted.local_id
    if local_id is None and wanted.remote_id is not None:
        local_id = local_side.find_by_remote(
            connection, wanted.entity, wanted.workspace, wanted.remote_id
        )
    values = _values(wanted, local_id, lane, after)
    if local_id is not None:
        connection.execute(query("outbox.hold_row"), values)
    else:
        connection.execute(query("outbox.lock_record"), values)
    row = connection.execute(query("outbox.insert"), values).fetchone()
    if row is None:
        row = connection.execute(query("outbox.create_of"), values).fetchone()
        assert row is not None
        return int(row["id"])
    if local_id is not None:
        connection.execute(query("outbox.mark"), {**values, "tried": None, "stamp": None})
    return int(row["id"])


def _values(
    wanted: Wanted, local_id: str | None, lane: str | None, after: int | None
) -> dict[str, Any]:
    if local_id is not None:
        line = local_id
    elif wanted.remote_id is not None:
        line = f"#{wanted.remote_id}"
    else:
        line = f"new-{uuid.uuid4()}"
    return {
        "workspace": wanted.workspace,
        "crm": wanted.crm,
        "entity": wanted.entity,
        "kind": wanted.kind,
        "local_id": local_id,
        "remote_id": wanted.remote_id,
        "payload": Jsonb(dict(wanted.payload)),
        "base": Jsonb(dict(wanted.base)),
        "trigger": wanted.trigger,
        "priority": wanted.priority,
        "record": f"{wanted.entity}/{line}",
        "lane": lane if wanted.kind is Kind.CREATE else None,
        "after": after,
        "who": wanted.who,
    }
