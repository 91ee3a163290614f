"""One writing under way: its files, the job of the first of them, and the place to go on from."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crm_pipelines.connectors.salesforce.describe import described
from crm_pipelines.connectors.salesforce.ingest_files import (
    Rows,
    columns_of,
    copy_rows,
    cut,
    read_keys,
)
from crm_pipelines.connectors.salesforce.ingest_jobs import Jobs, Shown
from crm_pipelines.connectors.salesforce.ingest_layout import lay_out
from crm_pipelines.connectors.salesforce.ingest_results import LASTING, Results, settle
from crm_pipelines.connectors.salesforce.settings import SalesforceSettings
from crm_pipelines.model.call import Call
from crm_pipelines.model.errors import FatalError, GoneError, OutcomeUnknown
from crm_pipelines.model.source import Place
from crm_pipelines.model.writing import Operation, Writing
from crm_pipelines.transport.door import Door

if TYPE_CHECKING:
    import pyarrow as pa

Keep = Callable[[Place], None]

SUCCESS, FAILURE = {"id": "sf__Id", "created": "sf__Created"}, {"error": "sf__Error"}
"""Columns of results, beside the key."""

UPLOADS = 3
"""How often a file is sent, each time to a new job, when its upload is cut."""


@dataclass(frozen=True)
class Part:
    """A file that is still to be dealt with.

    ``attempt`` counts jobs that ended. ``closing`` says that the job may have begun.
    """

    file: str
    attempt: int = 0
    job: str = ""
    closing: bool = False


class Run:
    """One writing under way."""

    def __init__(
        self, door: Door, settings: SalesforceSettings, writing: Writing, folder: Path, keep: Keep
    ) -> None:
        self._door, self._settings, self._writing = door, settings, writing
        self._folder, self._keep = folder, keep
        self._version = settings.api_version
        self.parts: list[Part] = []
        self._ended = ""  # the job whose results were told last; it may not be deleted yet

    @property
    def _jobs(self) -> Jobs:
        return Jobs(self._door, self._version, self._settings.job_wait_seconds)

    def prepare(self, rows: Rows) -> Iterator[pa.Table]:
        """Cut the rows into files; nothing is sent but a look at the object's fields."""
        self.tidy_up()
        names, rows = columns_of(rows)
        if not names:
            return
        target = self._writing.target
        call = Call("GET", f"/services/data/v{self._version}/sobjects/{target}/describe")
        fields = described(lambda: self._door.send(call), target)
        layout = lay_out(self._writing, names, fields, self._settings.ingest_bytes)
        for made in cut(rows, layout, self._folder):
            if made.left_out.num_rows:
                yield made.left_out
            if made.path is not None:
                self.parts.append(Part(made.path.name))
        self._keep_place()

    def take_up(self, place: Place) -> None:
        """Go on from a place."""
        if place["writing"] != self._name:
            raise FatalError(
                f"the place to go on from belongs to another writing, {place['writing']}: begin "
                "without it"
            )
        self._version = place["version"]
        self.parts = [Part(**part) for part in place["parts"]]
        if place["ended"]:
            self._jobs.delete(place["ended"])
        missing = [part.file for part in self.parts if not (self._folder / part.file).exists()]
        if missing:
            raise FatalError(
                f"{self._folder} has no {missing[0]} any more: what was left to write is lost, "
                "write the rows again"
            )

    def finish(self) -> Iterator[pa.Table]:
        """The first part: its job, its results, and the rows that are to be sent again."""
        import pyarrow.compute as pc

        part = self._under_way()
        shown = self._jobs.wait(part.job)
        sent = read_keys(self._folder / part.file, self._writing.key)
        table, again = settle(sent, self._results(shown, len(sent)), self._writing.operation)
        follower = self._follow(part, table["key"].filter(again))
        if follower is not None:
            table = table.filter(pc.invert(again))
        if table.num_rows:
            yield table
        self.parts[0:1] = [follower] if follower else []
        self._ended = part.job
        self._keep_place()
        self._jobs.delete(part.job)
        (self._folder / part.file).unlink()

    @property
    def _name(self) -> str:
        """What tells this writing from others."""
        return f"{self._writing.operation} {self._writing.target} by {self._writing.key}"

    def tidy_up(self) -> None:
        """Remove files that nobody needs any more."""
        for path in self._folder.glob("part-*.csv"):
            path.unlink()

    def _keep_place(self) -> None:
        self._keep(
            {
                "writing": self._name,
                "version": self._version,
                "parts": [asdict(part) for part in self.parts],
                "ended": self._ended,
            }
        )

    def _change(self, **changes: Any) -> Part:
        self.parts[0] = replace(self.parts[0], **changes)
        self._keep_place()
        return self.parts[0]

    def _under_way(self) -> Part:
        """The first part with a job that has its file and is closed."""
        part = self.parts[0]
        if part.job and not self._has_begun(part):
            part = self._change(job="", closing=False)
        if not part.job:
            self._upload()
            part = self._change(closing=True)
            self._jobs.close(part.job)
        return part

    def _has_begun(self, part: Part) -> bool:
        """Whether a job of an earlier run was closed; one that was not is thrown away."""
        try:
            state = self._jobs.look(part.job).state
        except GoneError as error:
            if part.closing and self._writing.operation is Operation.INSERT:
                raise OutcomeUnknown(
                    f"Salesforce's job {part.job} is gone, and with it what became of the rows in "
                    f"{self._folder / part.file}: look in {self._writing.target} for their "
                    f"{self._writing.key}, and insert those that are missing as a new writing"
                ) from error
            return False
        if state == "Open":
            self._jobs.discard(part.job)
        return bool(state != "Open")

    def _upload(self) -> None:
        """A new job with the first part's file."""
        path = self._folder / self.parts[0].file
        for attempt in range(UPLOADS):
            job = self._jobs.make(self._writing)
            self._change(job=job.id, closing=False)
            try:
                self._jobs.upload(job, path)
            except OutcomeUnknown:
                self._jobs.discard(job.id)
                if attempt == UPLOADS - 1:
                    raise
            else:
                return

    def _results(self, shown: Shown, sent: int) -> Results:
        job, key = shown.id, self._writing.key
        processed, failed = shown.number_records_processed, shown.number_records_failed
        succeeded = None if processed is None or failed is None else processed - failed
        fetch, error = self._jobs.results, ""
        good = fetch(job, "successfulResults", SUCCESS | {"key": key}, succeeded)
        bad = fetch(job, "failedResults", FAILURE | {"key": key}, failed)
        left = fetch(job, "unprocessedrecords", {"key": key}, 0 if sent == processed else None)
        why = shown.error_message or "no reason given"
        if shown.state != "JobComplete":
            error = f"Salesforce's job {job} is {shown.state.lower()}: {why}"
        again = shown.state != "Aborted" and not why.startswith(LASTING)
        return Results(good, bad, left["key"], error, again)

    def _follow(self, part: Part, again: pa.ChunkedArray) -> Part | None:
        """A part of the rows that are worth another job, if there may be one."""
        attempt = part.attempt + 1
        if not len(again) or attempt >= self._settings.ingest_attempts:
            return None
        name = f"{part.file.partition('.')[0][:10]}-{attempt + 1}.csv"
        copy_rows(self._folder / part.file, self._writing.key, again, self._folder / name)
        return Part(name, attempt)
