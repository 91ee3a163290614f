"""Bulk API 2.0 ingest jobs: opened, filled with CSV, closed, polled, their results fetched."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from crm_pipelines.sandbox.salesforce.answers import Problem, empty, json_answer
from crm_pipelines.sandbox.salesforce.company import Company
from crm_pipelines.sandbox.salesforce.door import Call, accepts_gzip
from crm_pipelines.sandbox.salesforce.ingest_form import raw_rows
from crm_pipelines.sandbox.salesforce.ingest_rows import OPERATIONS, Ingestion
from crm_pipelines.sandbox.salesforce.job_files import gzipped
from crm_pipelines.sandbox.salesforce.job_runner import JobRunner
from crm_pipelines.sandbox.salesforce.jobs import TERMINAL, Job, Jobs, abort, wanted_dialect
from crm_pipelines.sandbox.salesforce.record_resources import find_sobject
from crm_pipelines.sandbox.salesforce.writes import Writes, key_field

_REMOVABLE = TERMINAL | {"UploadComplete"}


class Ingest:
    """``/jobs/ingest``."""

    def __init__(self, company: Company, jobs: Jobs, runner: JobRunner, writes: Writes) -> None:
        self._company, self._jobs, self._runner, self._writes = company, jobs, runner, writes

    def make(self, call: Call) -> Response:
        """A new job, open for its file."""
        wish = call.fields()
        if wish.get("operation") not in OPERATIONS:
            message = f"operation must be one of {', '.join(OPERATIONS)}"
            raise Problem(400, "INVALIDJOB", message)
        sobject = find_sobject(self._company, str(wish.get("object")))
        ending, delimiter = wanted_dialect(wish)
        now = self._company.stamp().replace("Z", "+0000")
        shown = {
            "operation": wish["operation"],
            "object": sobject.name,
            "createdById": call.user_id,
            "createdDate": now,
            "systemModstamp": now,
            "concurrencyMode": "Parallel",
            "contentType": "CSV",
            "apiVersion": float(call.version),
            "lineEnding": ending,
            "columnDelimiter": delimiter,
        }
        if wish["operation"] == "upsert":
            name = wish.get("externalIdFieldName")
            if not isinstance(name, str):
                raise Problem(400, "INVALIDJOB", "externalIdFieldName is required for upsert")
            shown["externalIdFieldName"] = key_field(sobject, name).name
        self._jobs.remove_old()
        return json_answer(view(self._jobs.make("ingest", shown, state="Open")))

    async def receive(self, request: Request) -> bytes:
        """Put an upload on disk as it comes in; the name of its file stands for the body."""
        path = self._company.files / f"incoming-{secrets.token_hex(8)}.part"
        try:
            with path.open("wb") as file:
                async for piece in request.stream():
                    file.write(piece)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        return str(path).encode()

    def upload(self, call: Call) -> Response:
        """The job's one file."""
        received = Path(call.body.decode())
        try:
            job = self._jobs.find("ingest", call.part("job"))
            if job.state != "Open":
                message = f"Cannot upload to a job that is {job.state}"
                raise Problem(400, "INVALIDJOBSTATE", message)
            if self._input(job).exists():
                raise Problem(
                    400,
                    "CLIENTINPUTERROR",
                    f"Found multiple contents for job: <{job.id}>, please 'Close' / 'Abort' / "
                    "'Delete' the current Job then create a new Job and make sure you only do "
                    "'PUT' once on a given Job.",
                )
            most = self._company.limits["bulk_upload_bytes"]
            if received.stat().st_size * 4 // 3 > most:
                message = f"The file is larger than {most} bytes once it is encoded in base64"
                raise Problem(400, "CLIENTINPUTERROR", message)
            received.replace(self._input(job))
        finally:
            received.unlink(missing_ok=True)
        return Response(status_code=201)

    def change(self, call: Call) -> Response:
        """``{"state": "UploadComplete" | "Aborted"}``."""
        job = self._jobs.find("ingest", call.part("job"))
        state = call.fields().get("state")
        if state == "Aborted":
            return json_answer(view(self._runner.change(job, abort)))
        if state != "UploadComplete" or job.state != "Open":
            message = f"A job that is {job.state} cannot become {state}"
            raise Problem(400, "INVALIDJOBSTATE", message)

        def close(fresh: Job) -> None:
            fresh.state = "UploadComplete"

        job = self._runner.change(job, close)
        self._start(job)
        return json_answer(view(job))

    def poll(self, call: Call) -> Response:
        """How far a job is."""
        job = self._jobs.find("ingest", call.part("job"))
        return json_answer(view(self._runner.advance(job, self._start)))

    def list(self, call: Call) -> Response:
        """Every job."""
        jobs = [view(job) for job in self._jobs.all("ingest")]
        return json_answer({"done": True, "records": jobs, "nextRecordsUrl": None})

    def delete(self, call: Call) -> Response:
        """Forget a job and its data."""
        job = self._jobs.find("ingest", call.part("job"))
        if job.state not in _REMOVABLE:
            message = "Error encountered when deleting the job because the job is not terminated"
            raise Problem(400, "API_ERROR", message)
        self._jobs.remove(job)
        return empty()

    def results(self, call: Call) -> Response:
        """``successfulResults``, ``failedResults`` or ``unprocessedrecords``, in any case."""
        job = self._jobs.find("ingest", call.part("job"))
        which = call.request.url.path.rstrip("/").rpartition("/")[2].lower()
        if job.state not in TERMINAL:
            raise Problem(400, "INVALIDJOBSTATE", f"Job is {job.state}, it has no results yet")
        found = self._company.files / f"{job.id}.{which}.csv"
        if which == "unprocessedrecords" and not found.exists():
            found = self._input(job)  # aborted before it began
        short = call.fault is not None and call.fault.kind == "short_page"
        pieces = _all_but_last(found) if short else _pieces(found)
        headers = {}
        if accepts_gzip(call.request):
            pieces, headers["Content-Encoding"] = gzipped(pieces), "gzip"
        return StreamingResponse(pieces, headers=headers, media_type="text/csv")

    def _start(self, job: Job) -> None:
        stem = self._company.files / job.id
        work = Ingestion(self._company, self._writes, self._jobs, job, stem)
        self._runner.start(job, work.run)

    def _input(self, job: Job) -> Path:
        return self._company.files / f"{job.id}.input.csv"


def _all_but_last(path: Path) -> Iterator[bytes]:
    held = ""
    for row in raw_rows(path):
        yield held.encode()
        held = row


def _pieces(path: Path) -> Iterator[bytes]:
    if path.exists():
        with path.open("rb") as file:
            while piece := file.read(256 * 1024):
                yield piece


def view(job: Job) -> dict[str, Any]:
    """An ingest job as the API shows it."""
    shown = {
        "id": job.id,
        **job.shown,
        "state": job.state,
        "contentUrl": f"services/data/v{job.version}/jobs/ingest/{job.id}/batches",
        "jobType": "V2Ingest",
        "retries": 0,
        "totalProcessingTime": job.milliseconds,
        "apiActiveProcessingTime": job.milliseconds,
        "apexProcessingTime": 0,
        "numberRecordsProcessed": job.rows if job.state in TERMINAL else 0,
        "numberRecordsFailed": job.failed if job.state in TERMINAL else 0,
    }
    if job.state == "Failed":
        shown["errorMessage"] = job.error
    return shown
