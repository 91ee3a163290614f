"""A cheap look at an org: who we are there, how large its objects are, what they will cost."""

from __future__ import annotations

import json
import math
from typing import Any

import httpx

from crm_pipelines.connectors.salesforce.settings import SalesforceSettings
from crm_pipelines.connectors.salesforce.streams import SalesforceStream
from crm_pipelines.model.call import Call
from crm_pipelines.model.errors import BadCredentials, FatalError, Truncated
from crm_pipelines.model.probe import Price, Probe
from crm_pipelines.transport.door import Door

FIRST_CALLS = 2
"""Describe and count."""

JOB_CALLS = 5
"""Order, two or three polls, tidying up."""

QUERY_PAGE, LISTED_PAGES = 2_000, 5
"""Records on a page of a plain query; result pages of a job that are told at once."""

RECORDS_PER_SECOND = 50.0
"""What wide contacts are commonly seen to take, until syncs have shown this org's own speed."""


def introduce(door: Door, address: str) -> str:
    """The user, where the app may ask who it is; that it may not is no reason to stop."""
    try:
        me = _body(door.send(Call("GET", "/services/oauth2/userinfo")))
    except BadCredentials:
        raise
    except FatalError:
        return f"logged in at {address}; the app may not ask as whom (scope openid)"
    return f"{me.get('name')} <{me.get('preferred_username')}>"


def probe(door: Door, stream: SalesforceStream, version: str, *, sample: bool) -> Probe:
    """``COUNT()`` counts without reading; a sample is a second query for one record."""
    path = f"/services/data/v{version}/query"
    count = Call("GET", path, {"q": f"SELECT COUNT() FROM {stream.sobject}"})  # noqa: S608
    records = int(_body(door.send(count))["totalSize"])
    if not sample or not records:
        return Probe(records, exact=True)
    one = Call("GET", path, {"q": f"SELECT FIELDS(STANDARD) FROM {stream.sobject} LIMIT 1"})  # noqa: S608
    found = _body(door.send(one))["records"]
    shown = {name: value for name, value in found[0].items() if name != "attributes"}
    return Probe(records, exact=True, sample=shown)


def whole_price(records: int | None, settings: SalesforceSettings) -> Price:
    """The pages of a plain query, or of jobs on top of what every job takes."""
    there = records or 0
    calls = FIRST_CALLS + _reading_calls(there, settings)
    return Price(calls, calls, there / RECORDS_PER_SECOND)


def _reading_calls(records: int, settings: SalesforceSettings) -> int:
    if records < settings.bulk_rows:
        return math.ceil(records / QUERY_PAGE)
    jobs = math.ceil(records / settings.split_rows) if settings.split_rows else 1
    pages = math.ceil(records / settings.page_rows)
    lists = math.ceil(pages / LISTED_PAGES) if pages > 1 else 0
    closing = 1 if jobs > 1 else 0
    return (jobs + closing) * JOB_CALLS + pages + lists


def _body(answer: httpx.Response) -> dict[str, Any]:
    try:
        found = json.loads(answer.content)
    except ValueError as error:
        raise Truncated(f"Salesforce's answer is not JSON ({error})") from error
    if not isinstance(found, dict):
        raise Truncated("Salesforce's answer is not what its API promises")
    return found
