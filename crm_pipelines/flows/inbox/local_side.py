"""Rows of the local side follow their records in the CRM.

Why both sides are equal in the end, whatever is edited where and however late, doubled or lost the
deliveries are: a field of a row is in one of two hands at any time. A command that is not through
has it, from the very transaction of the edit on, until it is delivered: then the push compares with
the record as it is, settles who wins, and takes the record's state over in the transaction that
delivers (``flows.push.write_back``). Otherwise the inbox has it, and writes what the record says:
always in a state that was asked for after the row's last command got through, never while one is
being sent, and with the row held. Whatever happens to the record after a state was read makes
the state be read again: each change has its own delivery, and what deliveries did not tell shows in
the mirror (``catch_up``). So after the last edit and the last delivery or catch-up the row says
what the record says. What is written here makes no commands: nothing can go round in circles.

Left apart are fields that nobody has changed since row and record were linked, what the local side
cannot hold or does not have, and fields of dead commands, which wait for a person.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from crm_pipelines.flows.inbox.news import Known, News, compare, names_of
from crm_pipelines.flows.inbox.sighted import Sighted
from crm_pipelines.flows.push.transform import renamed
from crm_pipelines.flows.push.words import REFERENCES
from crm_pipelines.model.audit import Entry
from crm_pipelines.model.command import Entity, Status, Trigger
from crm_pipelines.model.sink import Found
from crm_pipelines.store import audit
from crm_pipelines.store.database import Connection
from crm_pipelines.store.local_changes import TABLES, Ledger, Link, Row

LOG = logging.getLogger("crm_pipelines.inbox")

BEHIND = timedelta(minutes=1)
"""How long a CRM may show a record as it was before its last change."""

DELETED = "the record was deleted in the CRM"


@dataclass(frozen=True)
class Side:
    """The local side of an account; ``types`` are the CRM's activity types by its own."""

    workspace: str
    crm: str
    types: Mapping[str, str]
    run: str = ""


@dataclass(frozen=True)
class TakenOver:
    """How many rows were ``changed``; deliveries that have to be looked at ``again`` in a moment,
    because a write of ours is under way or came between; values that were left out, and why."""

    changed: int = 0
    again: frozenset[int] = frozenset()
    problems: tuple[str, ...] = ()


@dataclass
class _Taking:
    """What has come of it so far."""

    changed: int = 0
    again: set[int] = field(default_factory=set)
    problems: list[str] = field(default_factory=list)


def take_over(connection: Connection, side: Side, sighted: Sequence[Sighted]) -> TakenOver:
    """Linked rows get what was changed in the CRM, in the caller's transaction.

    States have to be ``asked_at`` a known time. Rows of deleted records stay, without their link;
    those of merged ones belong to the survivor. Two rows of one record both follow it.
    """
    taking = _Taking()
    by_entity: dict[Entity, list[Sighted]] = defaultdict(list)
    for one in sighted:
        by_entity[one.entity].append(one)
    for entity in TABLES:
        if by_entity[entity]:
            ledger = Ledger(connection, side.workspace, side.crm, entity)
            ledger.speak()
            _take(connection, ledger, side, by_entity[entity], taking)
    for words in taking.problems:
        LOG.warning("%s", words)
    return TakenOver(taking.changed, frozenset(taking.again), tuple(taking.problems))


def follow(
    connection: Connection,
    side: Side,
    entity: Entity,
    local_id: str,
    found: Found,
    *,
    mine: int,
    unknown: Mapping[str, Any],
    overruled: Mapping[str, Any],
) -> None:
    """The row of a command that is being delivered gets what others changed in the record.

    ``found`` is its state now; ``mine`` is the command: it does not speak for its fields any more.
    ``unknown`` stands for what the record said the last time where the two were never compared,
    ``overruled`` for what it had said of fields where theirs wins.
    """
    ledger = Ledger(connection, side.workspace, side.crm, entity)
    ledger.speak()
    row = ledger.rows([local_id]).get(local_id)
    if row is None or row["remote_id"] != found.remote_id:
        return
    link = ledger.links([local_id]).get(local_id)
    if link is not None and link.remote_id == found.remote_id:
        unknown = link.said
    elif not unknown:
        unknown = _unsaid(entity, row, found)
    ours = _ours(entity, ledger.commands([local_id], mine))[local_id]
    known = _known(connection, side, entity, [found.values])
    before = {**unknown, **overruled}
    news = compare(entity, row, found.values, before, ours, known, side.types)
    _write(connection, ledger, side, {local_id: (row, news, found, None)}, _Taking())


