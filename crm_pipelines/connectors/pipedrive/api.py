"""Asking Pipedrive for single answers: records, lists of records, and writes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import httpx

from crm_pipelines.connectors.pipedrive.costs import price
from crm_pipelines.model.call import GENERAL, Call
from crm_pipelines.model.errors import OutcomeUnknown, Truncated
from crm_pipelines.model.json_text import mend_surrogates
from crm_pipelines.transport.door import Door

V2 = "/api/v2"
PAGE = "500"
SEARCH = "search"
"""The burst window of searches, see ``settings.limits``."""

Record = dict[str, Any]


class Api:
    """What stands in the envelopes of one account's answers."""

    def __init__(self, door: Door) -> None:
        self._door = door

    def get(self, path: str, params: Mapping[str, str] | None = None) -> Any:
        """The ``data`` of an answer."""
        return self._ask(path, params or {}, GENERAL)["data"]

    def search(self, path: str, params: Mapping[str, str]) -> list[int]:
        """Ids of the items found: searches show summaries, and may be behind."""
        data = self._ask(path, {**params, "limit": "100"}, SEARCH)["data"] or []
        hits = data.get("items") or [] if isinstance(data, dict) else data
        return [int((hit.get("item") or hit)["id"]) for hit in hits]

    def pages(self, path: str, params: Mapping[str, str] | None = None) -> Iterator[list[Record]]:
        """A list of v2, page by page."""
        wish = dict(params or {})
        while True:
            records, cursor = self.page(path, wish)
            yield records
            if not cursor:
                return
            if cursor == wish.get("cursor"):
                raise Truncated(f"Pipedrive repeats a page of {path} without end")
            wish["cursor"] = cursor

    def page(self, path: str, params: Mapping[str, str]) -> tuple[list[Record], str | None]:
        """One page of such a list, and the cursor of the next."""
        body = self._ask(path, {**params, "limit": PAGE}, GENERAL)
        return body["data"] or [], (body.get("additional_data") or {}).get("next_cursor") or None

    def create(self, path: str, body: Any) -> Any:
        """Never sent twice: raises ``OutcomeUnknown`` where the answer does not tell enough."""
        call = Call("POST", path, json=body, cost=price("POST", path), safe=False)
        answer = self._door.send(call)
        try:
            return _envelope(answer, path)["data"]
        except Truncated as error:
            raise OutcomeUnknown(f"it is not known what became of POST {path}: {error}") from error

    def change(self, path: str, body: Mapping[str, Any]) -> Any:
        """Sending it twice settles on the same values."""
        call = Call("PATCH", path, json=dict(body), cost=price("PATCH", path))
        return _envelope(self._door.send(call), path)["data"]

    def close(self) -> None:
        """Close the connections."""
        self._door.close()

    def _ask(self, path: str, params: Mapping[str, str], kind: str) -> Record:
        call = Call("GET", path, dict(params), cost=price("GET", path), kind=kind)
        return _envelope(self._door.send(call), path)


def _envelope(answer: httpx.Response, path: str) -> Record:
    try:
        body = json.loads(mend_surrogates(answer.content))
    except ValueError as error:
        raise Truncated(f"Pipedrive's answer about {path} is no JSON ({error})") from error
    if not isinstance(body, dict) or "data" not in body or body.get("success") is False:
        raise Truncated(f"Pipedrive's answer about {path} is not what its API promises")
    return body
