"""Results of query jobs: pages one after the other, or all their addresses at once."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from pathlib import Path

from starlette.responses import Response, StreamingResponse

from crm_pipelines.sandbox.salesforce.answers import Problem, json_answer, not_found
from crm_pipelines.sandbox.salesforce.bulk_query import BulkQuery
from crm_pipelines.sandbox.salesforce.company import Company
from crm_pipelines.sandbox.salesforce.door import Call, accepts_gzip
from crm_pipelines.sandbox.salesforce.jobs import Job, Jobs
from crm_pipelines.sandbox.salesforce.result_file import ResultFile

_PARALLEL = 5
_PARALLEL_SINCE = 58.0


class BulkResults:
    """``/jobs/query/ID/results`` and ``/resultPages``."""

    def __init__(self, company: Company, jobs: Jobs, queries: BulkQuery) -> None:
        self._company, self._jobs, self._queries = company, jobs, queries

    def page(self, call: Call) -> Response:
        """One page of CSV with the header row; the last one's locator is the word ``null``."""
        job = self._job(call)
        if job.state != "JobComplete":
            return Response(status_code=204)
        most = self._company.limits["bulk_page_rows"]
        first, size = 0, min(call.number("maxRecords") or most, most)
        locator = call.option("locator")
        if locator is not None:
            first, fixed = read_locator(locator, job)
            size = fixed or size
        count = max(0, min(size, job.rows - first))
        after = first + count
        sent = count
        if call.fault is not None and call.fault.kind == "short_page":
            sent = max(0, count - max(1, count // 10))
        headers = {
            "Sforce-NumberOfRecords": str(count),
            "Sforce-Locator": "null" if after >= job.rows else make_locator(job, after, 0),
        }
        packed = accepts_gzip(call.request)
        if packed:
            headers["Content-Encoding"] = "gzip"
        pieces = _pieces(self._queries.path(job), first, sent, packed=packed)
        return StreamingResponse(pieces, headers=headers, media_type="text/csv")

    def addresses(self, call: Call) -> Response:
        """Up to five pages that may be fetched side by side, and where the next five are."""
        if float(call.version) < _PARALLEL_SINCE:
            raise not_found()
        job = self._job(call)
        if job.state != "JobComplete":
            raise Problem(400, "INVALIDJOBSTATE", f"Job is {job.state}, it must be JobComplete")
        size = self._company.limits["bulk_page_rows"]
        locator = call.option("locator")
        first = read_locator(locator, job)[0] if locator else 0
        starts = range(first, max(job.rows, 1), size)
        base = f"{call.base}/jobs/query/{job.id}"
        pages = [
            {"resultUrl": f"{base}/results?locator={make_locator(job, start, size)}"}
            for start in starts[:_PARALLEL]
        ]
        rest = starts[_PARALLEL:]
        body = {"resultPages": pages, "done": not rest}
        if rest:
            following = make_locator(job, rest[0], size)
            body["nextRecordsUrl"] = f"{base}/resultPages?locator={following}"
        return json_answer(body)

    def _job(self, call: Call) -> Job:
        job = self._jobs.find("query", call.part("job"))
        if job.version != call.version:
            raise Problem(
                409,
                "API_VERSION_MISMATCH",
                f"The job was created with API version {job.version}; its results cannot be "
                f"retrieved with {call.version}",
            )
        return job


def _pieces(path: Path, first: int, count: int, *, packed: bool) -> Iterator[bytes]:
    with ResultFile(path) as file:
        yield from file.gzipped(first, count) if packed else file.plain(first, count)


def make_locator(job: Job, first: int, size: int) -> str:
    """An opaque place in a job's results; ``size`` 0 leaves the page's size to the caller."""
    return base64.urlsafe_b64encode(f"{job.id[9:15]}{first}.{size}".encode()).decode().rstrip("=")


def read_locator(locator: str, job: Job) -> tuple[int, int]:
    """First row and size of a locator made for this job; raises 400 for any other."""
    try:
        text = base64.urlsafe_b64decode(locator + "=" * (-len(locator) % 4)).decode()
        first, size = text[6:].split(".")
        place = int(first), int(size)
    except (binascii.Error, UnicodeDecodeError, ValueError) as error:
        raise _bad_locator(locator) from error
    if text[:6] != job.id[9:15] or not 0 <= place[0] <= job.rows:
        raise _bad_locator(locator)
    return place


def _bad_locator(locator: str) -> Problem:
    return Problem(400, "INVALID_QUERY_LOCATOR", f"Invalid locator: {locator[:80]}")
