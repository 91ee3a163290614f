"""What is to be done about a record: written as told, asked for again, or buried."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from crm_pipelines.flows.inbox.batches import Checked, Record
from crm_pipelines.model.connector import Account
from crm_pipelines.model.event import AHEAD, Action, Event, Events, EventStream
from crm_pipelines.model.stream import Stream
from crm_pipelines.store import inbox as store
from crm_pipelines.store.database import Database
from crm_pipelines.store.inbox.mirror_rows import Row, Rows


@dataclass
class Plan:
    """Of one object: events whose records are written as they are told, ids to be asked for, and
    records that went, with the time. ``outdated`` are events that the mirror knows better than;
    ``whole`` says that the list is read anew."""

    told: dict[str, Event] = field(default_factory=dict)
    ask: set[str] = field(default_factory=set)
    gone: dict[str, datetime] = field(default_factory=dict)
    outdated: set[int] = field(default_factory=set)
    whole: bool = False


@dataclass(frozen=True)
class Decisions:
    """Plans by object; ``because`` are the deliveries for whose sake a record is dealt with."""

    plans: Mapping[str, Plan]
    because: Mapping[Record, set[int]]


@dataclass(frozen=True)
class Mirrors:
    """The mirror tables of an account, by object of events."""

    account: Account
    database: Database
    events: Events

    def stream(self, object_: str) -> Stream | None:
        """The stream, if the settings ask for it."""
        name = self.events.streams[object_].stream
        return next((one for one in self.account.streams if one.name == name), None)

    def rows(self, object_: str) -> Rows | None:
        """The table, if there is one."""
        stream = self.stream(object_)
        if stream is None:
            return None
        table = stream.table_name
        fillers = tuple(s.name for s in self.account.streams if s.table_name == table)
        found = Rows(self.database, self.account.workspace, self.account.crm, stream, fillers)
        return found if found.exists() else None


def decide(checked: Checked, mirrors: Mirrors) -> Decisions:
    """What becomes of the records of leading events, and of those that name merged ones."""
    because: dict[Record, set[int]] = defaultdict(set)
    leading: dict[str, list[Event]] = defaultdict(list)
    for event in checked.understood.events:
        if event.delivery in checked.held:
            continue
        because[event.object, event.remote_id].add(event.delivery)
        if event.delivery in checked.leading:
            leading[event.object].append(event)
    plans = {
        object_: _plan(object_, events, checked, mirrors) for object_, events in leading.items()
    }
    others = [_moved(checked, mirrors), _survivors(checked, mirrors)]
    for record, deliveries in (item for some in others for item in some.items()):
        plans.setdefault(record[0], Plan())
        _ask_anyway(plans[record[0]], record[1])
        because[record] |= deliveries
    return Decisions(plans, because)


def _ask_anyway(plan: Plan, id_: str) -> None:
    plan.told.pop(id_, None)
    if id_ not in plan.gone:
        plan.ask.add(id_)


def _plan(object_: str, events: Sequence[Event], checked: Checked, mirrors: Mirrors) -> Plan:
    known: EventStream = mirrors.events.streams[object_]
    if not known.single:
        return Plan(whole=True)
    plan, table, stream = Plan(), mirrors.rows(object_), mirrors.stream(object_)
    assert stream is not None
    rows = table.look([event.remote_id for event in events]) if table else {}
    workspace, ids = mirrors.account.workspace, [event.remote_id for event in events]
    linked = store.linked(mirrors.database, workspace, known.entity, ids) if known.entity else set()
    trusted = _trusted(object_, events, checked, mirrors, rows, table)
    for event in events:
        row = rows.get(event.remote_id)
        if event.delivery in trusted and event.remote_id not in linked:
            plan.told[event.remote_id] = event
        elif event.remote_id not in linked and _is_outdated(event, row, stream):
            plan.outdated.add(event.delivery)
        elif event.action is Action.DELETE and _is_plain(event, row, checked, stream):
            plan.gone[event.remote_id] = event.at
        else:
            plan.ask.add(event.remote_id)
    return plan


def _is_plain(event: Event, row: Row | None, checked: Checked, stream: Stream) -> bool:
    """Whether a delete leaves no doubt. Where lists show deleted records, so shall the mirror."""
    if event.delivery in checked.doubtful or stream.deletes_told:
        return False
    return row is None or row.stamp is None or row.stamp < event.at.replace(microsecond=0)


def _trusted(
    object_: str,
    events: Sequence[Event],
    checked: Checked,
    mirrors: Mirrors,
    rows: Mapping[str, Row],
    table: Rows | None,
) -> set[int]:
    """Events whose record can be written as it is told: nothing is guessed, nobody knows better."""
    usual = table.codes() if table else None
    candidates = [
        event
        for event in events
        if event.exact
        and event.record is not None
        and event.delivery not in checked.doubtful
        and _is_news(event, mirrors.stream(object_), rows.get(event.remote_id), usual)
    ]
    if not candidates:
        return set()
    workspace, crm = mirrors.account.workspace, mirrors.account.crm
    named = {e.delivery: {(object_, e.remote_id), *_named_by(e, mirrors)} for e in candidates}
    every = {record for some in named.values() for record in some}
    before = store.newest(mirrors.database, workspace, crm, every)
    lost = {record for record, last in before.items() if last.action is Action.DELETE}
    lost |= {
        (event.object, event.remote_id)
        for event in checked.understood.events
        if event.action is Action.DELETE
    }
    return {event.delivery for event in candidates if not named[event.delivery] & lost}


def _is_news(
    event: Event, stream: Stream | None, row: Row | None, usual: Collection[str] | None
) -> bool:
    """Strictly newer than what is here: stamps may count in seconds. A payload that lacks custom
    fields, or has others than the records that are here, leaves something open, as does a stamp
    from the future: no later state would count against it."""
    assert stream is not None and event.record is not None
    stamp = event.record.get(str(stream.stamp))
    stamped_at = moment(stamp)
    if stamped_at is None or stamped_at > event.at + AHEAD:
        return False
    if row is not None and (row.buried or row.stamp is None or row.stamp >= stamped_at):
        return False
    keyed = next((field.name for field in stream.fields if field.keyed), None)
    codes = row.codes if row is not None else usual
    return keyed is None or (codes is not None and set(codes) == set(event.record[keyed]))


def _is_outdated(event: Event, row: Row | None, stream: Stream) -> bool:
    """Whether the mirror has a later state of a record that is alive: later changes are told
    apart. What changes with a merge has a stamp that nobody told of."""
    if row is None or row.buried or row.stamp is None or event.record is None:
        return False
    stamped_at = moment(event.record.get(str(stream.stamp)))
    return stamped_at is not None and stamped_at < row.stamp and event.merged_from is None


def moment(text: object) -> datetime | None:
    """A stamp as the API writes it; ``None`` for what is none."""
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _named_by(event: Event, mirrors: Mirrors) -> set[Record]:
    """Other records that this one names: one that is gone may have gone into another."""
    assert event.record is not None
    found: set[Record] = set()
    for target, known in mirrors.events.streams.items():
        for object_, column in known.referrers:
            value = event.record.get(column)
            if object_ == event.object and value is not None:
                found.add((target, str(value)))
    return found


def _moved(checked: Checked, mirrors: Mirrors) -> dict[Record, set[int]]:
    """Records that name one which went into another: they name the other now, untold."""
    lost: dict[str, dict[str, set[int]]] = defaultdict(lambda: defaultdict(set))
    for event in checked.understood.events:
        merged = event.merged_into is not None or event.merged_from is not None
        if merged and event.delivery not in checked.held:
            gone = event.merged_from or event.remote_id
            lost[event.object][gone].add(event.delivery)
    found: dict[Record, set[int]] = defaultdict(set)
    for target, deliveries in lost.items():
        for object_, column in mirrors.events.streams[target].referrers:
            table = mirrors.rows(object_)
            for id_, named in table.pointing_at(column, deliveries) if table else ():
                found[object_, id_] |= deliveries[named]
    return found


def _survivors(checked: Checked, mirrors: Mirrors) -> dict[Record, set[int]]:
    """Records that others went into which the local side is linked to: it will be to these."""
    merged: dict[str, dict[str, Event]] = defaultdict(dict)
    for event in checked.understood.events:
        if event.merged_into and event.delivery in checked.leading - checked.held.keys():
            merged[event.object][event.remote_id] = event
    found: dict[Record, set[int]] = defaultdict(set)
    for object_, events in merged.items():
        entity = mirrors.events.streams[object_].entity
        workspace = mirrors.account.workspace
        for id_ in store.linked(mirrors.database, workspace, entity, events) if entity else ():
            found[object_, str(events[id_].merged_into)].add(events[id_].delivery)
    return found
