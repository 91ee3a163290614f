"""Rows of ``sync.outbox`` as commands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from crm_pipelines.model.command import Command, Entity, Kind, Status, Trigger


def command_of(row: Mapping[str, Any]) -> Command:
    """The row as it was read."""
    return Command(
        id=row["id"],
        workspace=row["workspace_id"],
        crm=row["crm"],
        entity=Entity(row["entity"]),
        kind=Kind(row["kind"]),
        status=Status(row["status"]),
        payload=row["payload"],
        base=row["base"],
        local_id=row["local_id"],
        remote_id=row["remote_id"],
        trigger=Trigger(row["trigger"]),
        priority=row["priority"],
        version=row["version"],
        attempts=row["attempts"],
        created_at=row["created_at"],
        sent_at=row["sent_at"],
        who=row["who"],
    )
