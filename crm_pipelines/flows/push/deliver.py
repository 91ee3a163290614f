"""Commands delivered side by side; each ends delivered, waiting, failed or dead."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime

from crm_pipelines.flows.push.create import create
from crm_pipelines.flows.push.outcome import Outcome, Undecided
from crm_pipelines.flows.push.prepared import Prepared
from crm_pipelines.flows.push.round import Round
from crm_pipelines.flows.push.troubles import Verdict, judge
from crm_pipelines.flows.push.update import update
from crm_pipelines.flows.push.write_back import write_back
from crm_pipelines.model.command import Command, Delivery, Entity, Kind, Status
from crm_pipelines.model.errors import CrmError, SystemTrouble
from crm_pipelines.model.notice import Level, Notice, Notify
from crm_pipelines.store import conflicts, outbox
from crm_pipelines.store.database import untangled

LOG = logging.getLogger("crm_pipelines.push")


def deliver(round_: Round, prepared: Sequence[Prepared]) -> list[Delivery]:
    """Those that nobody else has taken, in the order given.

    Raises ``SystemTrouble``; what was under way is recovered later.
    """
    if len(prepared) <= 1:
        found = [_claim_and_deliver(round_, one) for one in prepared]
    else:
        size = min(round_.rules.side_by_side, len(prepared))
        with ThreadPoolExecutor(size, "deliver") as threads:
            found = list(threads.map(lambda one: _claim_and_deliver(round_, one), prepared))
    return [one for one in found if one is not None]


def _claim_and_deliver(round_: Round, one: Prepared) -> Delivery | None:
    """Taken only now, so that a worker that dies has no more in its hands than it works on."""
    if round_.stop.holds(round_.priority(one.command)):
        return None
    claimed = untangled(lambda: outbox.claim(round_.database, round_.worker, [one.command]))
    return _deliver(round_, replace(one, command=claimed[0])) if claimed else None


def _deliver(round_: Round, one: Prepared) -> Delivery:
    command = one.command
    try:
        with round_.sinks.borrow(round_.priority(command), command.who) as opened:
            send = create if command.kind is Kind.CREATE else update
            outcome = send(round_, opened, one)
        untangled(lambda: write_back(round_, one, outcome))
    except SystemTrouble:
        raise
    except outbox.ClaimLost as lost:
        return _delivery(command, Status.SENDING, error=str(lost))
    except Exception as error:  # one command's trouble is not that of the others
        if not isinstance(error, CrmError | Undecided):
            LOG.exception("command %d broke", command.id)
        trouble = error
        return untangled(lambda: refuse(round_, one, trouble))
    _tell_delivered(round_, one, outcome)
    return _delivery(
        command, Status.DELIVERED, remote_id=outcome.found.remote_id, linked=outcome.linked
    )


def refuse(round_: Round, one: Prepared, error: Exception) -> Delivery:
    """What follows from trouble is written down, and told where it is for people."""
    command, verdict = one.command, judge(error, one.command.attempts)
    words = str(error) or type(error).__name__
    if verdict.status is Status.PENDING:
        assert verdict.retry_at is not None
        if verdict.stops:
            round_.stop.tell(words, verdict.retry_at, round_.priority(command))
        outbox.release(
            round_.database, command, retry_at=verdict.retry_at, error=words, count=verdict.counts
        )
    elif verdict.status is Status.FAILED:
        assert verdict.retry_at is not None
        outbox.fail(round_.database, command, retry_at=verdict.retry_at, error=words)
    else:
        _bury(round_, one, error, words, verdict)
    _tell_trouble(round_, one, verdict, words)
    return _delivery(
        command,
        verdict.status,
        error=words,
        problems=_problems(verdict, words),
        retry_at=verdict.retry_at,
    )


def _bury(round_: Round, one: Prepared, error: Exception, words: str, verdict: Verdict) -> None:
    with round_.database.transaction() as connection:
        if isinstance(error, Undecided):
            conflicts.note(
                connection, one.command, one.remote_id, error.kind, error.ours, error.theirs
            )
        outbox.kill(connection, one.command, words, _problems(verdict, words))


def _problems(verdict: Verdict, words: str) -> dict[str, str]:
    return dict.fromkeys(verdict.problems, words)


def _delivery(
    command: Command,
    status: Status,
    *,
    remote_id: int | None = None,
    error: str = "",
    problems: dict[str, str] | None = None,
    retry_at: datetime | None = None,
    linked: bool = False,
) -> Delivery:
    return Delivery(
        command.id,
        status,
        command.entity,
        local_id=command.local_id,
        remote_id=remote_id or command.remote_id,
        error=error,
        problems=problems or {},
        attempts=command.attempts,
        retry_at=retry_at,
        linked=linked,
    )


def _tell_delivered(round_: Round, one: Prepared, outcome: Outcome) -> None:
    command = one.command
    done = {
        (Kind.CREATE, False): "created",
        (Kind.CREATE, True): "linked",
        (Kind.UPDATE, False): "updated",
    }[command.kind, outcome.linked]
    words = f"{command.entity.title()} {done} in {round_.crm.title()}"
    if command.entity is Entity.PERSON and command.kind is Kind.CREATE:
        words += f" as {round_.rules.warm_lead_label}" if command.local_id else ""
    remote_id = outcome.found.remote_id
    tell(round_.notify, one, Level.INFO, "command.delivered", words, remote_id)


def _tell_trouble(round_: Round, one: Prepared, verdict: Verdict, words: str) -> None:
    """Whoever waits for a retry is not troubled yet; it is on screens only."""
    level = {Status.PENDING: Level.INFO, Status.FAILED: Level.WARNING}.get(
        verdict.status, Level.ERROR
    )
    tell(round_.notify, one, level, f"command.{verdict.status}", words, one.remote_id)


def tell(
    notify: Notify, one: Prepared, level: Level, what: str, words: str, remote_id: int | None
) -> None:
    """News of a command."""
    command = one.command
    details = {
        "outbox": command.id,
        "entity": str(command.entity),
        "kind": str(command.kind),
        "local_id": command.local_id,
        "remote_id": remote_id,
        "trigger": str(command.trigger),
    }
    subject = f"{command.entity}/{command.local_id or f'#{remote_id}'}"
    notify(Notice(command.workspace, level, what, subject, words[:2_000], details=details))
