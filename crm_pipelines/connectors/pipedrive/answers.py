"""What Pipedrive's answers mean: errors by status and body, and the limits by headers."""

from __future__ import annotations

import json
from typing import Any

import httpx

from crm_pipelines.model.call import Observation
from crm_pipelines.model.errors import (
    Blocked,
    CrmError,
    DailyLimit,
    FatalError,
    GoneError,
    InvalidData,
    LoginExpired,
    NotApplied,
    RetriableError,
)
from crm_pipelines.transport.answers import (
    ANY,
    TROUBLE,
    Reply,
    Row,
    is_stranger,
    meaning,
    number,
    retry_after,
    says,
)

BURST_WAIT = 2.0
"""Seconds; the rolling window's length, when the answer does not say."""

SHORTEST_DAY = 60.0
"""Seconds; a spent day that asks for a shorter wait than this is not believed."""


def _day_spent(reply: Reply) -> CrmError:
    asked = retry_after(reply.headers)
    return DailyLimit(reply.said, None if asked is None or asked < SHORTEST_DAY else asked)


def _burst(reply: Reply) -> CrmError:
    reset = number(reply.headers.get("x-ratelimit-reset"))
    return NotApplied(f"too many requests at once ({reply.said})", max(reset or 0.0, BURST_WAIT))


def _trouble(reply: Reply) -> CrmError:
    words = f"Pipedrive is in trouble ({reply.status}: {reply.said})"
    return RetriableError(words, retry_after(reply.headers))


def _says_day(reply: Reply) -> bool:
    return (
        reply.headers.get("x-daily-ratelimit-token-remaining") == "0"
        or "daily" in reply.said.lower()
    )


def _is_page(reply: Reply) -> bool:
    return "html" in reply.headers.get("content-type", "")


ROWS: tuple[Row, ...] = (
    Row("the day is spent", {429}, _day_spent, when=_says_day),
    Row("too many at once", {429}, _burst),
    Row(
        "the login is not accepted",
        {401},
        says(
            LoginExpired,
            "Pipedrive does not accept the login ({said}): for an API token, copy it from "
            "Settings > Personal preferences > API in Pipedrive into PIPEDRIVE_API_TOKEN",
        ),
    ),
    Row(
        "the firewall's page",
        {403},
        says(
            Blocked,
            "Pipedrive's firewall blocks this address because too many refused calls were "
            "repeated: stop everything else that uses this API token",
        ),
        when=_is_page,
    ),
    Row(
        "the plan is full",
        {403},
        says(
            FatalError,
            "Pipedrive's plan has no room for more of these ({said}, {code}): delete some, or take "
            "a larger plan",
        ),
        when=lambda reply: reply.code.startswith("feature_capping"),
    ),
    Row(
        "not allowed",
        {402, 403},
        says(FatalError, "Pipedrive does not allow this ({status}: {said}): see the user's rights"),
    ),
    Row(
        "no room for webhooks",
        {422},
        says(
            FatalError,
            "Pipedrive has no room for one more webhook ({said}): a user may have 40 of them. "
            "Remove some that nobody needs: Settings > Tools and apps > Webhooks in Pipedrive",
        ),
        when=lambda reply: "webhook" in reply.said.lower(),
    ),
    Row(
        "values refused",
        {400, 422},
        lambda reply: InvalidData(
            f"Pipedrive refuses the request ({reply.status}: {reply.said})", reply.fields
        ),
    ),
    Row("no such thing", {404, 410}, says(GoneError, "Pipedrive has no such thing ({said})")),
    Row("in trouble", {408, 409, *TROUBLE}, _trouble),
    Row("anything else", ANY, says(FatalError, "Pipedrive refuses the request ({status}: {said})")),
)
"""Developer docs: HTTP status codes, Rate limiting. The first row that fits counts."""


def classify(response: httpx.Response) -> None:
    """Raise what a bad answer stands for."""
    if is_stranger(response):
        raise FatalError(
            f"what answers is not Pipedrive's API ({response.status_code}): check "
            "PIPEDRIVE_COMPANY_DOMAIN or PIPEDRIVE_BASE_URL"
        )
    if response.status_code >= 300:
        reply = read(response)
        raise meaning(ROWS, reply).error(reply)


def read(response: httpx.Response) -> Reply:
    """A bad answer in Pipedrive's envelope, in that of webhooks (``errors`` by field), or none."""
    try:
        body: Any = json.loads(response.content)
    except ValueError:
        body = None
    found = body if isinstance(body, dict) else {}
    parts = (found.get("error"), found.get("error_info"))
    said = "; ".join(str(part) for part in parts if part)
    errors = found.get("errors")
    complaints = errors if isinstance(errors, dict) else {}
    said = said or "; ".join(f"{name}: {_plain(why)}" for name, why in complaints.items())
    if not said:
        said = "no explanation" if body is not None else response.reason_phrase or "no explanation"
    code = str(found.get("code") or "")
    return Reply(response.status_code, said, response.headers, code, tuple(map(str, complaints)))


def _plain(why: Any) -> str:
    return ", ".join(map(str, why)) if isinstance(why, list) else str(why)


def observe(response: httpx.Response) -> Observation:
    """The burst window, and the day's tokens where the undocumented headers are there.

    A search counts in a window of its own, too; its headers do not say which one they mean.
    """
    general = "earch" not in _path(response)
    return Observation(
        remaining=_whole(response, "x-daily-ratelimit-token-remaining"),
        daily=_whole(response, "x-daily-ratelimit-token-limit"),
        burst=_whole(response, "x-ratelimit-limit") if general else None,
        burst_left=_whole(response, "x-ratelimit-remaining") if general else None,
    )


def _path(response: httpx.Response) -> str:
    try:
        return response.request.url.path
    except RuntimeError:  # an answer to no request
        return ""


def _whole(response: httpx.Response, name: str) -> int | None:
    found = number(response.headers.get(name))
    return None if found is None or found < 0 else int(found)
