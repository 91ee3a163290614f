"""What deliveries did not tell of: rows catch up with the mirror.

A sync brings the mirror up to date, whether events of it came or not. Rows whose record it knows
newer than it was at the last comparison are compared again, with the record as it is now, by the
rules that deliveries go by. Changes that were made here and that no command was ever written for
are left to ``flows.push.drift``: no row is in the hands of both.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from crm_pipelines.flows.inbox.local_side import Side, take_over
from crm_pipelines.flows.inbox.questions import Answers, Questions
from crm_pipelines.flows.inbox.sighted import Sighted
from crm_pipelines.model.command import Entity
from crm_pipelines.model.event import Action, Event
from crm_pipelines.store import local_changes
from crm_pipelines.store.database import Database, untangled

MOST = 100
"""Records of one question."""


@dataclass(frozen=True)
class CaughtUp:
    """Records that were ``asked`` for, rows that were ``changed``, values left out and why, and
    what kept us from asking for the rest."""

    asked: int = 0
    changed: int = 0
    problems: tuple[str, ...] = ()
    troubles: tuple[str, ...] = ()

    def plus(self, other: CaughtUp) -> CaughtUp:
        """Both."""
        return CaughtUp(
            self.asked + other.asked,
            self.changed + other.changed,
            self.problems + other.problems,
            self.troubles + other.troubles,
        )


@dataclass(frozen=True)
class Kind:
    """One kind of record: the events' name for it, and the field that says it is in the bin."""

    entity: Entity
    object: str
    deleted_field: str | None = None


def catch_up(
    database: Database, side: Side, kinds: Iterable[Kind], questions: Questions
) -> CaughtUp:
    """Compare what may be behind, in transactions of its own.

    Costs a list of a hundred records for each hundred of them, and nothing if there are none.
    """
    done = CaughtUp()
    for kind in kinds:
        if local_changes.is_mirrored(database, side.crm, kind.entity):
            done = done.plus(_catch_up(database, side, kind, questions))
    return done


def _catch_up(database: Database, side: Side, kind: Kind, questions: Questions) -> CaughtUp:
    about = (database, side.workspace, side.crm, kind.entity)
    done, after = CaughtUp(), 0
    gone = local_changes.gone(*about, most=MOST)
    if gone:
        done = done.plus(_compare(database, side, kind, gone, questions))
    while not done.troubles:
        ids = local_changes.behind(*about, after=after, most=MOST)
        if not ids:
            break
        done, after = done.plus(_compare(database, side, kind, ids, questions)), ids[-1]
    return done


def _compare(
    database: Database, side: Side, kind: Kind, ids: Sequence[int], questions: Questions
) -> CaughtUp:
    answers = questions.ask(kind.object, [str(one) for one in ids])
    known = [one for one in ids if str(one) not in answers.troubles]
    troubles = tuple(dict.fromkeys(trouble.words for trouble in answers.troubles.values()))
    sighted = [_sighted(kind, one, answers, questions) for one in known]

    def write() -> CaughtUp:
        with database.transaction() as connection:
            taken = take_over(connection, side, sighted)
        return CaughtUp(len(known), taken.changed, taken.problems, troubles)

    return untangled(write)


def _sighted(kind: Kind, remote_id: int, answers: Answers, questions: Questions) -> Sighted:
    """No delivery told of it."""
    at, record = answers.asked_at, answers.records.get(str(remote_id))
    event = Event(0, kind.object, Action.CHANGE, str(remote_id), at)
    if record is None or (kind.deleted_field and record.get(kind.deleted_field)):
        return Sighted(event, kind.entity, remote_id, asked_at=at, gone=True)
    found = questions.found(kind.entity, record)
    return Sighted(event, kind.entity, remote_id, found=found, asked_at=at)
