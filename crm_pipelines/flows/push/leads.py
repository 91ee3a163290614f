"""What is asked for of a contact: that it goes to the CRM now, that a deal is made of it."""

from __future__ import annotations

from typing import Any

from crm_pipelines.model.command import Entity, Status
from crm_pipelines.model.errors import InvalidData
from crm_pipelines.store import local_changes, local_side, outbox
from crm_pipelines.store.database import Connection, Database
from crm_pipelines.store.queries import query

STUCK = (Status.DEAD, Status.FAILED)


def lead_commands(
    database: Database, about: dict[str, str], contact: str, score: int, who: str
) -> list[int]:
    """The commands that bring a warm lead to the CRM; none for others, and for those there.

    One that was given up is tried again: somebody asks for it. So is one whose person, or
    organization, was deleted in the CRM.
    """
    row = local_side.rows(database, Entity.PERSON, about["workspace"], [contact]).get(contact)
    if row is None or row["warmness_score"] < score or row["remote_id"] is not None:
        return []
    local_changes.ask_again(database, **about, entity=Entity.PERSON, local_id=contact)
    if row["organization_id"] is not None and row["organization_remote_id"] is None:
        company = row["organization_id"]
        local_changes.ask_again(database, **about, entity=Entity.ORGANIZATION, local_id=company)
    database.run("push.enqueue_lead", {**about, "contact": contact})
    found = _creates(database, about, Entity.PERSON, contact)
    if row["organization_id"] is not None and row["organization_remote_id"] is None:
        found = _creates(database, about, Entity.ORGANIZATION, row["organization_id"]) + found
    stuck = [one["id"] for one in found if one["status"] in STUCK]
    if stuck:
        outbox.redrive(database, about["workspace"], ids=stuck, who=who)
    return [one["id"] for one in found]


def add_deal(
    connection: Connection, about: dict[str, str], contact: str, **values: Any
) -> tuple[str, int]:
    """A deal of a contact: its local id, and its command. Raises ``InvalidData``.

    ``values`` are title, stage_id, value, currency and organization_id.
    """
    made = connection.execute(
        query("push.add_deal"), {**about, "contact": contact, **values}
    ).fetchone()
    if made is None:
        raise InvalidData("there is no such contact", ("contact_id",))
    wanted = {**about, "entity": Entity.DEAL, "local_id": made["id"]}
    command = connection.execute(query("push.creates_of"), wanted).fetchone()
    if command is None:
        raise InvalidData(
            "the contact is not in the CRM, nor on its way there: raise its warmness score first",
            ("contact_id",),
        )
    return made["id"], command["id"]


def _creates(
    database: Database, about: dict[str, str], entity: Entity, local_id: str
) -> list[dict[str, Any]]:
    return list(database.run("push.creates_of", {**about, "entity": entity, "local_id": local_id}))
