"""What an action is about: the deal, its contact and its row here, held while it is at work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC
from typing import Any

from crm_pipelines.flows.stages.action import Action, Need, Occasion, Skip
from crm_pipelines.store.database import Connection
from crm_pipelines.store.queries import query

Row = Mapping[str, Any]


class Busy(Exception):
    """Somebody adds to the deal's history at this moment: its actions wait."""


def prepare(connection: Connection, taken: Row, action: Action) -> Occasion:
    """Rows of the local side are held first, then the deal.

    Raises ``Busy``; ``Skip`` where the deal went on or an action lacks what it needs.
    """
    about = {
        "workspace": taken["workspace_id"],
        "crm": taken["crm"],
        "deal_id": taken["deal_id"],
        "move": taken["history_id"],
    }
    remote = _remote_deal(connection, about)
    deal = _one(connection, "local_deal", about)
    contact = _contact(connection, about, remote)
    if _one(connection, "hold_deal", about) is None:
        raise Busy
    after = _one(connection, "where_now", about)
    ids = [taken["stage_id"], taken["previous_stage_id"], after and after["stage_id"]]
    names = _stage_names(connection, about, [one for one in ids if one is not None])
    _require_there(remote, after, names)
    if action.needs is Need.CONTACT and contact is None:
        raise Skip("no contact of the local side is the deal's person")
    if action.needs is Need.ROW and contact is None and deal is None:
        raise Skip("neither the deal nor its person has a row on the local side")
    return Occasion(
        connection=connection,
        workspace=about["workspace"],
        crm=about["crm"],
        key=f"stage-action-{taken['id']}",
        move_id=taken["history_id"],
        deal_id=taken["deal_id"],
        stage_id=taken["stage_id"],
        changed_at=taken["changed_at"],
        stage=names[taken["stage_id"]],
        previous_stage=names.get(taken["previous_stage_id"]),
        title=(remote or deal or {}).get("title") or f"deal {taken['deal_id']}",
        probability=taken["probability"],
        contact=contact,
        deal=deal,
    )


def _require_there(remote: Row | None, after: Row | None, names: Mapping[int, str]) -> None:
    """What a deal has left is over: only the stage that it is in sets something off."""
    if remote is not None and remote["gone"]:
        raise Skip("the deal is deleted")
    if after is not None:
        at = f"{after['changed_at'].astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
        raise Skip(f"the deal went on to {names[after['stage_id']]} at {at}")


def _contact(connection: Connection, about: Row, remote: Row | None) -> Row | None:
    """Whoever is the deal's person; where that is not known, whom the local deal is about."""
    found = None
    if remote is not None and remote["person_id"] is not None:
        person = {**about, "person_id": remote["person_id"]}
        found = _one(connection, "contact_of_person", person)
    if found is None:
        found = _one(connection, "contact_of_deal", about)
    return found and _one(connection, "contact", {**about, "id": found["id"]})


def _remote_deal(connection: Connection, about: Row) -> Row | None:
    return _one(connection, "remote_deal", about) if _mirrored(connection, "deals") else None


def _stage_names(connection: Connection, about: Row, ids: Sequence[int]) -> dict[int, str]:
    names = {one: f"stage {one}" for one in ids}
    if _mirrored(connection, "stages"):
        values = {**about, "ids": list(ids)}
        rows = connection.execute(query("stage_actions.stage_names"), values).fetchall()
        names |= {row["id"]: row["name"] for row in rows if row["name"]}
    return names


def _mirrored(connection: Connection, table: str) -> bool:
    row = connection.execute(query("stages.mirrored"), {"table": f"pipedrive.{table}"}).fetchone()
    return bool(row and row["there"])


def _one(connection: Connection, name: str, values: Row) -> Row | None:
    return connection.execute(query(f"stage_actions.{name}"), values).fetchone()
