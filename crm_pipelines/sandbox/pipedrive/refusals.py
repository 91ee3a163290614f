"""How Pipedrive words its refusals: one class, and a function for each kind."""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.responses import HTMLResponse, Response

INFO = "Please check developers.pipedrive.com for more information about Pipedrive API."


class Refusal(Exception):
    """An answer that is not the wished one; raised anywhere, answered by the door."""

    def __init__(self, status: int, body: dict[str, Any], headers: dict[str, str] | None = None):
        super().__init__(body.get("error"))
        self.status, self.body, self.headers = status, body, headers or {}

    def response(self) -> Response:
        """As an HTTP answer."""
        return Response(
            msgspec.json.encode(self.body),
            self.status,
            headers=self.headers,
            media_type="application/json",
        )


def _envelope(error: str, **more: Any) -> dict[str, Any]:
    return {
        "success": False,
        "error": error,
        "error_info": INFO,
        "data": None,
        "additional_data": None,
        **more,
    }


def invalid(reason: str, *, code: str = "ERR_SCHEMA_VALIDATION_FAILED") -> Refusal:
    """400: a parameter or a body that does not fit the schema."""
    return Refusal(400, _envelope(f"Validation failed: {reason}", code=code))


def bad_request(reason: str) -> Refusal:
    """400 for other reasons."""
    return Refusal(400, _envelope(reason))


def unauthorized() -> Refusal:
    """401 as the gateway words it."""
    return Refusal(
        401,
        {
            "success": False,
            "error": "unauthorized access",
            "errorCode": 401,
            "error_info": INFO,
        },
        {"x-correlation-id": "sandbox", "x-401-by-gw": "true"},
    )


def forbidden(reason: str, code: str) -> Refusal:
    """403 in JSON: a permission or a feature is missing."""
    return Refusal(403, _envelope(reason, code=code))


def not_found(what: str) -> Refusal:
    """404: no such record, or a deleted one."""
    words = {"error": f"{what} was not found", "error_info": "Object was not found."}
    return Refusal(404, {**_envelope(""), **words, "code": "ERR_ENTITY_NOT_FOUND"})


def unknown_path() -> Refusal:
    """404: no such endpoint."""
    return Refusal(404, _envelope("Unknown method .", code="ERR_UNKNOWN_METHOD"))


def wrong_method(allowed: list[str]) -> Refusal:
    """405."""
    return Refusal(405, _envelope("Method not allowed"), {"allow": ", ".join(allowed)})


def out_of_support(instead: str) -> Refusal:
    """410: a v1 endpoint that was replaced."""
    return Refusal(410, _envelope(f"This endpoint is no longer available. Use {instead}."))


def wrong_media() -> Refusal:
    """415: a body that is not JSON."""
    return Refusal(415, _envelope("Unsupported media type: send application/json"))


def burst_spent(seconds: int, headers: dict[str, str]) -> Refusal:
    """429: too many requests in the window."""
    return Refusal(
        429,
        {
            "success": False,
            "error": "Request over limit",
            "errorCode": 429,
            "error_info": INFO,
        },
        {**headers, "retry-after": str(seconds)},
    )


def day_spent(seconds: int, headers: dict[str, str]) -> Refusal:
    """429: the day's tokens are gone."""
    return Refusal(
        429,
        {
            "success": False,
            "error": "daily request budget exceeded",
            "errorCode": 429,
            "error_info": "Please check developers.pipedrive.com",
        },
        {**headers, "retry-after": str(seconds)},
    )


def server_error() -> Refusal:
    """5xx."""
    return Refusal(503, _envelope("Service is temporarily unavailable"))


def blocked_page() -> HTMLResponse:
    """403 from the network in front of the API: HTML, no JSON."""
    return HTMLResponse(
        "<!DOCTYPE html>\n<html><head><title>Attention Required! | Cloudflare</title></head>"
        "<body><h1>Sorry, you have been blocked</h1>"
        "<p>You are unable to access pipedrive.com</p></body></html>\n",
        403,
        headers={"server": "cloudflare", "cf-ray": "sandbox"},
    )
