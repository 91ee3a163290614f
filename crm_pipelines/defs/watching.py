"""Sensors that the database wakes. Belongs here: how they wait, and when one run is enough."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import dagster as dg

LOOK_SECONDS = 0.5
REPEAT_SECONDS = 30.0
"""The same work starts a run again only after so long: a run may have died before it began."""
UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
]


class Hearing(Protocol):
    """Whoever hears of commits."""

    def wait(self, seconds: float) -> bool:
        """Until something was written, so long at most; whether it was."""


@dataclass(frozen=True)
class Work:
    """What waits; ``mark`` changes whenever it does, ``tags`` are for the run."""

    pieces: int
    mark: str
    tags: dict[str, str]


def watch_for(
    context: dg.SensorEvaluationContext,
    job: str,
    news: Hearing,
    look: Callable[[], Work],
    seconds: float,
) -> Iterator[dg.RunRequest | dg.SkipReason]:
    """One turn of a sensor: a run for whatever waits, unless one is at it already.

    It waits for so many seconds. The daemon begins turns every 5 s only, and a turn that is not
    quite over by then misses one: few long turns are deaf for less of the time than many short.

    ``news`` listens before anything is looked at: nothing falls between looking and listening.
    """
    until = time.monotonic() + seconds
    while True:
        work = look()
        if work.pieces and _is_new(context, work.mark) and not _busy(context, job):
            context.update_cursor(json.dumps([work.mark, time.time()]))
            yield dg.RunRequest(tags=work.tags)
            return
        left = until - time.monotonic()
        if left <= 0:
            yield dg.SkipReason("nothing waits, or a run is at it")
            return
        news.wait(min(left, LOOK_SECONDS))


def _is_new(context: dg.SensorEvaluationContext, mark: str) -> bool:
    if not context.cursor:
        return True
    known, at = json.loads(context.cursor)
    return bool(mark != known or time.time() - at > REPEAT_SECONDS)


def _busy(context: dg.SensorEvaluationContext, job: str) -> bool:
    """A run that is under way takes what has come in since, before it ends."""
    wanted = dg.RunsFilter(job_name=job, statuses=UNFINISHED)
    return context.instance.get_runs_count(wanted) > 0