def _take(
    connection: Connection,
    ledger: Ledger,
    side: Side,
    sighted: Sequence[Sighted],
    taking: _Taking,
) -> None:
    ledger.note_merges({s.remote_id: s.merged_into for s in sighted if s.merged_into is not None})
    alive = {s.remote_id: s for s in sighted if not s.gone and s.found is not None}
    ledger.link_again([s.remote_id for s in alive.values() if s.asked_at is not None])
    held = ledger.hold({s.remote_id for s in sighted})
    if not held:
        return
    by_record = {s.remote_id: s for s in sighted}
    commands = ledger.commands(held)
    sending = {one["local_id"] for one in commands if one["status"] == Status.SENDING}
    taking.again |= {by_record[held[one]].event.delivery for one in sending}
    free = {one: remote_id for one, remote_id in held.items() if one not in sending}
    free = _let_go(ledger, free, {s.remote_id for s in sighted if s.gone})
    wanted = {one: alive[remote_id] for one, remote_id in free.items() if remote_id in alive}
    _compare(connection, ledger, side, wanted, _ours(ledger.entity, commands), taking)


def _let_go(ledger: Ledger, held: Mapping[str, int], gone: Collection[int]) -> dict[str, int]:
    """Rows of records that are no more, to where those went; where rows belong now."""
    found = dict(held)
    for remote_id, survivor in ledger.survivors(gone).items():
        rows = [one for one, record in held.items() if record == remote_id]
        if not rows:
            continue
        if survivor == remote_id:
            ledger.end(rows, DELETED)
            for one in rows:
                del found[one]
        else:
            ledger.move(rows, remote_id, survivor)
            found |= dict.fromkeys(rows, survivor)
    return found


def _compare(
    connection: Connection,
    ledger: Ledger,
    side: Side,
    wanted: Mapping[str, Sighted],
    ours: Mapping[str, frozenset[str]],
    taking: _Taking,
) -> None:
    if not wanted:
        return
    rows, links = ledger.rows(wanted), ledger.links(wanted)
    delivered = ledger.last_deliveries(wanted)
    known = _known(
        connection, side, ledger.entity, [s.found.values for s in wanted.values() if s.found]
    )
    made: dict[str, tuple[Row, News, Found, Sighted | None]] = {}
    for identity, one in wanted.items():
        row, found, link = rows[identity], one.found, links.get(identity)
        assert found is not None
        if _is_older(one, found, link, delivered.get(identity)):
            taking.again.add(one.event.delivery)
            continue
        before = _before(row, one, found, link)
        news = compare(ledger.entity, row, found.values, before, ours[identity], known, side.types)
        made[identity] = (row, news, found, one)
    _write(connection, ledger, side, made, taking)


def _is_older(one: Sighted, found: Found, link: Link | None, delivered_at: datetime | None) -> bool:
    """Whether a state may be from before what we know: from before our own last write or the last
    comparison, or from a copy of the CRM's that lags."""
    if one.asked_at is None or (delivered_at is not None and delivered_at >= one.asked_at):
        return True
    if link is None or link.seen_at is None:
        return False
    if link.seen_at >= one.asked_at:
        return True
    if link.stamp is None or found.updated_at is None:
        return False
    return found.updated_at < link.stamp and one.asked_at - link.seen_at < BEHIND


