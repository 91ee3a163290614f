"""What becomes of a command whose delivery did not succeed: by the kind of trouble."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from crm_pipelines.flows.push.outcome import TooEarly, Undecided
from crm_pipelines.model.command import Status
from crm_pipelines.model.errors import (
    BadCredentials,
    Blocked,
    BudgetSpent,
    CircuitOpen,
    ConfigurationError,
    FatalError,
    InvalidData,
    Unreachable,
)

FIRST_PAUSE, PAUSE_FACTOR = 2.0, 4
"""Seconds before the first retry, and by what it grows: 2, 8, 32."""

RETRIES = 3
ROUNDS = 5
"""How often the batch job takes a failed command up before it is dead."""

FIRST_ROUND, ROUND_FACTOR = 300.0, 4
"""Seconds before the batch job takes it up: 5 minutes, 20, 80, and so on."""

LOGIN_SECONDS = 600.0
"""Until somebody has mended a login."""

SHORT_SECONDS = 10.0


@dataclass(frozen=True)
class Verdict:
    """``counts`` says whether an attempt is used up, ``stops`` that nothing else needs trying."""

    status: Status
    retry_at: datetime | None = None
    counts: bool = True
    stops: bool = False
    problems: tuple[str, ...] = ()


Judge = Callable[[Exception, int], Verdict]


def judge(error: Exception, attempts: int) -> Verdict:
    """What follows, after so many attempts, this one included."""
    for kind, verdict in JUDGES:
        if isinstance(error, kind):
            return verdict(error, attempts)
    return _again(error, attempts)


def _in(seconds: float) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)


def _wait(until: datetime) -> Verdict:
    return Verdict(Status.PENDING, until, counts=False, stops=True)


def _again(_: Exception, attempts: int) -> Verdict:
    if attempts <= RETRIES:
        pause = FIRST_PAUSE * PAUSE_FACTOR ** max(0, attempts - 1)
        return Verdict(Status.PENDING, _in(pause * random.uniform(0.75, 1.25)))
    rounds = attempts - RETRIES - 1
    if rounds >= ROUNDS:
        return Verdict(Status.DEAD)
    pause = FIRST_ROUND * ROUND_FACTOR**rounds
    return Verdict(Status.FAILED, _in(pause * random.uniform(0.9, 1.1)))


def _spent(error: Exception, _: int) -> Verdict:
    assert isinstance(error, BudgetSpent)
    return _wait(error.resumes_at)


def _open(error: Exception, _: int) -> Verdict:
    assert isinstance(error, CircuitOpen)
    return _wait(error.until)


def _early(error: Exception, _: int) -> Verdict:
    assert isinstance(error, TooEarly)
    return Verdict(Status.PENDING, error.retry_at, counts=False)


def _refused(error: Exception, _: int) -> Verdict:
    assert isinstance(error, InvalidData)
    return Verdict(Status.DEAD, problems=error.fields)


JUDGES: tuple[tuple[type[Exception] | tuple[type[Exception], ...], Judge], ...] = (
    (BudgetSpent, _spent),
    (CircuitOpen, _open),
    (Unreachable, lambda *_: Verdict(Status.PENDING, _in(SHORT_SECONDS), counts=False)),
    ((BadCredentials, Blocked, ConfigurationError), lambda *_: _wait(_in(LOGIN_SECONDS))),
    (TooEarly, _early),
    (InvalidData, _refused),
    ((FatalError, Undecided), lambda *_: Verdict(Status.DEAD)),
)
"""The first row that fits counts; whatever is not here is tried again."""
