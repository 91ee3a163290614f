"""The rows of an ingest job: read from its file, written to records, sorted into results."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import Any

from crm_pipelines.sandbox.salesforce.answers import Problem
from crm_pipelines.sandbox.salesforce.company import Company
from crm_pipelines.sandbox.salesforce.ingest_form import (
    BadFile,
    check_header,
    check_lines,
    read_rows,
)
from crm_pipelines.sandbox.salesforce.ingest_locks import ParentLocks
from crm_pipelines.sandbox.salesforce.job_runner import Outcome
from crm_pipelines.sandbox.salesforce.jobs import Job, Jobs, dialect_of
from crm_pipelines.sandbox.salesforce.schema.objects import SObject
from crm_pipelines.sandbox.salesforce.writes import Ambiguous, Writes

OPERATIONS = ("insert", "update", "upsert", "delete", "hardDelete")
RESULTS = ("successfulresults", "failedresults", "unprocessedrecords")
_CHUNK = 200
_NULL = "#N/A"
_LONGEST, _LONGEST_FIELD = 400_000, 32_000

UNSOUND = "Quotes must enclose a whole value, without blanks beside them"

Row = list[str]


class Ingestion:
    """One run over one job's file."""

    def __init__(self, company: Company, writes: Writes, jobs: Jobs, job: Job, stem: Path) -> None:
        self._company, self._writes, self._jobs, self._job = company, writes, jobs, job
        self._stem = stem
        self._sobject = company.catalog.get(job.shown["object"])
        self._author = str(job.shown["createdById"])
        self._header: Row = []
        self._locks = None
        if company.limits["ingest_parent_locks"]:
            self._locks = ParentLocks(self._sobject, company.limits["bulk_batch_rows"])
        self.done = self.failed = 0

    def run(self) -> Outcome:
        """All rows; what came of it."""
        error = None
        try:
            self._process()
        except BadFile as failure:
            error = str(failure)
        rows, failed = self.done, self.failed

        def outcome(fresh: Job) -> None:
            fresh.rows, fresh.failed, fresh.error = rows, failed, error

        return outcome

    def _path(self, ending: str) -> Path:
        return self._stem.with_name(f"{self._stem.name}.{ending}.csv")

    def _process(self) -> None:
        with ExitStack() as stack:
            source = self._path("input")
            source.touch()
            sinks = [
                stack.enter_context(self._path(name).open("w", encoding="utf-8", newline=""))
                for name in RESULTS
            ]
            delimiter, ending = dialect_of(self._job)
            rows = read_rows(source, delimiter)
            self._header, _ = next(rows, ([], True))
            good, bad, rest = (
                csv.writer(sink, delimiter=delimiter, lineterminator=ending, quoting=csv.QUOTE_ALL)
                for sink in sinks
            )
            good.writerow(["sf__Id", "sf__Created", *self._header])
            bad.writerow(["sf__Id", "sf__Error", *self._header])
            rest.writerow(self._header)
            try:
                check_lines(source, ending)
                operation, shown = self._job.shown["operation"], self._job.shown
                key = None if operation == "insert" else shown.get("externalIdFieldName", "Id")
                check_header(self._header, self._sobject, key)
                self._chunks(rows, good.writerow, bad.writerow)
            finally:
                rest.writerows(row for row, _ in rows)

    def _chunks(
        self,
        rows: Iterator[tuple[Row, bool]],
        good: Callable[[Sequence[str]], Any],
        bad: Callable[[Sequence[str]], Any],
    ) -> None:
        while chunk := list(islice(rows, _CHUNK)):
            seen: set[str] = set()
            with self._company.database.transaction():
                for row, sound in chunk:
                    self.done += 1
                    try:
                        if not sound:
                            raise Problem(400, "INVALID_CSV_ROW", UNSOUND)
                        identity, made = self._one(row, seen)
                    except (Problem, Ambiguous) as failure:
                        self.failed += 1
                        bad(["", self._worded(failure), *row])
                    else:
                        good([identity, str(made).lower(), *row])
            if self._is_over():
                return

    def _is_over(self) -> bool:
        """Whether the job was aborted meanwhile. Raises ``BadFile`` where it is to fail."""
        limits = self._company.limits
        if limits["ingest_jobs_to_fail"] > 0:
            limits["ingest_jobs_to_fail"] -= 1
            raise BadFile("TooManyLockFailure : Too many lock failure (200). Trying again later.")
        return self._jobs.find("ingest", self._job.id).state == "Aborted"

    def _one(self, row: Row, seen: set[str]) -> tuple[str, bool]:
        if len(row) != len(self._header):
            message = f"Row has {len(row)} values, the header {len(self._header)}"
            raise Problem(400, "INVALID_CSV_ROW", message)
        if sum(map(len, row)) > _LONGEST:
            raise Problem(400, "STRING_TOO_LONG", f"Record is longer than {_LONGEST} characters")
        if max(map(len, row)) > _LONGEST_FIELD:
            message = f"Field is longer than {_LONGEST_FIELD} characters"
            raise Problem(400, "STRING_TOO_LONG", message)
        wish = wished(self._header, row)
        if self._locks:
            self._locks.take(self.done - 1, wish)
        identity = str(wish.pop("Id", None) or "")
        sobject, writes, author = self._sobject, self._writes, self._author
        match self._job.shown["operation"]:
            case "insert":
                return writes.create(sobject, wish, author), True
            case "upsert":
                return self._upsert(sobject, wish, identity, seen)
            case "update":
                return writes.update(sobject, _given(identity), wish, author), False
            case "delete":
                return writes.delete(sobject, _given(identity)), False
        return writes.destroy(sobject, _given(identity)), False

    def _upsert(
        self, sobject: SObject, wish: dict[str, Any], identity: str, seen: set[str]
    ) -> tuple[str, bool]:
        key = str(self._job.shown["externalIdFieldName"])
        value = identity if key == "Id" else wish.get(key)
        if key == "Id" and not identity:
            return self._writes.create(sobject, wish, self._author), True
        if value and str(value).lower() in seen:
            message = f"Duplicate external id specified: {value}"
            raise Problem(400, "DUPLICATE_VALUE", message, [key])
        seen.add(str(value).lower())
        return self._writes.upsert(sobject, key, value, wish, self._author)

    def _worded(self, failure: Problem | Ambiguous) -> str:
        problem = failure.problem() if isinstance(failure, Ambiguous) else failure
        code, message = problem.code, problem.message
        if code == "JSON_PARSER_ERROR":
            code, message = "INVALID_TYPE_ON_FIELD_IN_RECORD", "value not of required type"
        return f"{code}:{message}:{','.join(problem.fields or ())} --"


def wished(header: Row, row: Row) -> dict[str, Any]:
    """The fields a row sets: empty values set nothing, ``#N/A`` sets null."""
    wish: dict[str, Any] = {}
    for name, text in zip(header, row, strict=True):
        if text == "":
            continue
        value = None if text == _NULL else text
        head, dot, key = name.partition(".")
        if dot:
            wish[head] = {key: value}
        else:
            wish["Id" if name.lower() == "id" else name] = value
    return wish


def _given(identity: str) -> str:
    if not identity:
        raise Problem(400, "MISSING_ARGUMENT", "Id not specified in an update call")
    return identity
