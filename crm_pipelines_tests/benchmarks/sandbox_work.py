"""What the simulated CRMs are asked for outside of our syncs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

import httpx

from crm_pipelines_tests.salesforce_org import log_in

PAGE = 25_000
ROOT = "/services/data/v64.0"
_COLLECTION = 200
"""Records per call of the collections resource, its most."""


@contextmanager
def client(url: str) -> Iterator[httpx.Client]:
    """Logged in to Salesforce."""
    with httpx.Client(base_url=url, trust_env=False, timeout=600) as found:
        log_in(found)
        yield found


def download(url: str) -> tuple[float, int, int]:
    """Order every contact and throw the pages away: seconds, bytes as they travelled, columns."""
    with client(url) as found:
        names = _columns(found)
        begun = time.perf_counter()
        job = _finished_job(found, names)
        size, locator = 0, ""
        while locator != "null":
            params = {"maxRecords": str(PAGE)} | ({"locator": locator} if locator else {})
            with found.stream("GET", f"{job}/results", params=params) as answer:
                size += sum(len(piece) for piece in answer.iter_raw())
                locator = answer.headers["Sforce-Locator"]
        took = time.perf_counter() - begun
        found.delete(job)
        return took, size, len(names)


def pages(url: str, file: BinaryIO, rows: int) -> Iterator[int]:
    """The first ``rows`` contacts page by page, each written over the last one; their numbers.

    Without the NULs in them, which PostgreSQL does not take.
    """
    with client(url) as found:
        job = _finished_job(found, _columns(found))
        left, locator = rows, ""
        while left and locator != "null":
            params = {"maxRecords": str(min(PAGE, left))}
            params |= {"locator": locator} if locator else {}
            file.seek(0)
            with found.stream("GET", f"{job}/results", params=params) as answer:
                for piece in answer.iter_bytes():
                    file.write(piece.replace(b"\0", b""))
                locator = answer.headers["Sforce-Locator"]
            file.truncate()
            count = int(answer.headers["Sforce-NumberOfRecords"])
            left -= count
            yield count
        found.delete(job)


def change_contacts(url: str, number: int, mark: str) -> None:
    """Give that many contacts, the same ones every time, another department."""
    with client(url) as found:
        soql = f"SELECT Id FROM Contact ORDER BY Id LIMIT {number}"
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


def change_persons(url: str, number: int, mark: str) -> None:
    """Give that many persons, the same ones every time, another name."""
    with httpx.Client(base_url=f"{url}/sandbox/pipedrive", trust_env=False, timeout=60) as found:
        for identity in range(1, number + 1):
            answer = found.patch(f"/records/persons/{identity}", json={"name": mark})
            answer.raise_for_status()


def _columns(found: httpx.Client) -> list[str]:
    described = found.get(f"{ROOT}/sobjects/Contact/describe").json()["fields"]
    return [f["name"] for f in described if f["type"] not in ("address", "location", "base64")]


def _finished_job(found: httpx.Client, names: list[str]) -> str:
    wish = {"operation": "queryAll", "query": f"SELECT {', '.join(names)} FROM Contact"}
    job = f"{ROOT}/jobs/query/{found.post(f'{ROOT}/jobs/query', json=wish).json()['id']}"
    while found.get(job).json()["state"] != "JobComplete":
        time.sleep(0.05)
    return job
