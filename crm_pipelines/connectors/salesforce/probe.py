"""A cheap look at an org: who we are there, how large its objects are, what they will cost."""

from __future__ import annotations

import math
from typing import Any

import msgspec

from crm_pipelines.connectors.salesforce.answers import decoded
from crm_pipelines.connectors.salesforce.settings import SalesforceSettings
from crm_pipelines.connectors.salesforce.streams import SalesforceStream
from crm_pipelines.model.call import Call
from crm_pipelines.model.errors import (
    BadCredentials,
    Blocked,
    FatalError,
    RetriableError,
    Unreachable,
)
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


class _Person(msgspec.Struct):
    name: str = ""
    preferred_username: str = ""


class _Counted(msgspec.Struct, rename="camel"):
    total_size: int
    records: list[dict[str, Any]] = []


def introduce(door: Door, address: str) -> str:
    """The user, where the app may ask who it is; that it may not is no reason to stop."""
    try:
        me = decoded(door.send(Call("GET", "/services/oauth2/userinfo")), _Person)
    except (BadCredentials, Blocked, Unreachable):
        raise
    except (FatalError, RetriableError):
        return f"a user of {address}; the app may not ask which one (scope openid)"
    return f"{me.name} <{me.preferred_username}>"


def probe(door: Door, stream: SalesforceStream, version: str, *, sample: bool) -> Probe:
    """``COUNT()`` counts without reading; a sample is a second query for one record."""

    def ask(what: str) -> _Counted:
        soql = f"SELECT {what}"
        call = Call("GET", f"/services/data/v{version}/query", {"q": soql})
        return decoded(door.send(call), _Counted)

    count = ask(f"COUNT() FROM {stream.sobject}").total_size
    if not sample or not count:
        return Probe(count, exact=True)
    try:
        found = ask(f"FIELDS(STANDARD) FROM {stream.sobject} LIMIT 1").records
    except (BadCredentials, Blocked):
        raise
    except FatalError:  # versions before 51.0 have no FIELDS()
        found = ask(f"Id, CreatedDate FROM {stream.sobject} LIMIT 1").records
    shown = [{name: one[name] for name in one if name != "attributes"} for one in found]
    return Probe(count, exact=True, sample=shown[0] if shown else None)


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
    return (jobs + closing) * JOB_CALLS + pages + closing + lists
