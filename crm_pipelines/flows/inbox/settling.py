"""Settling: what each delivery has come to, in one transaction with what else hangs on it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from crm_pipelines.flows.inbox.batches import Applied, Trouble
from crm_pipelines.flows.inbox.decisions import Plan
from crm_pipelines.flows.inbox.local_side import take_over
from crm_pipelines.flows.inbox.means import Means
from crm_pipelines.flows.inbox.questions import Questions
from crm_pipelines.flows.inbox.round import Round
from crm_pipelines.flows.inbox.sighted import Sighted
from crm_pipelines.flows.inbox.troubles import judge
from crm_pipelines.flows.inbox.validate import before_of
from crm_pipelines.flows.stages import history
from crm_pipelines.model.command import Entity
from crm_pipelines.model.errors import ConfigurationError, CrmError
from crm_pipelines.model.event import Action, Event, State
from crm_pipelines.store import inbox as store
from crm_pipelines.store.database import Connection, untangled
from crm_pipelines.store.inbox import Settled

LATEST = datetime.max.replace(tzinfo=UTC)
MOMENT = timedelta(seconds=1)
"""How long a delivery waits for a write of ours that is under way."""


def settle(means: Means, round_: Round, questions: Questions, run: str) -> Applied:
    """Everything at once, or nothing; then it is done again."""
    unsettled = round_.unsettled()
    sighted = list(_sight(means, round_, questions, unsettled))
    rejected = store.rejected(means.database, **means.about, runs=round_.runs)

    def write() -> Applied:
        with means.database.transaction() as connection:
            mine = store.hold(connection, round_.checked.understood.ids)
            seen = [one for one in sighted if one.event.delivery in mine]
            taken = take_over(connection, means.side(run), seen)
            soon = Trouble("a write of ours came between", datetime.now(UTC) + MOMENT)
            waiting = {**unsettled, **dict.fromkeys(taken.again, soon)}
            settled = [one for one in _settled(means, round_, waiting, rejected) if one.id in mine]
            told = [one.event for one in settled if one.event is not None]
            moves = history.of(told, silent=round_.checked.echoes)
            noted = history.note(connection, **means.about, transitions=moves)
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
            local=taken.changed,
            transitions=len(noted),
        )

    return untangled(write)


def _settled(
    means: Means,
    round_: Round,
    waiting: Collection[int],
    rejected: Mapping[tuple[str, str], str],
) -> Iterator[Settled]:
    checked = round_.checked
    outdated = {id_ for plan in round_.decisions.plans.values() for id_ in plan.outdated}
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
        elif id_ in checked.stale or id_ in outdated:
            yield Settled(id_, State.STALE, event)
        else:
            stream = means.events.streams[event.object].stream
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
    first = min(by_trouble, key=lambda one: one.until or LATEST, default=None)
    return count, first


def _sight(
    means: Means, round_: Round, questions: Questions, unsettled: dict[int, Trouble]
) -> Iterator[Sighted]:
    """Each record that may be on the local side, as it is known to be now.

    Where that cannot be said now, deliveries of linked ones wait: they land in ``unsettled``.
    """
    leading = [e for e in round_.checked.understood.events if e.delivery in round_.checked.leading]
    for event in [*leading, *_survivors(round_, leading)]:
        record = event.object, event.remote_id
        entity = means.events.streams[event.object].entity
        because = round_.decisions.because.get(record, set())
        plan = round_.decisions.plans.get(event.object, Plan())
        waits = unsettled.keys() & {event.delivery, *because}
        if entity is None or waits or event.delivery in plan.outdated:
            continue
        try:
            yield _sighted(means, round_, questions, entity, event)
        except (CrmError, ConfigurationError) as error:
            workspace, ids = means.account.workspace, [event.remote_id]
            if store.linked(means.database, workspace, entity, ids):
                unsettled.update(dict.fromkeys(because, judge(error)))


def _survivors(round_: Round, leading: Sequence[Event]) -> list[Event]:
    """Records that others went into and that no event of the batch is about."""
    there = {(event.object, event.remote_id) for event in leading}
    lost = {
        (event.object, event.merged_into): event
        for event in leading
        if event.merged_into and (event.object, event.merged_into) not in there
    }
    return [
        Event(event.delivery, object_, Action.CHANGE, remote_id, event.at)
        for (object_, remote_id), event in lost.items()
        if remote_id in round_.decisions.plans[object_].ask
    ]


def _sighted(
    means: Means, round_: Round, questions: Questions, entity: Entity, event: Event
) -> Sighted:
    answers = round_.answers.get(event.object)
    asked = answers is not None and event.remote_id in answers.asked
    record = answers.records.get(event.remote_id) if answers and asked else event.record
    mirror = means.mirror(means.events.streams[event.object].stream)
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
