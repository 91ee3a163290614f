"""Settling: what each delivery has come to, in one transaction with what else hangs on it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from crm_pipelines.flows.inbox.batches import Applied, Checked, Trouble
from crm_pipelines.flows.inbox.questions import Questions
from crm_pipelines.flows.inbox.round import Round
from crm_pipelines.flows.inbox.sighted import Sighted
from crm_pipelines.flows.inbox.troubles import judge
from crm_pipelines.flows.inbox.validate import before_of
from crm_pipelines.model.errors import ConfigurationError, CrmError
from crm_pipelines.model.event import Event, State
from crm_pipelines.store import inbox as store
from crm_pipelines.store.database import Connection, untangled
from crm_pipelines.store.inbox import Settled

if TYPE_CHECKING:
    from crm_pipelines.flows.inbox.flow import Inbox

MOMENT = timedelta(seconds=1)
"""How long a delivery waits for a write of ours that is under way."""


def settle(inbox: Inbox, round_: Round, questions: Questions, run: str) -> Applied:
    """Everything at once, or nothing; then it is done again."""
    unsettled = round_.unsettled()
    list(_sight(inbox, round_, questions, unsettled))
    rejected = store.rejected(inbox.database, **inbox.about, runs=round_.runs)

    def write() -> Applied:
        with inbox.database.transaction() as connection:
            waiting = dict(unsettled)
            local = 0
            settled = [*_settled(inbox, round_.checked, waiting, rejected)]
            states = store.settle(connection, settled, run)
            put_off, first = _put_off(connection, waiting)
            failing = {id_: one.words for id_, one in waiting.items() if one.until is None}
            failing.update(round_.checked.understood.poison)
            failed = store.fail(connection, failing, run) if failing else Counter()
            states[State.DEAD] += failed[State.DEAD]
        return Applied(
            states={state: count for state, count in states.items() if count},
            put_off=put_off + failed[State.WAITING],
            resumes_at=first.until if first else None,
            words=first.words if first else "",
            local=local,
        )

    return untangled(write)


def _settled(
    inbox: Inbox,
    checked: Checked,
    waiting: Collection[int],
    rejected: Mapping[tuple[str, str], str],
) -> Iterator[Settled]:
    for id_, unread in checked.understood.unheard.items():
        yield Settled(
            id_,
            State.UNKNOWN,
            words=unread.words,
            object=unread.object,
            action=unread.action,
            version=unread.version,
        )
    for event in checked.understood.events:
        id_ = event.delivery
        if id_ in waiting:
            continue
        if id_ in checked.echoes:
            yield Settled(id_, State.ECHO, event, outbox_id=checked.echoes[id_])
        elif id_ in checked.stale:
            yield Settled(id_, State.STALE, event)
        else:
            stream = inbox.events.streams[event.object].stream
            words = rejected.get((stream, event.remote_id), "")
            yield Settled(id_, State.APPLIED, event, words=words)


def _put_off(connection: Connection, waiting: Mapping[int, Trouble]) -> tuple[int, Trouble | None]:
    """How many, and the trouble that is over first."""
    by_trouble: dict[Trouble, list[int]] = defaultdict(list)
    for id_, trouble in waiting.items():
        if trouble.until is not None:
            by_trouble[trouble].append(id_)
    count = 0
    for trouble, ids in by_trouble.items():
        assert trouble.until is not None
        count += store.put_off(connection, ids, trouble.until, trouble.words)
    first = (
        min(by_trouble, key=lambda one: one.until or datetime.max.replace(tzinfo=UTC))
        if (by_trouble)
        else None
    )
    return count, first


def _sight(
    inbox: Inbox, round_: Round, questions: Questions, unsettled: dict[int, Trouble]
) -> Iterator[Sighted]:
    """Each record that may be on the local side, as it is known to be now.

    Where that cannot be said now, its deliveries wait: they land in ``unsettled``.
    """
    for event in round_.checked.understood.events:
        entity = inbox.events.streams[event.object].entity
        led = event.delivery in round_.checked.leading and event.delivery not in unsettled
        if entity is None or not led:
            continue
        try:
            yield _sighted(inbox, round_, questions, event)
        except (CrmError, ConfigurationError) as error:
            because = round_.decisions.because[event.object, event.remote_id]
            unsettled.update(dict.fromkeys(because, judge(error)))


def _sighted(inbox: Inbox, round_: Round, questions: Questions, event: Event) -> Sighted:
    entity = inbox.events.streams[event.object].entity
    assert entity is not None
    answers = round_.answers.get(event.object)
    asked = answers is not None and event.remote_id in answers.asked
    record = answers.records.get(event.remote_id) if answers and asked else event.record
    mirror = inbox.mirror(inbox.events.streams[event.object].stream)
    gone = record is None or bool(record.get(str(mirror.stream.deleted_field)))
    return Sighted(
        event,
        entity,
        int(event.remote_id),
        found=None if gone or record is None else questions.found(entity, record),
        asked_at=answers.asked_at if answers and asked else None,
        gone=gone,
        merged_into=int(event.merged_into) if event.merged_into else None,
        before=before_of(questions, entity, event),
    )
