"""Bulk API 2.0 query jobs: made, polled, listed, aborted, deleted."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path
from typing import Any

from starlette.responses import Response

from crm_pipelines.sandbox.salesforce.answers import Problem, empty, json_answer, not_found
from crm_pipelines.sandbox.salesforce.company import Company
from crm_pipelines.sandbox.salesforce.csv_rows import fetch_lines, spelled
from crm_pipelines.sandbox.salesforce.door import Call
from crm_pipelines.sandbox.salesforce.job_runner import JobRunner, Outcome
from crm_pipelines.sandbox.salesforce.jobs import (
    TERMINAL,
    Job,
    Jobs,
    abort,
    dialect_of,
    wanted_dialect,
)
from crm_pipelines.sandbox.salesforce.prepared_results import PreparedResults, state_of
from crm_pipelines.sandbox.salesforce.result_file import ResultFile, write_rows
from crm_pipelines.sandbox.salesforce.soql.bulk_rules import refuse_fields, refuse_syntax
from crm_pipelines.sandbox.salesforce.soql.parser import parse
from crm_pipelines.sandbox.salesforce.soql.plan import Plan, compile_query
from crm_pipelines.sandbox.salesforce.tables import open_snapshot

_SINCE = 47.0
"""The API version in which query jobs begin."""

_BIN_EDGE = re.compile(r"_deleted_at > '([^']*)'")
"""The only thing in a statement that moves with the clock."""


class BulkQuery:
    """``/jobs/query``."""

    def __init__(self, company: Company, jobs: Jobs, runner: JobRunner) -> None:
        self._company, self._jobs, self._runner = company, jobs, runner
        self._prepared = PreparedResults(company.files / "prepared")

    def make(self, call: Call) -> Response:
        """A new job on the data of this moment."""
        if float(call.version) < _SINCE:
            raise not_found()
        wish = call.fields()
        operation, soql = wish.get("operation"), wish.get("query")
        if operation not in {"query", "queryAll"} or not isinstance(soql, str):
            raise Problem(400, "INVALIDJOB", "operation must be query or queryAll, with a query")
        ending, delimiter = wanted_dialect(wish)
        self._jobs.remove_old()
        most = self._company.limits["bulk_query_jobs_daily"]
        if self._jobs.made_today("query") >= most:
            message = f"Max bulk v2 query jobs ({most}) per 24 hrs has been reached ({most + 21})"
            raise Problem(400, "LIMIT_EXCEEDED", message)
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
        return json_answer(view(self._runner.advance(job, self._resume)))

    def list(self, call: Call) -> Response:
        """Every job of the kind that is asked for, a thousand a page."""
        jobs = [view(job) for job in self._jobs.all("query")]
        for name in ("jobType", "concurrencyMode"):
            wanted = call.option(name)
            jobs = [job for job in jobs if wanted is None or job[name] == wanted]
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
        return json_answer(view(self._runner.change(job, abort)))

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
        return self._company.files / f"{job.id}.results"

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
        self._runner.start(job, lambda: self._work(job, plan, reader))

    def _resume(self, job: Job) -> None:
        self._start(job, self._plan(job.soql, job.shown["operation"]))

    def _work(self, job: Job, plan: Plan, reader: sqlite3.Connection) -> Outcome:
        error, rows = None, 0
        try:
            if self._to_fail():
                error = "InternalServerError : Retried more than 15 times. QUERY_TIMEOUT"
            else:
                rows = self._write(job, plan, reader)
        except (sqlite3.OperationalError, OSError) as failure:
            error = f"InternalServerError : {failure}"
        finally:
            reader.close()

        def outcome(fresh: Job) -> None:
            fresh.rows, fresh.error = rows, error

        return outcome

    def _write(self, job: Job, plan: Plan, reader: sqlite3.Connection) -> int:
        zoned = self._company.limits["z_datetimes"]
        columns = [
            sql if zoned or kind != "datetime" else f"substr({sql}, 1, 23) || '+0000'"
            for output in plan.outputs
            for sql, kind in zip(output.columns, output.types, strict=True)
        ]
        delimiter, ending = dialect_of(job)
        names = (".".join(output.path) for output in plan.outputs)
        header = (delimiter.join(f'"{name}"' for name in names) + ending).encode()
        select = plan.select(spelled(columns, delimiter, ending))
        lines = fetch_lines(reader, select, plan.parameters)
        origin = (header, plan.parameters, *_origin(reader, select))
        path = self.path(job)
        self._prepared.give(path, origin, lambda part: write_rows(part, header, lines))
        with ResultFile(path) as file:
            return file.rows

    def _to_fail(self) -> bool:
        if self._company.limits["bulk_jobs_to_fail"] > 0:
            self._company.limits["bulk_jobs_to_fail"] -= 1
            return True
        return False


def _origin(reader: sqlite3.Connection, select: str) -> tuple[object, ...]:
    """What decides a statement's result: its text, the data, and how much the bin has lost."""
    edges = _BIN_EDGE.findall(select)
    lost = "SELECT COUNT(*) FROM salesforce_deletion WHERE deleted_at <= ?"
    counts = [reader.execute(lost, (edge,)).fetchone()[0] for edge in edges]
    return _BIN_EDGE.sub("", select), counts, state_of(reader, select)


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
