"""Commands whose writes deliveries may tell of, and how many have been told of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from crm_pipelines.model.command import Entity
from crm_pipelines.store.database import Database


@dataclass(frozen=True)
class Told:
    """An event as far as it helps to find the write that it tells of.

    ``stamp`` is the record's own after the change.
    """

    delivery: int
    entity: Entity
    remote_id: int
    stamp: datetime | None
    created: bool


@dataclass(frozen=True)
class Balance:
    """Writes of ours that changed something, and deliveries that were recognised as theirs."""

    writes: int = 0
    echoes: int = 0


def candidates(
    database: Database, workspace: str, crm: str, told: Sequence[Told]
) -> list[dict[str, Any]]:
    """Commands by delivery: ``id``, ``kind``, ``status`` and ``fingerprint``, in their order."""
    if not told:
        return []
    values = {
        "workspace": workspace,
        "crm": crm,
        "deliveries": [one.delivery for one in told],
        "entities": [str(one.entity) for one in told],
        "remote_ids": [one.remote_id for one in told],
        "stamps": [one.stamp for one in told],
        "created": [one.created for one in told],
    }
    return [dict(row) for row in database.run("echoes.candidates", values)]


def balance(database: Database, workspace: str) -> Mapping[str, Balance]:
    """By CRM. In the end the two are equal, once webhooks are registered."""
    rows = database.run("echoes.balance", {"workspace": workspace})
    return {row["crm"]: Balance(row["writes"], row["echoes"]) for row in rows}
