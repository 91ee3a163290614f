"""When a call is sent again, and how long is waited before."""

from __future__ import annotations

import random

from tenacity import RetryCallState

from crm_pipelines.model.call import Call
from crm_pipelines.model.errors import (
    LoginExpired,
    NotApplied,
    RetriableError,
    Unreachable,
)

ATTEMPTS = 5
CONNECTS = 3
"""Attempts where nothing answers: the next call finds out soon enough when that is over."""

LOGINS = 1
"""How often a call may log in anew: a fresh session that is refused was not the trouble."""

LONGEST_WAIT = 60.0
"""Seconds; what a CRM asks for beyond this is capped: such headers are not always right."""

FIRST_PAUSE = 0.5
"""Seconds at most before the second attempt; doubled each time, and half of it is chance."""


class Retries:
    """The patience with one call; counts what went wrong so far."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._connects = 0
        self._logins = 0

    def again(self, state: RetryCallState) -> bool:
        """Whether it is worth another attempt: a read always, a write if it was not applied."""
        error = failure(state)
        if isinstance(error, LoginExpired):
            self._logins += 1
            return self._logins <= LOGINS
        if state.attempt_number >= ATTEMPTS:
            return False
        if isinstance(error, Unreachable):
            self._connects += 1
            return self._connects < CONNECTS
        if isinstance(error, RetriableError):
            return self._call.safe or isinstance(error, NotApplied)
        return False


def pause(state: RetryCallState) -> float:
    """Seconds: what the CRM asks for, up to a cap, else exponential backoff with jitter."""
    error = failure(state)
    if isinstance(error, LoginExpired):
        return 0.0
    asked = error.wait if isinstance(error, RetriableError) else None
    if asked is not None:
        return min(asked, LONGEST_WAIT) + random.uniform(0, 0.25)
    return random.uniform(0.5, 1.0) * FIRST_PAUSE * float(2 ** (state.attempt_number - 1))


def failure(state: RetryCallState) -> BaseException | None:
    """What the last attempt ended with."""
    return state.outcome.exception() if state.outcome else None
