"""The requests of one Bulk API 2.0 ingest job, from its making to its deletion."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from crm_pipelines.connectors.salesforce.addresses import path_of
from crm_pipelines.connectors.salesforce.answers import decoded
from crm_pipelines.connectors.salesforce.csv_pages import read_page
from crm_pipelines.connectors.salesforce.polling import pauses
from crm_pipelines.model.call import Call
from crm_pipelines.model.csv_lines import to_texts
from crm_pipelines.model.errors import CrmError, FatalError, GoneError, OutcomeUnknown, Truncated
from crm_pipelines.model.writing import Operation, Writing
from crm_pipelines.transport.door import Door

if TYPE_CHECKING:
    import httpx
    import pyarrow as pa

TERMINAL = ("JobComplete", "Failed", "Aborted")
CLOSINGS = 3
"""How often a job is closed whose closing got no answer."""


class Shown(msgspec.Struct, rename="camel"):
    """A job as Salesforce shows it."""

    id: str
    state: str
    content_url: str = ""
    number_records_processed: int | None = None
    number_records_failed: int | None = None
    error_message: str | None = None


class Jobs:
    """Jobs of one API version. ``wait_seconds`` is how long one of them may take."""

    def __init__(self, door: Door, version: str, wait_seconds: float) -> None:
        self._door, self._wait_seconds = door, wait_seconds
        self._path = f"/services/data/v{version}/jobs/ingest"

    def make(self, writing: Writing) -> Shown:
        """A new job, open for its file."""
        wish = {
            "object": writing.target,
            "operation": str(writing.operation),
            "contentType": "CSV",
            "lineEnding": "LF",
            "columnDelimiter": "COMMA",
        }
        if writing.operation is Operation.UPSERT:
            wish["externalIdFieldName"] = writing.key
        # a job that was made twice stays empty, and does nothing
        return decoded(self._door.send(Call("POST", self._path, json=wish)), Shown)

    def upload(self, job: Shown, path: Path) -> None:
        """The job's one file. Raises ``OutcomeUnknown`` when it may be there or not."""
        where = path_of(job.content_url or f"{self._path}/{job.id}/batches")
        headers = {"Content-Type": "text/csv; charset=UTF-8"}
        self._door.send(Call("PUT", where, content=path, headers=headers, safe=False))

    def close(self, job: str) -> None:
        """Let Salesforce begin; a closing whose answer is lost is looked after."""
        for attempt in range(CLOSINGS):
            try:
                self._patch(job, "UploadComplete")
            except OutcomeUnknown:
                if self.look(job).state != "Open":
                    return
                if attempt == CLOSINGS - 1:
                    raise
            else:
                return

    def look(self, job: str) -> Shown:
        """The job now. Raises ``GoneError``."""
        return decoded(self._door.send(Call("GET", f"{self._path}/{job}")), Shown)

    def wait(self, job: str) -> Shown:
        """The job when it has ended, well or not. Raises ``FatalError`` when it takes too long."""
        give_up_at = time.monotonic() + self._wait_seconds
        waits = pauses()
        while (shown := self.look(job)).state not in TERMINAL:
            if time.monotonic() > give_up_at:
                raise FatalError(
                    f"Salesforce's job {job} is not done after {self._wait_seconds} s: write the "
                    "same rows again to go on with it, or raise SALESFORCE_JOB_WAIT_SECONDS"
                )
            time.sleep(next(waits))
        return shown

    def results(
        self, job: str, which: str, columns: Mapping[str, str], rows: int | None
    ) -> pa.Table:
        """Some columns, under new names, of a list that must have so many rows if that is known."""
        import pyarrow as pa

        found = pa.table({name: pa.array([], pa.string()) for name in columns})
        if rows == 0:
            return found

        def read(response: httpx.Response) -> None:
            nonlocal found
            chunks = [found.slice(0, 0)]
            for records in read_page(response, list(columns.values())):
                texts, broken = to_texts(records)
                if broken:
                    raise Truncated(f"{which} of the job {job} has rows of another length")
                chosen = texts.select(list(columns.values()))
                chunks.append(chosen.rename_columns(list(columns)))
            found = pa.concat_tables(chunks)
            if rows not in (None, found.num_rows):
                raise Truncated(
                    f"Salesforce counts {rows} rows in {which} of the job {job} and sent "
                    f"{found.num_rows}"
                )

        headers = {"Accept": "text/csv"}
        self._door.fetch(Call("GET", f"{self._path}/{job}/{which}/", headers=headers), read)
        return found

    def discard(self, job: str) -> None:
        """End a job that was never closed, and forget it."""
        with suppress(GoneError, OutcomeUnknown, FatalError):
            self._patch(job, "Aborted")
        self.delete(job)

    def delete(self, job: str) -> None:
        """Tidy up; a job that stays behind goes by itself after seven days."""
        try:
            self._door.send(Call("DELETE", f"{self._path}/{job}"))
        except CrmError:
            return

    def _patch(self, job: str, state: str) -> None:
        self._door.send(Call("PATCH", f"{self._path}/{job}", json={"state": state}, safe=False))
