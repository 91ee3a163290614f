"""Validate: of each record's events the newest counts, unless a newer one was applied before."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from crm_pipelines.flows.inbox.batches import Checked, Record, Trouble, Understood
from crm_pipelines.flows.inbox.echoes import OURS
from crm_pipelines.flows.inbox.questions import Questions
from crm_pipelines.flows.inbox.sighted import Sighted
from crm_pipelines.flows.inbox.troubles import judge
from crm_pipelines.model.command import Entity
from crm_pipelines.model.errors import ConfigurationError, CrmError
from crm_pipelines.model.event import Event, Events
from crm_pipelines.model.event import Record as RawRecord
from crm_pipelines.model.sink import Found
from crm_pipelines.store.inbox.turns import Newest

Recognise = Callable[[Sequence[Sighted]], tuple[Mapping[int, int], Mapping[int, Trouble]]]
"""Events of our own writes, with their commands; and those of writes that are under way."""


def validate(
    understood: Understood,
    known: Events,
    newest: Callable[[Sequence[Record]], Mapping[Record, Newest]],
    questions: Questions,
    recognise: Recognise,
) -> Checked:
    """Which events lead, which are stale, which are echoes, and which have to wait."""
    by_record = group(understood.events)
    before = newest(list(by_record))
    leading: set[int] = set()
    doubtful: set[int] = set()
    stale: set[int] = set()
    for record, events in by_record.items():
        first, last = events[-1], before.get(record)
        if last is not None and first.at < last.at:
            stale.update(event.delivery for event in events)
            continue
        leading.add(first.delivery)
        if not first.timely or _is_doubtful(events, last):
            doubtful.add(first.delivery)
    sighted, held = sight(understood.events, known, questions)
    echoes, early = recognise(sighted)
    held = _with_their_records({**held, **early}, by_record)
    return Checked(
        understood,
        frozenset(leading),
        frozenset(doubtful),
        frozenset(stale),
        echoes,
        held,
    )


def group(events: Sequence[Event]) -> dict[Record, list[Event]]:
    """By record, the newest last."""
    found: dict[Record, list[Event]] = defaultdict(list)
    for event in sorted(events, key=lambda one: (one.at, one.delivery)):
        found[event.object, event.remote_id].append(event)
    return found


def sight(
    events: Sequence[Event], known: Events, questions: Questions
) -> tuple[list[Sighted], dict[int, Trouble]]:
    """Records as events of the API show them, in our words; and what cannot be told now."""
    sighted: list[Sighted] = []
    held: dict[int, Trouble] = {}
    for event in events:
        entity = known.streams[event.object].entity
        if entity is None or event.source != OURS:
            continue
        try:
            found = None if event.record is None else shown(questions, entity, event, event.record)
            before = before_of(questions, entity, event)
        except (CrmError, ConfigurationError) as error:
            held[event.delivery] = judge(error)
            continue
        sighted.append(
            Sighted(
                event,
                entity,
                int(event.remote_id),
                found=found,
                gone=found is None,
                merged_into=int(event.merged_into) if event.merged_into else None,
                before=before,
            )
        )
    return sighted, held


def shown(questions: Questions, entity: Entity, event: Event, state: RawRecord) -> Found:
    """A state that the event shows, in our words."""
    return questions.found(entity, {**state, "id": int(event.remote_id)})


def before_of(questions: Questions, entity: Entity, event: Event) -> Mapping[str, Any]:
    """What was another before: of a record that went, all of it."""
    if not event.previous:
        return {}
    before = shown(questions, entity, event, {**(event.record or {}), **event.previous}).values
    if event.record is None:
        return before
    after = shown(questions, entity, event, event.record).values
    return {name: value for name, value in before.items() if after[name] != value}


def _is_doubtful(events: Sequence[Event], last: Newest | None) -> bool:
    """Whether several events of the same moment contend for the last word."""
    first = events[-1]
    if last is not None and first.at == last.at:
        return True
    same = [event for event in events[:-1] if event.at == first.at]
    return any(replace(one, delivery=first.delivery) != first for one in same)


def _with_their_records(
    held: Mapping[int, Trouble], by_record: Mapping[Record, Sequence[Event]]
) -> dict[int, Trouble]:
    """Of a record either all events are applied or none: else they would overtake each other."""
    found = dict(held)
    for events in by_record.values():
        trouble = next((held[e.delivery] for e in events if e.delivery in held), None)
        if trouble is not None:
            found.update({event.delivery: trouble for event in events})
    return found
