"""What the simulated Salesforce is asked for outside of our syncs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from crm_pipelines.connectors.salesforce.source import PAGE
from crm_pipelines_tests.salesforce_org import log_in

ROOT = "/services/data/v64.0"
_COLLECTION = 200
"""Records per call of the collections resource, its most."""


@contextmanager
def client(url: str) -> Iterator[httpx.Client]:
    """Logged in."""
    with httpx.Client(base_url=url, trust_env=False, timeout=600) as found:
        log_in(found)
        yield found


def download(url: str) -> tuple[float, int, int]:
    """Order every contact and throw the pages away: seconds, bytes as they travelled, columns."""
    with client(url) as found:
        described = found.get(f"{ROOT}/sobjects/Contact/describe").json()["fields"]
        names = [f["name"] for f in described if f["type"] not in ("address", "location", "base64")]
        begun = time.perf_counter()
        soql = f"SELECT {', '.join(names)} FROM Contact"
        wish = {"operation": "queryAll", "query": soql}
        job = f"{ROOT}/jobs/query/{found.post(f'{ROOT}/jobs/query', json=wish).json()['id']}"
        while found.get(job).json()["state"] != "JobComplete":
            time.sleep(0.05)
        size = _drain(found, job)
        took = time.perf_counter() - begun
        found.delete(job)
        return took, size, len(names)


def _drain(found: httpx.Client, job: str) -> int:
    size, locator = 0, ""
    while locator != "null":
        params = {"maxRecords": str(PAGE)} | ({"locator": locator} if locator else {})
        with found.stream("GET", f"{job}/results", params=params) as answer:
            size += sum(len(piece) for piece in answer.iter_raw())
            locator = answer.headers["Sforce-Locator"]
    return size


def change_contacts(url: str, number: int, mark: str) -> None:
    """Give that many contacts another department."""
    with client(url) as found:
        soql = f"SELECT Id FROM Contact LIMIT {number}"
        answer = found.get(f"{ROOT}/query", params={"q": soql}).json()
        ids = [record["Id"] for record in answer["records"]]
        while not answer["done"]:
            answer = found.get(answer["nextRecordsUrl"]).json()
            ids += [record["Id"] for record in answer["records"]]
        for first in range(0, len(ids), _COLLECTION):
            records = [
                {"attributes": {"type": "Contact"}, "id": identity, "Department": mark}
                for identity in ids[first : first + _COLLECTION]
            ]
            body = {"allOrNone": True, "records": records}
            found.patch(f"{ROOT}/composite/sobjects", json=body).raise_for_status()
