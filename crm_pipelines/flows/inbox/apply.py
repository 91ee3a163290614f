"""Apply: what counts is written to the mirror and to the local side, and deliveries are settled."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from crm_pipelines.flows.inbox.batches import Applied, Checked, Trouble
from crm_pipelines.flows.inbox.decisions import Mirrors, Plan, decide
from crm_pipelines.flows.inbox.means import Means
from crm_pipelines.flows.inbox.mirroring import new_run, read_whole, write
from crm_pipelines.flows.inbox.questions import Questions
from crm_pipelines.flows.inbox.round import Round
from crm_pipelines.flows.inbox.settling import settle
from crm_pipelines.model.manifest import Outcome
from crm_pipelines.store import history


def apply(means: Means, checked: Checked, questions: Questions, run: str) -> Applied:
    """All of it, in an order that may break off anywhere: the next turn does it again.

    What the questions cost is left to the caller to add.
    """
    mirrors = Mirrors(means.account, means.database, means.events)
    round_ = Round(checked, decide(checked, mirrors))
    for object_, plan in round_.decisions.plans.items():
        if plan.whole:
            _read_whole(means, round_, object_)
        else:
            _bring(means, mirrors, round_, object_, plan, questions)
    settled = settle(means, round_, questions, run)
    whole = [round_.outcomes[name] for name in round_.whole]
    return settled.plus(
        Applied(
            streams=round_.outcomes,
            api_calls=sum(one.api_calls for one in whole),
            tokens=sum(one.tokens for one in whole),
        )
    )


def _read_whole(means: Means, round_: Round, object_: str) -> None:
    name = means.events.streams[object_].stream
    outcome, trouble = read_whole(means.mirror(name), _forgetting(means))
    round_.note(name, outcome)
    round_.whole.add(name)
    if trouble is not None:
        records = [record for record in round_.decisions.because if record[0] == object_]
        round_.troubles.update(dict.fromkeys(records, trouble))


def _forgetting(means: Means) -> Callable[[str], None]:
    def forget(key: str) -> None:
        means.database.run("pauses.forget", {"key": key})
        mirror = means.mirror(means.account.streams[0].name)
        mirror.checkpoints.forget(key)
        mirror.staging.drop(key)

    return forget


def _bring(
    means: Means,
    mirrors: Mirrors,
    round_: Round,
    object_: str,
    plan: Plan,
    questions: Questions,
) -> None:
    """Records of one object into the mirror: as told, as asked for, or as tombstones."""
    name = means.events.streams[object_].stream
    mirror, troubles = means.mirror(name), dict[str, Trouble]()
    started_at, cost = history.database_time(means.database), Outcome()
    gone: dict[str, datetime | None] = dict(plan.gone)
    told = {id_: event.record for id_, event in plan.told.items() if event.record is not None}
    if told:
        as_of = min(started_at, *(event.at for event in plan.told.values()))
        round_.wrote(name, *write(mirror, told, as_of, troubles))
    if plan.ask:
        answers = round_.answers[object_] = questions.ask(object_, plan.ask)
        troubles.update(answers.troubles)
        gone.update(dict.fromkeys(answers.gone))
        started_at = answers.asked_at
        cost = Outcome(api_calls=answers.api_calls, tokens=answers.tokens)
        round_.wrote(name, *write(mirror, answers.records, started_at, troubles, cost))
    table = mirrors.rows(object_)
    if gone and table is not None:
        unbooked = Outcome() if plan.ask and round_.answers[object_].records else cost
        buried = table.bury(gone, started_at, new_run(), unbooked)
        round_.note(name, Outcome(deleted=buried))
    round_.troubles.update({(object_, id_): one for id_, one in troubles.items()})
