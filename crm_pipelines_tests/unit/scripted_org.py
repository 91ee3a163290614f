"""An org that answers what it is told to, for what no simulated Salesforce would do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pyarrow as pa

from crm_pipelines.model.call import Call
from crm_pipelines.model.errors import CrmError, GoneError

NO_JOB = GoneError("no such job")


def answered(body: str, rows: str | None = None, locator: str | None = "null") -> httpx.Response:
    """What comes through the door."""
    named = {"sforce-numberofrecords": rows, "sforce-locator": locator}
    headers = {name: value for name, value in named.items() if value is not None}
    return httpx.Response(200, content=body.encode(), headers=headers)


class Org:
    """Stands for the door to an org: answers by path, in order; the last one stays."""

    def __init__(self, **answers: list[Any]) -> None:
        self._answers = answers
        self.asked: list[str] = []

    def send(self, call: Call) -> Any:
        name = _name(call)
        self.asked.append(name)
        found = self._answers[name]
        answer = found.pop(0) if len(found) > 1 else found[0]
        if isinstance(answer, CrmError):
            raise answer
        return answer

    def fetch(self, call: Call, read: Callable[[Any], None]) -> None:
        read(self.send(call))


def _name(call: Call) -> str:
    if call.method != "GET":
        return {"POST": "order", "DELETE": "delete"}[call.method]
    if "q" in call.params:
        return "count" if "COUNT()" in call.params["q"] else "records"
    last = call.path.rpartition("/")[2]
    return {"results": "page_" + call.params.get("locator", "0"), "resultPages": "lists"}.get(
        last, "poll"
    )


class Floor:
    """A landing that counts."""

    def __init__(self) -> None:
        self.rows = 0

    def put(self, records: pa.Table) -> None:
        self.rows += records.num_rows


def csv(rows: int) -> str:
    return '"Id"\n' + '"1"\n' * rows


def job(rows: int | None) -> httpx.Response:
    told = "" if rows is None else f', "numberRecordsProcessed": {rows}'
    return answered(f'{{"state": "JobComplete"{told}}}')


def lists(*locators: str, done: bool = True, more: str = "") -> httpx.Response:
    pages = ", ".join(
        f'{{"resultUrl": "https://elsewhere.example/services/data/v64.0/jobs/query/750/results'
        f'?locator={one}"}}'
        for one in locators
    )
    rest = f', "nextRecordUrl": "{more}"' if more else ""
    return answered(f'{{"resultPages": [{pages}], "done": {str(done).lower()}{rest}}}')


ORDERED: dict[str, list[Any]] = {"order": [answered('{"id": "750"}')], "delete": [answered("")]}
