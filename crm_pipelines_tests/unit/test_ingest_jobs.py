"""Ingest jobs of an org that words its answers as no simulated Salesforce would."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pyarrow as pa
import pytest

from crm_pipelines.connectors.salesforce.ingest import Ingest
from crm_pipelines.connectors.salesforce.settings import SalesforceSettings
from crm_pipelines.model.call import Call
from crm_pipelines.model.errors import Truncated
from crm_pipelines.model.writing import Operation, Writing

BATCHES = "/services/data/v64.0/jobs/ingest/750/batches"
FIELDS = [
    {"name": "Key__c", "type": "string", "externalId": True},
    {"name": "LastName", "type": "string"},
]
RESULTS = {
    "successfulResults": '"sf__Id","sf__Created","Key__c"\n"003","true","a"\n',
    "failedResults": '"sf__Id","sf__Error","Key__c"\n"","STRING_TOO_LONG:so:LastName --","b"\n',
    "unprocessedrecords": '"Key__c"\n',
}
ROWS = pa.table({"Key__c": ["a", "b"], "LastName": ["A", "B"]})


class Org:
    """Stands for the door to an org. ``made`` and ``seen`` are a job's two answers."""

    def __init__(self, made: Any, seen: Any) -> None:
        self._made, self._seen = made, seen
        self.calls: list[Call] = []

    def send(self, call: Call) -> httpx.Response:
        self.calls.append(call)
        last = call.path.rstrip("/").rpartition("/")[2]
        if last in RESULTS:
            return httpx.Response(200, text=RESULTS[last])
        shown = {"describe": {"fields": FIELDS}, "ingest": self._made}.get(last, self._seen)
        return httpx.Response(200, text=shown if isinstance(shown, str) else json.dumps(shown))

    def fetch(self, call: Call, read: Callable[[Any], None]) -> None:
        read(self.send(call))


def write(org: Org, folder: Path) -> list[dict[str, Any]]:
    door: Any = org
    ingest = Ingest(door, SalesforceSettings.model_validate({}))
    writing = Writing("Contact", Operation.UPSERT, "Key__c")
    return [row for table in ingest.write(writing, [ROWS], folder) for row in table.to_pylist()]


OPEN = {"id": "750", "state": "Open", "contentUrl": BATCHES.lstrip("/")}
DONE = {**OPEN, "state": "JobComplete"}


@pytest.mark.parametrize(
    "counts", [{}, {"numberRecordsProcessed": 2, "numberRecordsFailed": 1}], ids=["none", "told"]
)
def test_results_are_read_whether_or_not_a_job_counts_them(
    tmp_path: Path, counts: dict[str, int]
) -> None:
    found = write(Org(OPEN, {**DONE, **counts}), tmp_path)
    assert {row["key"]: (row["fate"], row["code"]) for row in found} == {
        "a": ("created", None),
        "b": ("failed", "STRING_TOO_LONG"),
    }


@pytest.mark.parametrize("url", [BATCHES, BATCHES[1:], f"https://elsewhere.example{BATCHES}", ""])
def test_a_file_goes_to_our_own_org(tmp_path: Path, url: str) -> None:
    org = Org({**OPEN, "contentUrl": url}, DONE)
    write(org, tmp_path)
    assert [call.path for call in org.calls if call.method == "PUT"] == [BATCHES]


@pytest.mark.parametrize(("made", "seen"), [("well", DONE), ({}, DONE), (OPEN, []), (OPEN, {})])
def test_an_answer_that_is_no_job_is_told(tmp_path: Path, made: Any, seen: Any) -> None:
    with pytest.raises(Truncated, match="not what its API promises"):
        write(Org(made, seen), tmp_path)
