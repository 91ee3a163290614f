"""Bulk API 2.0 query jobs: ordered, waited for, tidied up."""

from __future__ import annotations

import re
import time

import msgspec

from crm_pipelines.connectors.salesforce.answers import decoded
from crm_pipelines.connectors.salesforce.polling import pauses
from crm_pipelines.connectors.salesforce.settings import SalesforceSettings
from crm_pipelines.model.call import Call
from crm_pipelines.model.errors import CrmError, FatalError
from crm_pipelines.transport.door import Door

_TOO_WIDE = re.compile(r"QUERY_TIMEOUT|retried more than", re.IGNORECASE)


class JobFailed(FatalError):
    """A job that Salesforce gave up on; ``too_wide`` says that a smaller question may help."""

    def __init__(self, message: str, *, too_wide: bool) -> None:
        super().__init__(message)
        self.too_wide = too_wide


class _Ordered(msgspec.Struct):
    id: str


class _Seen(msgspec.Struct, rename="camel"):
    state: str
    number_records_processed: int | None = None
    error_message: str | None = None


class QueryJobs:
    """The query jobs of one org. A job's version is the one that it was ordered with."""

    def __init__(self, door: Door, settings: SalesforceSettings) -> None:
        self._door, self._settings = door, settings

    def order(self, soql: str, operation: str) -> str:
        """A new job."""
        call = Call(
            "POST",
            f"/services/data/v{self._settings.api_version}/jobs/query",
            json={"operation": operation, "query": soql},
            safe=True,  # a job that was made twice is only a job nobody reads
        )
        return decoded(self._door.send(call), _Ordered).id

    def wait(self, job: str, version: str) -> int | None:
        """Until a job is done; how many rows it says it has, ``None`` if it does not say.

        Raises ``JobFailed`` with Salesforce's reason, ``FatalError`` when the patience is over.
        """
        give_up_at = time.monotonic() + self._settings.job_wait_seconds
        waits = pauses()
        while True:
            time.sleep(next(waits))
            seen = decoded(self._door.send(Call("GET", _path(job, version))), _Seen)
            if seen.state == "JobComplete":
                return seen.number_records_processed
            if seen.state in ("Failed", "Aborted"):
                why = seen.error_message or "no reason given"
                words = f"Salesforce's job {job} is {seen.state.lower()}: {why}"
                raise JobFailed(words, too_wide=bool(_TOO_WIDE.search(why)))
            if time.monotonic() > give_up_at:
                raise FatalError(
                    f"Salesforce's job {job} is not done after {self._settings.job_wait_seconds} "
                    "s: run the same command again to go on with it, or raise "
                    "SALESFORCE_JOB_WAIT_SECONDS"
                )

    def delete(self, job: str, version: str) -> None:
        """Tidy up; a job that stays behind goes by itself after seven days."""
        try:
            self._door.send(Call("DELETE", _path(job, version)))
        except CrmError:
            return


def _path(job: str, version: str) -> str:
    return f"/services/data/v{version}/jobs/query/{job}"
