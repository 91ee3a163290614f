"""What Salesforce's answers mean: errors by status and code, and the quota by header."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import httpx

from crm_pipelines.model.call import Observation
from crm_pipelines.model.errors import (
    BadCredentials,
    CrmError,
    DailyLimit,
    FatalError,
    GoneError,
    LoginExpired,
    RetriableError,
)

CODES: dict[str, Callable[[str], CrmError]] = {
    "INVALID_SESSION_ID": LoginExpired,
    "INVALID_AUTH_HEADER": LoginExpired,
    "REQUEST_LIMIT_EXCEEDED": DailyLimit,
    "UNABLE_TO_LOCK_ROW": RetriableError,
    "SERVER_UNAVAILABLE": RetriableError,
    "UNKNOWN_EXCEPTION": RetriableError,
    "QUERY_TIMEOUT": RetriableError,
    "INVALID_QUERY_LOCATOR": GoneError,
    "NOT_FOUND": GoneError,
    "API_DISABLED_FOR_ORG": BadCredentials,
    "API_CURRENTLY_DISABLED": BadCredentials,
    "INVALID_LOGIN": BadCredentials,
}
"""What each error code asks of the caller (REST API guide, Status Codes and Error Responses)."""

_USAGE = re.compile(r"api-usage=(\d+)/(\d+)")


def classify(response: httpx.Response) -> None:
    """Raise what a bad answer stands for."""
    status = response.status_code
    if status < 300:
        return
    code, message = _first_error(response)
    if code in CODES:
        raise CODES[code](f"{message} ({code})")
    if status == 401:
        raise LoginExpired(message)
    if status == 404:
        raise GoneError(f"Salesforce has no such thing: {message}")
    if status == 409:
        raise GoneError(f"Salesforce wants the version the job was made with: {message}")
    if status in (408, 429) or status >= 500:
        raise RetriableError(f"Salesforce is in trouble ({status} {code}: {message})")
    raise FatalError(f"Salesforce refuses the request ({status} {code}: {message})")


def observe(response: httpx.Response) -> Observation:
    """The org's calls of the last 24 hours, from ``Sforce-Limit-Info``."""
    found = _USAGE.search(response.headers.get("sforce-limit-info", ""))
    if found is None:
        return Observation()
    used, most = int(found[1]), int(found[2])
    return Observation(remaining=max(0, most - used), daily=most)


def _first_error(response: httpx.Response) -> tuple[str, str]:
    try:
        body = json.loads(response.content)
    except ValueError:
        return "", response.reason_phrase or "no explanation"
    first = body[0] if isinstance(body, list) and body else body
    if not isinstance(first, dict):
        return "", "no explanation"
    code = first.get("errorCode") or first.get("error") or ""
    message = first.get("message") or first.get("error_description") or "no explanation"
    return str(code), str(message)
