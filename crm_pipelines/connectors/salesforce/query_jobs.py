"""Bulk API 2.0 query jobs: ordered, waited for, tidied up."""

from __future__ import annotations

import json
import re
import time

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
        return str(json.loads(self._door.send(call).content)["id"])

    def wait(self, job: str, version: str) -> int | None:
        """Until a job is done; how many rows it says it has, ``None`` if it does not say.

        Raises ``JobFailed`` with Salesforce's reason, ``FatalError`` when the patience is over.
        """
        give_up_at = time.monotonic() + self._settings.job_wait_seconds
        waits = pauses()
        while True:
            time.sleep(next(waits))
            state = json.loads(self._door.send(Call("GET", _path(job, version))).content)
            if state["state"] == "JobComplete":
                rows = state.get("numberRecordsProcessed")
                return None if rows is None else int(rows)
            if state["state"] in ("Failed", "Aborted"):
                why = state.get("errorMessage") or "no reason given"
                words = f"Salesforce's job {job} is {state['state'].lower()}: {why}"
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
