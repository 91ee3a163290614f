"""Which record an id in a path means."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import HTTPException

from crm_pipelines.gateway.bodies import LARGEST_ID
from crm_pipelines.model.command import Entity
from crm_pipelines.store import local_side
from crm_pipelines.store.database import Database


@dataclass(frozen=True)
class Record:
    """A row of the local side, a record of Pipedrive, or both."""

    local_id: str | None
    remote_id: int | None


def find_record(database: Database, workspace: str, entity: Entity, identity: str) -> Record:
    """Digits are Pipedrive's id, anything else is a row of the caller's own tenant.

    Raises 404 for what is not there.
    """
    if identity.isascii() and identity.isdigit():
        remote_id = int(identity)
        if not 1 <= remote_id <= LARGEST_ID:
            raise HTTPException(404, f"there is no {entity} {identity} in Pipedrive")
        return Record(None, remote_id)
    rows = local_side.rows(database, entity, workspace, [identity])
    if identity not in rows:
        raise HTTPException(404, f"there is no {entity} with this id")
    return Record(identity, None)
