"""What a delivery leaves behind here: links, states, the audit line; all of it or nothing."""

from __future__ import annotations

from typing import Any

from crm_pipelines.flows.inbox.local_side import Side, follow
from crm_pipelines.flows.inbox.news import storable
from crm_pipelines.flows.push.outcome import Outcome
from crm_pipelines.flows.push.prepared import Prepared
from crm_pipelines.flows.push.round import Round
from crm_pipelines.model.audit import Entry
from crm_pipelines.model.command import Entity, Kind
from crm_pipelines.model.errors import OutcomeUnknown
from crm_pipelines.model.event import Action
from crm_pipelines.store import conflicts, local_side, outbox
from crm_pipelines.store.database import Connection
from crm_pipelines.store.queries import query


def write_back(round_: Round, one: Prepared, outcome: Outcome) -> None:
    """One transaction. Raises ``OutcomeUnknown`` when the record is another command's."""
    command, found = one.command, outcome.found
    with round_.database.transaction() as connection:
        if command.kind is Kind.CREATE and not outcome.linked:
            _require_unclaimed(connection, round_, one, found.remote_id)
        if command.local_id is not None:
            local_side.link(
                connection,
                command.entity,
                command.workspace,
                command.local_id,
                found.remote_id,
                found.updated_at,
            )
            _follow(connection, round_, one, outcome)
        outbox.deliver(connection, command, found.remote_id, fingerprint(one, outcome))
        _note_conflict(connection, round_, one, outcome)
        round_.audit.note(_entry(round_, one, outcome), connection)


def fingerprint(one: Prepared, outcome: Outcome) -> dict[str, Any]:
    """By which the webhook of this very write is told from other people's changes.

    Values are as the record says them now: a CRM may spell them its own way.
    """
    found = outcome.found
    made = one.command.kind is Kind.CREATE and not outcome.linked
    return {
        "action": Action.CREATE if made else Action.CHANGE,
        "values": {
            name: storable(found.values.get(name, value)) for name, value in outcome.written.items()
        },
        "update_time": None if found.updated_at is None else found.updated_at.isoformat(),
    }


def _follow(connection: Connection, round_: Round, one: Prepared, outcome: Outcome) -> None:
    """What somebody else changed in the record comes here with it, and where theirs wins, theirs.

    A record that is only linked stays as it is, and so does its row.
    """
    command, found = one.command, outcome.found
    assert command.local_id is not None
    settled = outcome.change.winners if outcome.change is not None else {}
    theirs = {name: one.base.get(name) for name, winner in settled.items() if winner == "theirs"}
    created = command.kind is Kind.CREATE and not outcome.linked
    follow(
        connection,
        Side(round_.workspace, round_.crm, round_.rules.types, round_.run),
        command.entity,
        command.local_id,
        found,
        mine=command.id,
        unknown={} if created else found.values,
        overruled=theirs,
    )


def _require_unclaimed(
    connection: Connection, round_: Round, one: Prepared, remote_id: int
) -> None:
    """Two commands that look for what they made never take the same record for theirs."""
    entity = one.command.entity
    connection.execute(
        query("push.lock_record"),
        {"record": f"{round_.workspace} {round_.crm} {entity} {remote_id}"},
    )
    taken = connection.execute(
        query("push.claimed_record"),
        {**round_.about, "entity": entity, "remote_id": remote_id, "id": one.command.id},
    ).fetchone()
    if taken is not None and entity is Entity.ACTIVITY:
        raise OutcomeUnknown(f"{entity} {remote_id} is the outcome of another command")


def _note_conflict(connection: Connection, round_: Round, one: Prepared, outcome: Outcome) -> None:
    """What a rule decided can be looked up, too."""
    change = outcome.change
    if change is not None and change.ours:
        rule = str(round_.rules.conflicts)
        conflicts.note(
            connection,
            one.command,
            outcome.found.remote_id,
            "both_changed",
            change.ours,
            change.theirs,
            rule=rule,
            resolution=change.winners,
        )


def _entry(round_: Round, one: Prepared, outcome: Outcome) -> Entry:
    command = one.command
    created = command.kind is Kind.CREATE and not outcome.linked
    details: dict[str, Any] = {"outbox": command.id, "trigger": str(command.trigger)}
    if command.local_id is not None:
        details["local_id"] = command.local_id
    if outcome.linked:
        details["linked"] = True
    if outcome.found.remarks:
        details["remarks"] = list(outcome.found.remarks)
    return Entry(
        action="record.create" if created else "record.update",
        workspace=round_.workspace,
        crm=round_.crm,
        subject=f"{command.entity}/{outcome.found.remote_id}",
        before=None if created else dict(outcome.before),
        after=dict(outcome.written),
        who=command.who,
        run=round_.run,
        details=details,
    )
