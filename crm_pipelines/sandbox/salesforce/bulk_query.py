"""Bulk API 2.0 query jobs: made, polled, listed, aborted, deleted."""

from __future__ import annotations

import sqlite3
import threading
import time
from pathlib import Path
from typing import Any

from starlette.responses import Response

from crm_pipelines.sandbox.salesforce.answers import Problem, empty, json_answer
from crm_pipelines.sandbox.salesforce.company import Company
from crm_pipelines.sandbox.salesforce.door import Call
from crm_pipelines.sandbox.salesforce.job_files import (
    DELIMITERS,
    LINE_ENDINGS,
    fetch_rows,
    write_rows,
)
from crm_pipelines.sandbox.salesforce.jobs import TERMINAL, Job, Jobs
from crm_pipelines.sandbox.salesforce.soql.bulk_rules import refuse_fields, refuse_syntax
from crm_pipelines.sandbox.salesforce.soql.parser import parse
from crm_pipelines.sandbox.salesforce.soql.plan import Plan, compile_query
from crm_pipelines.sandbox.salesforce.tables import open_snapshot

_PATIENCE = 1.0
"""Seconds a poll waits for a job that is nearly done, so that small jobs need one poll."""


class BulkQuery:
    """``/jobs/query``."""

    def __init__(self, company: Company, jobs: Jobs) -> None:
        self._company, self._jobs = company, jobs
        self._lock = threading.Lock()
        self._work: dict[str, threading.Thread] = {}

    def make(self, call: Call) -> Response:
        """A new job on the data of this moment."""
        wish = call.fields()
        operation, soql = wish.get("operation"), wish.get("query")
        if operation not in {"query", "queryAll"} or not isinstance(soql, str):
            raise Problem(400, "INVALIDJOB", "operation must be query or queryAll, with a query")
        ending, delimiter = _dialect(wish)
        self._jobs.remove_old()
        most = self._company.limits["bulk_query_jobs_daily"]
        if self._jobs.made_today("query") >= most:
            message = f"Max bulk v2 query jobs ({most}) per 24 hrs has been reached ({most + 21})"
            raise Problem(400, "EXCEEDEDQUOTA", message)
        plan = self._plan(soql, operation)
        now = self._company.stamp().replace("Z", "+0000")
        shown = {
            "operation": operation,
            "object": plan.sobject.name,
            "createdById": call.user_id,
            "createdDate": now,
            "systemModstamp": now,
            "concurrencyMode": "Parallel",
            "contentType": "CSV",
            "apiVersion": float(call.version),
            "lineEnding": ending,
            "columnDelimiter": delimiter,
        }
        job = self._jobs.make("query", shown, state="UploadComplete")
        job.soql = soql
        self._jobs.save(job)
        self._start(job, plan)
        return json_answer(_first_view(job))

    def poll(self, call: Call) -> Response:
        """How far a job is."""
        job = self._jobs.find("query", call.part("job"))
        return json_answer(view(self._advance(job)))

    def list(self, call: Call) -> Response:
        """Every job, a thousand a page."""
        jobs = [view(job) for job in self._jobs.all("query")]
        start = call.option("queryLocator")
        first = int(start) if start and start.isdigit() else 0
        after = first + 1000
        done = after >= len(jobs)
        more = None if done else f"{call.base}/jobs/query?queryLocator={after}"
        return json_answer({"done": done, "records": jobs[first:after], "nextRecordsUrl": more})

    def abort(self, call: Call) -> Response:
        """``{"state": "Aborted"}``."""
        job = self._jobs.find("query", call.part("job"))
        if call.fields().get("state") != "Aborted":
            raise Problem(400, "INVALIDJOBSTATE", "The only state a query job can take is Aborted")
        if job.state in TERMINAL:
            raise Problem(400, "INVALIDJOBSTATE", f"Aborting already {job.state} Job not allowed")
        job.state = "Aborted"
        self._jobs.save(job)
        return json_answer(view(job))

    def delete(self, call: Call) -> Response:
        """Forget a finished job."""
        job = self._jobs.find("query", call.part("job"))
        if job.state not in TERMINAL:
            message = "Error encountered when deleting the job because the job is not terminated"
            raise Problem(400, "API_ERROR", message)
        self._jobs.remove(job)
        return empty()

    def path(self, job: Job) -> Path:
        """Where a job's results lie."""
        return self._company.files / f"{job.id}.csv"

    def _plan(self, soql: str, operation: str) -> Plan:
        query = parse(soql)
        refuse_syntax(query)
        plan = compile_query(
            query,
            self._company.catalog,
            self._company.now(),
            deleted=operation == "queryAll",
        )
        refuse_fields(plan)
        return plan

    def _start(self, job: Job, plan: Plan) -> None:
        reader = open_snapshot(self._company.database)
        thread = threading.Thread(target=self._run, args=(job.id, plan, reader), daemon=True)
        with self._lock:
            self._work[job.id] = thread
        thread.start()

    def _run(self, identity: str, plan: Plan, reader: sqlite3.Connection) -> None:
        started, error, rows = time.monotonic(), None, 0
        job = self._jobs.find("query", identity)
        try:
            if self._to_fail():
                raise TimeoutError("Retried more than 15 times. QUERY_TIMEOUT")
            rows = self._write(job, plan, reader)
        except (sqlite3.Error, OSError, TimeoutError) as failure:
            error = f"InternalServerError : {failure}"
        finally:
            reader.close()
        with self._lock:
            job = self._jobs.find("query", identity)
            job.rows, job.error, job.done = rows, error, True
            job.milliseconds = int((time.monotonic() - started) * 1000)
            self._jobs.save(job)
            self._work.pop(identity, None)

    def _write(self, job: Job, plan: Plan, reader: sqlite3.Connection) -> int:
        dialect = DELIMITERS[job.shown["columnDelimiter"]], LINE_ENDINGS[job.shown["lineEnding"]]
        header = [".".join(output.path) for output in plan.outputs]
        columns = plan.columns
        if not self._company.limits["z_datetimes"]:
            columns = ", ".join(
                f"substr({sql}, 1, 23) || '+0000'" if kind == "datetime" else sql
                for output in plan.outputs
                for sql, kind in zip(output.columns, output.types, strict=True)
            )
        rows = fetch_rows(reader, plan.select(columns), plan.parameters)
        return write_rows(self.path(job), header, rows, dialect)

    def _to_fail(self) -> bool:
        if self._company.limits["bulk_jobs_to_fail"] > 0:
            self._company.limits["bulk_jobs_to_fail"] -= 1
            return True
        return False

    def _advance(self, job: Job) -> Job:
        """Count a poll, and show the next state once polls, clock and work are far enough."""
        if job.state in TERMINAL:
            return job
        with self._lock:
            thread = self._work.get(job.id)
        if thread is None and not job.done:
            plan = self._plan(job.soql, job.shown["operation"])
            self._start(job, plan)
            thread = self._work.get(job.id)
        if thread is not None:
            thread.join(_PATIENCE)
        with self._lock:
            job = self._jobs.find("query", job.id)
            if job.state not in TERMINAL:
                job.polls += 1
                job.state = "InProgress"
                if job.done and self._jobs.ripe(job):
                    job.state = "Failed" if job.error else "JobComplete"
                self._jobs.save(job)
        return job


def _dialect(wish: dict[str, Any]) -> tuple[str, str]:
    ending, delimiter = wish.get("lineEnding", "LF"), wish.get("columnDelimiter", "COMMA")
    if ending not in LINE_ENDINGS or delimiter not in DELIMITERS:
        raise Problem(400, "INVALIDJOB", f"Unknown lineEnding or columnDelimiter: "
                      f"{ending}, {delimiter}")  # fmt: skip
    if wish.get("contentType", "CSV") != "CSV":
        raise Problem(400, "INVALIDJOB", "The only contentType is CSV")
    return ending, delimiter


def _first_view(job: Job) -> dict[str, Any]:
    return {"id": job.id, **job.shown, "state": job.state}


def view(job: Job) -> dict[str, Any]:
    """A query job as a poll shows it."""
    shown = {
        **_first_view(job),
        "jobType": "V2Query",
        "numberRecordsProcessed": job.rows if job.state in TERMINAL else 0,
        "retries": 15 if job.state == "Failed" else 0,
        "totalProcessingTime": job.milliseconds,
        "isPkChunkingSupported": True,
    }
    if job.state == "Failed":
        shown["errorMessage"] = job.error
    return shown
