"""Bulk jobs as stored: their lives, their states, and their end after a week."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import msgspec

from crm_pipelines.sandbox.salesforce.answers import Problem, not_found
from crm_pipelines.sandbox.salesforce.company import Company
from crm_pipelines.sandbox.salesforce.identity import make_id
from crm_pipelines.sandbox.salesforce.job_files import DELIMITERS, LINE_ENDINGS
from crm_pipelines.sandbox.salesforce.soql.spans import read_moment, stamp

TERMINAL = frozenset({"JobComplete", "Failed", "Aborted"})


class Job(msgspec.Struct):
    """One job. ``shown`` is what the API shows of it besides state and counts."""

    id: str
    kind: str
    state: str
    made_at: str
    shown: dict[str, Any]
    polls: int = 0
    columns: int = 0
    rows: int = 0
    failed: int = 0
    error: str | None = None
    milliseconds: int = 0
    soql: str = ""
    done: bool = False

    @property
    def version(self) -> str:
        """The API version it was made with."""
        return f"{self.shown['apiVersion']:.1f}"


class Jobs:
    """Every job of every kind (``query`` or ``ingest``)."""

    def __init__(self, company: Company) -> None:
        self._company = company

    def make(self, kind: str, shown: dict[str, Any], *, state: str) -> Job:
        """A new job, stored."""
        number = self._company.next_number("jobs")
        job = Job(make_id("750", number), kind, state, self._company.stamp(), shown)
        self.save(job)
        return job

    def save(self, job: Job) -> None:
        """Store what changed."""
        with self._company.database.transaction() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO salesforce_job VALUES (?, ?, ?, ?, ?, ?)",
                (job.id, job.kind, job.state, job.made_at, job.polls, msgspec.json.encode(job)),
            )

    def find(self, kind: str, identity: str) -> Job:
        """A job that is not too old; raises ``NOT_FOUND``."""
        rows = self._company.database.rows(
            "SELECT body FROM salesforce_job"
            " WHERE kind = ? AND substr(id, 1, 15) = ? AND made_at >= ?",
            (kind, identity[:15], self._oldest()),
        )
        if not rows or len(identity) not in {15, 18}:
            raise not_found()
        return msgspec.json.decode(rows[0][0], type=Job)

    def all(self, kind: str) -> list[Job]:
        """Jobs that are not too old, oldest first."""
        rows = self._company.database.rows(
            "SELECT body FROM salesforce_job WHERE kind = ? AND made_at >= ? ORDER BY id",
            (kind, self._oldest()),
        )
        return [msgspec.json.decode(row[0], type=Job) for row in rows]

    def remove(self, job: Job) -> None:
        """Forget a job and its files."""
        with self._company.database.transaction() as connection:
            connection.execute("DELETE FROM salesforce_job WHERE id = ?", (job.id,))
        for path in self._company.files.glob(job.id + ".*"):
            path.unlink(missing_ok=True)

    def remove_old(self) -> None:
        """Forget jobs past their retention."""
        rows = self._company.database.rows(
            "SELECT body FROM salesforce_job WHERE made_at < ?", (self._oldest(),)
        )
        for row in rows:
            self.remove(msgspec.json.decode(row[0], type=Job))

    def made_today(self, kind: str) -> int:
        """Jobs made within the last 24 hours."""
        since = stamp(self._company.now() - timedelta(hours=24))
        rows = self._company.database.rows(
            "SELECT COUNT(*) FROM salesforce_job WHERE kind = ? AND made_at >= ?", (kind, since)
        )
        return int(rows[0][0])

    def ripe(self, job: Job) -> bool:
        """Whether enough polls and time have passed for a job to be shown as finished."""
        limits = self._company.limits
        age = self._company.now() - read_moment(job.made_at)
        return (
            job.polls >= limits["bulk_polls_until_complete"]
            and age.total_seconds() >= limits["bulk_seconds_until_complete"]
        )

    def _oldest(self) -> str:
        days = self._company.limits["bulk_retention_days"]
        return stamp(self._company.now() - timedelta(days=days))


def abort(job: Job) -> None:
    """End a job that has not ended yet."""
    if job.state in TERMINAL:
        raise Problem(400, "INVALIDJOBSTATE", f"Aborting already {job.state} Job not allowed")
    job.state = "Aborted"


def wanted_dialect(wish: Mapping[str, Any]) -> tuple[str, str]:
    """Line ending and delimiter by name, as a new job asks for them."""
    ending, delimiter = wish.get("lineEnding", "LF"), wish.get("columnDelimiter", "COMMA")
    if ending not in LINE_ENDINGS or delimiter not in DELIMITERS:
        message = f"Unknown lineEnding or columnDelimiter: {ending}, {delimiter}"
        raise Problem(400, "INVALIDJOB", message)
    if wish.get("contentType", "CSV") != "CSV":
        raise Problem(400, "INVALIDJOB", "The only contentType is CSV")
    return ending, delimiter


def dialect_of(job: Job) -> tuple[str, str]:
    """The delimiter and the line ending of a job's files."""
    return DELIMITERS[job.shown["columnDelimiter"]], LINE_ENDINGS[job.shown["lineEnding"]]
