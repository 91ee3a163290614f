"""A cheap look at an account: who we are there, how large its lists are, what they will cost."""

from __future__ import annotations

import json
import math
from typing import Any

import httpx

from crm_pipelines.connectors.pipedrive.costs import price
from crm_pipelines.connectors.pipedrive.declaration import PipedriveStream
from crm_pipelines.model.call import Call
from crm_pipelines.model.errors import Truncated
from crm_pipelines.model.probe import Price, Probe
from crm_pipelines.model.stream import Type
from crm_pipelines.transport.door import Door

NEWEST = {"sort": "id DESC"}
ME = "/api/v1/users/me"
SECONDS_PER_CALL = 1.0
"""For a page of 500, until syncs have shown how long this account really takes."""


def introduce(door: Door) -> str:
    """``users/me`` is the cheapest call that needs a login."""
    me = _data(door.send(Call("GET", ME, cost=price("GET", ME)))) or {}
    company = me.get("company_name") or me.get("company_domain") or "a company without a name"
    return f"{me.get('name')} <{me.get('email')}> at {company}"


def probe(door: Door, stream: PipedriveStream) -> Probe:
    """Ids count up from 1, so that the largest one is the most records there can be."""
    if not stream.windowed or stream.key.type is not Type.INTEGER:
        return Probe()
    order = {"sort_by": "id", "sort_direction": "desc"}
    params = {**stream.params, "limit": "1", **(order if stream.paged == "cursor" else NEWEST)}
    found = _data(door.send(Call("GET", stream.path, params, cost=price("GET", stream.path))))
    if not found:
        return Probe(records=0, exact=True)
    return Probe(records=int(found[0]["id"]), sample=found[0])


def whole_price(stream: PipedriveStream, records: int | None) -> Price:
    """One call for every started page, and one at least."""
    calls = max(1, math.ceil((records or 0) / stream.page))
    return Price(calls, calls * price("GET", stream.path), calls * SECONDS_PER_CALL)


def _data(answer: httpx.Response) -> Any:
    try:
        return json.loads(answer.content)["data"]
    except (ValueError, KeyError, TypeError) as error:
        raise Truncated(f"Pipedrive's answer is not what its API promises ({error})") from error
