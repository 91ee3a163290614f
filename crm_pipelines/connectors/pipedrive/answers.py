"""What Pipedrive's answers mean: errors by status and body, and the budget by headers."""

from __future__ import annotations

import json
from typing import Any

import httpx

from crm_pipelines.model.call import Observation
from crm_pipelines.model.errors import (
    BadCredentials,
    DailyLimit,
    FatalError,
    GoneError,
    RetriableError,
)

BURST_WAIT = 2.0
"""Seconds; the rolling window's length, when the answer does not say."""


def classify(response: httpx.Response) -> None:
    """Raise what a bad answer stands for (developer docs: HTTP status codes, Rate limiting)."""
    status = response.status_code
    if status < 300:
        return
    if status == 429:
        raise _too_many(response)
    said = _message(response)
    if status == 401:
        raise BadCredentials(
            f"Pipedrive does not accept the API token ({said}): copy it from Settings > Personal "
            "preferences > API in Pipedrive into PIPEDRIVE_API_TOKEN"
        )
    if status == 403 and "html" in response.headers.get("content-type", ""):
        raise FatalError(
            "Pipedrive's firewall blocks this address because too many refused calls were "
            "repeated: stop everything that uses this API token, and try again in an hour"
        )
    if status in (404, 410):
        raise GoneError(f"Pipedrive has no such thing ({said})")
    if status in (408, 409) or status >= 500:
        raise RetriableError(f"Pipedrive is in trouble ({status}: {said})")
    raise FatalError(f"Pipedrive refuses the request ({status}: {said})")


def _too_many(response: httpx.Response) -> Exception:
    asked = _number(response.headers.get("retry-after"))
    left = response.headers.get("x-daily-ratelimit-token-remaining")
    said = _message(response)
    if left == "0" or "daily" in said:
        return DailyLimit(said, None if asked is None or asked < 60 else asked)
    reset = _number(response.headers.get("x-ratelimit-reset"))
    return RetriableError(f"too many requests at once ({said})", max(reset or 0.0, BURST_WAIT))


def observe(response: httpx.Response) -> Observation:
    """The day's tokens, where the undocumented headers are there."""
    remaining = _number(response.headers.get("x-daily-ratelimit-token-remaining"))
    daily = _number(response.headers.get("x-daily-ratelimit-token-limit"))
    return Observation(
        remaining=None if remaining is None else int(remaining),
        daily=None if daily is None else int(daily),
    )


def _message(response: httpx.Response) -> str:
    try:
        body: Any = json.loads(response.content)
    except ValueError:
        return response.reason_phrase or "no explanation"
    if not isinstance(body, dict):
        return "no explanation"
    parts = (body.get("error"), body.get("error_info"))
    return "; ".join(str(part) for part in parts if part) or "no explanation"


def _number(text: str | None) -> float | None:
    try:
        return None if text is None else float(text)
    except ValueError:
        return None