def _before(row: Row, one: Sighted, found: Found, link: Link | None) -> Mapping[str, Any]:
    """What the record said the last time. Where the two were never compared, the newer of them
    counts, as far as it says anything; and what the event says has been changed."""
    if link is not None and link.remote_id == found.remote_id:
        return link.said
    if found.updated_at is not None and found.updated_at >= row["updated_at"]:
        return {**_unsaid(one.entity, row, found), **one.before}
    return {**found.values, **one.before}


def _unsaid(entity: Entity, row: Row, found: Found) -> dict[str, Any]:
    """What the row refers to and the CRM does not have: what the record says of it is no news."""
    names = [
        name
        for name, reference in REFERENCES[entity].items()
        if row[reference.column] is not None and row[reference.remote] is None
    ]
    if row.get("user_id") is not None and row["user_remote_id"] is None:
        names.append("owner_id")
    return {name: found.values.get(name) for name in names}


def _write(
    connection: Connection,
    ledger: Ledger,
    side: Side,
    made: Mapping[str, tuple[Row, News, Found, Sighted | None]],
    taking: _Taking,
) -> None:
    refused = ledger.change(
        {one: news.changes for one, (_, news, _, _) in made.items() if news.changes}
    )
    ledger.stamp({one: f.updated_at for one, (_, _, f, _) in made.items() if f.updated_at})
    ledger.remember(
        [
            Link(one, found.remote_id, news.said, found.updated_at)
            for one, (_, news, found, _) in made.items()
        ]
    )
    for identity, (row, news, found, one) in made.items():
        left_out = {**news.refused, **refused.get(identity, {})}
        changes = {c: v for c, v in news.changes.items() if c not in left_out}
        subject = f"{ledger.entity}/{found.remote_id}"
        taking.problems += [f"{subject}: {why}" for why in left_out.values()]
        if changes or left_out:
            taking.changed += bool(changes)
            entry = _entry(side, subject, identity, row, changes, left_out, one)
            audit.append(connection, entry)


def _entry(
    side: Side,
    subject: str,
    local_id: str,
    row: Row,
    changes: Mapping[str, Any],
    left_out: Mapping[str, str],
    one: Sighted | None,
) -> Entry:
    """Who changed it over there is who changed it here."""
    user = one.event.user_id if one else None
    details: dict[str, Any] = {"local_id": local_id}
    if one is not None and one.event.delivery:
        details["delivery"] = one.event.delivery
    if left_out:
        details["left_out"] = dict(left_out)
    before = {column: _shown(row[column]) for column in changes}
    who = side.crm if user is None else f"{side.crm} user {user}"
    return Entry(
        action="record.take_over",
        workspace=side.workspace,
        crm=side.crm,
        subject=subject,
        before=before,
        after=dict(changes),
        who=who,
        run=side.run,
        details=details,
    )


def _shown(value: Any) -> Any:
    return value if value is None or isinstance(value, str | int | bool) else str(value)


def _ours(entity: Entity, commands: Sequence[Row]) -> dict[str, frozenset[str]]:
    """By row, the fields that a command of ours speaks for."""
    found: dict[str, frozenset[str]] = defaultdict(frozenset)
    for one in commands:
        fields = one["fields"]
        if one["trigger"] in (Trigger.SYNC, Trigger.RECONCILIATION):
            names = names_of(entity, fields)
        else:
            names = frozenset(renamed(entity, dict.fromkeys(fields)))
            names |= {"org_id"} if "org_name" in names else set()
        found[one["local_id"]] |= names
    return found


def _known(
    connection: Connection, side: Side, entity: Entity, records: Sequence[Mapping[str, Any]]
) -> Known:
    """The rows and users that these records refer to."""
    rows: dict[Entity, Mapping[int, str]] = {}
    for name, reference in REFERENCES[entity].items():
        ids = {record[name] for record in records if record.get(name) is not None}
        ledger = Ledger(connection, side.workspace, side.crm, reference.entity)
        rows[reference.entity] = ledger.references(ids)
    owners = {record["owner_id"] for record in records if record.get("owner_id") is not None}
    ledger = Ledger(connection, side.workspace, side.crm, entity)
    return Known(rows, ledger.users(owners))
