"""Work that goes on after a job's request has been answered, and what polls see of it."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable

from crm_pipelines.sandbox.salesforce.answers import Problem
from crm_pipelines.sandbox.salesforce.jobs import TERMINAL, Job, Jobs

_PATIENCE = 1.0
"""Seconds a poll waits for work that is nearly done, so that small jobs need one poll."""

Outcome = Callable[[Job], None]
"""Writes what came of the work into the job."""


class JobRunner:
    """One thread a job; jobs survive restarts, so work cut off by one is begun again."""

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs
        self._lock = threading.Lock()
        self._threads: dict[str, threading.Thread] = {}

    def start(self, job: Job, work: Callable[[], Outcome]) -> None:
        """Do the work now."""
        thread = threading.Thread(target=self._run, args=(job, work), daemon=True)
        with self._lock:
            self._threads[job.id] = thread
        thread.start()

    def change(self, job: Job, outcome: Outcome) -> Job:
        """Change the stored job, whatever another request did to it meanwhile."""
        with self._lock:
            fresh = self._jobs.find(job.kind, job.id)
            outcome(fresh)
            self._jobs.save(fresh)
            return fresh

    def advance(self, job: Job, resume: Callable[[Job], None]) -> Job:
        """Count a poll; the job ends once work, polls and clock are far enough."""
        if job.state in TERMINAL or job.state == "Open":
            return job
        if job.id not in self._threads and not job.done:
            resume(job)
        thread = self._threads.get(job.id)
        if thread is not None:
            thread.join(_PATIENCE)

        def count(fresh: Job) -> None:
            if fresh.state in TERMINAL:
                return
            fresh.polls += 1
            fresh.state = "InProgress"
            if fresh.done and self._jobs.ripe(fresh):
                fresh.state = "Failed" if fresh.error else "JobComplete"

        return self.change(job, count)

    def _run(self, job: Job, work: Callable[[], Outcome]) -> None:
        started = time.monotonic()
        try:
            outcome = work()

            def finish(fresh: Job) -> None:
                outcome(fresh)
                fresh.done = True
                fresh.milliseconds = int((time.monotonic() - started) * 1000)

            self.change(job, finish)
        except (sqlite3.ProgrammingError, Problem):
            # the sandbox was stopped under us (the next start begins the work again), or the job
            # was deleted
            return
        except FileNotFoundError:
            if not self._is_gone(job):
                raise
        finally:
            with self._lock:
                self._threads.pop(job.id, None)

    def _is_gone(self, job: Job) -> bool:
        """Whether the job was deleted, with its files."""
        try:
            self._jobs.find(job.kind, job.id)
        except Problem:
            return True
        return False
