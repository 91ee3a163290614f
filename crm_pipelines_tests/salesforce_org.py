"""A logged-in caller of the simulated Salesforce."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from crm_pipelines_tests.sandbox_process import Sandbox, plain_client, running_sandbox

CLIENT = {"client_id": "sandbox-client", "client_secret": "sandbox-secret"}
Refusal = tuple[int, str, str]


@dataclass
class Org:
    """The company behind one sandbox. Paths are below ``/services/data/v64.0``."""

    sandbox: Sandbox
    client: httpx.Client
    version: str = "64.0"

    def send(self, method: str, path: str, **options: Any) -> httpx.Response:
        """One request, whatever comes of it."""
        where = path if path.startswith("/services") else f"/services/data/v{self.version}{path}"
        return self.client.request(method, where, **options)

    def get(self, path: str, **params: Any) -> Any:
        """The decoded answer to a GET that must succeed."""
        answer = self.send("GET", path, params=params or None)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def refused(self, method: str, path: str, **options: Any) -> Refusal:
        """Status, error code and message of a request that must fail."""
        answer = self.send(method, path, **options)
        assert answer.status_code >= 300, answer.text
        error = answer.json()[0]
        return answer.status_code, error["errorCode"], error["message"]

    def query(self, soql: str, path: str = "/query") -> list[dict[str, Any]]:
        """All records of a REST query, over all its pages, without their attributes."""
        page = self.get(path, q=soql)
        records = page["records"]
        while not page["done"]:
            page = self.get(page["nextRecordsUrl"])
            records.extend(page["records"])
        assert len(records) == page["totalSize"]
        return [{k: v for k, v in record.items() if k != "attributes"} for record in records]

    def ids(self, condition: str) -> set[str]:
        """Ids of contacts under a condition."""
        return {record["Id"] for record in self.query(f"SELECT Id FROM Contact WHERE {condition}")}

    def job(self, soql: str, operation: str = "query", **more: Any) -> str:
        """A finished query job."""
        wish = {"operation": operation, "query": soql, **more}
        made = self.send("POST", "/jobs/query", json=wish)
        assert made.status_code == 200, made.text
        return self.finish(f"/jobs/query/{made.json()['id']}")

    def finish(self, path: str) -> str:
        """Poll a job until it has ended well; its Id."""
        for _ in range(100):
            shown = self.get(path)
            if shown["state"] in {"JobComplete", "Failed", "Aborted"}:
                break
        assert shown["state"] == "JobComplete", shown
        return str(shown["id"])

    def pages(self, job: str, **params: Any) -> Iterator[httpx.Response]:
        """Result pages, one after the other."""
        locator = None
        while locator != "null":
            if locator is not None:
                params["locator"] = locator
            page = self.send("GET", f"/jobs/query/{job}/results", params=params)
            assert page.status_code == 200, page.text
            locator = page.headers["Sforce-Locator"]
            yield page

    def bulk(self, soql: str, operation: str = "query") -> list[dict[str, str]]:
        """All rows of a bulk query."""
        rows: list[dict[str, str]] = []
        for page in self.pages(self.job(soql, operation), maxRecords=200):
            rows.extend(csv_rows(page.text))
        return rows

    def ingest(self, operation: str, data: str, key: str = "", **more: str) -> str:
        """A finished ingest job over Contact."""
        wish = {"object": "Contact", "operation": operation, **more}
        if key:
            wish["externalIdFieldName"] = key
        job = self.send("POST", "/jobs/ingest", json=wish).json()
        put = self.send("PUT", "/" + job["contentUrl"], content=data.encode())
        assert put.status_code == 201, put.text
        path = f"/jobs/ingest/{job['id']}"
        closed = self.send("PATCH", path, json={"state": "UploadComplete"})
        assert closed.status_code == 200, closed.text
        return path

    def truth(self, name: str = "Contact", *, deleted: bool = False) -> list[dict[str, Any]]:
        """What the sandbox says there is."""
        return self.sandbox.truth("salesforce", name, deleted=deleted)

    def admin(self, method: str, path: str, body: Any = None) -> Any:
        """A lever below ``/sandbox/salesforce``."""
        return self.sandbox.admin(method, f"/salesforce{path}", body)

    def limit(self, **limits: int) -> None:
        """Change limits."""
        self.admin("PATCH", "/limits", limits)

    def advance(self, **spans: int) -> None:
        """Move the sandbox's clock on by days and seconds."""
        seconds = spans.get("days", 0) * 86_400 + spans.get("seconds", 0)
        self.sandbox.admin("POST", "/clock", {"advance_seconds": seconds})


def csv_rows(text: str, delimiter: str = ",") -> list[dict[str, str]]:
    """Rows of a CSV text by column."""
    return list(csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter))


def log_in(client: httpx.Client) -> None:
    """Give a client an access token."""
    form = {"grant_type": "client_credentials", **CLIENT}
    token = client.post("/services/oauth2/token", data=form).json()["access_token"]
    client.headers["Authorization"] = f"Bearer {token}"


@contextmanager
def logged_in(sandbox: Sandbox) -> Iterator[Org]:
    """A caller with a token of its own."""
    with plain_client(base_url=sandbox.url, timeout=60) as client:
        log_in(client)
        yield Org(sandbox, client)


@contextmanager
def running_org(home: Path, **sizes: int) -> Iterator[Org]:
    """A logged-in caller of a Salesforce of its own, with 300 contacts unless told otherwise."""
    others = dict.fromkeys(("persons", "organizations", "deals", "activities"), 1)
    wanted: dict[str, Any] = {**others, "contacts": 300, "accounts": 20, **sizes}
    with running_sandbox(home, **wanted) as sandbox, logged_in(sandbox) as org:
        yield org
