"""Conflicts between the local side and a CRM: what a person has to decide, and what a rule did."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from psycopg.types.json import Jsonb

from crm_pipelines.model.command import Command
from crm_pipelines.store.database import Connection
from crm_pipelines.store.queries import query


def note(
    connection: Connection,
    command: Command,
    remote_id: int | None,
    kind: str,
    ours: Mapping[str, Any],
    theirs: Mapping[str, Any],
    *,
    rule: str | None = None,
    resolution: Mapping[str, Any] | None = None,
) -> None:
    """One more; resolved at once where a rule decided. A command has one open one of a kind."""
    connection.execute(
        query("push.note_conflict"),
        {
            "workspace": command.workspace,
            "crm": command.crm,
            "entity": command.entity,
            "local_id": command.local_id,
            "remote_id": remote_id,
            "outbox_id": command.id,
            "kind": kind,
            "ours": Jsonb(dict(ours)),
            "theirs": Jsonb(dict(theirs)),
            "rule": rule,
            "resolution": None if resolution is None else Jsonb(dict(resolution)),
        },
    )
