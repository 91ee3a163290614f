"""Managing webhooks (``/v1/webhooks``): list, create, delete."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from starlette.responses import Response

from crm_pipelines.sandbox.pipedrive.items import author, find
from crm_pipelines.sandbox.pipedrive.operation import Call, Operation
from crm_pipelines.sandbox.pipedrive.records import encode
from crm_pipelines.sandbox.pipedrive.refusals import Refusal
from crm_pipelines.sandbox.pipedrive.schema import Record
from crm_pipelines.sandbox.pipedrive.values import Check, nullable, reference, text

ACTIONS = {
    "2.0": ("create", "change", "delete", "*"),
    "1.0": ("added", "updated", "merged", "deleted", "*"),
}
OBJECTS = (
    "activity",
    "deal",
    "lead",
    "note",
    "organization",
    "person",
    "pipeline",
    "product",
    "stage",
    "user",
    "*",
)
OLD_OBJECTS = (*OBJECTS, "activityType")
NEEDED = ("subscription_url", "event_action", "event_object", "name")
KEYS = (*NEEDED, "user_id", "http_auth_user", "http_auth_password", "version")

CHECKS: dict[str, Check] = {
    "name": nullable(text(255)),
    "user_id": nullable(reference("users")),
    "http_auth_user": nullable(text(255)),
    "http_auth_password": nullable(text(255)),
}


def operations() -> Iterator[Operation]:
    """There is no update."""
    yield Operation("GET", "/webhooks", "list_small", _list, {}, "v1")
    yield Operation("POST", "/webhooks", "create", _create, {}, "v1")
    yield Operation("DELETE", "/webhooks/{id}", "delete", _delete, {}, "v1")


def _answer(data: Any, status: int = 200) -> Response:
    body = encode({"status": "ok", "success": True, "data": data})
    return Response(body, status, media_type="application/json")


def _list(call: Call) -> Response:
    return _answer(list(call.company.records.each("webhooks")))


def _create(call: Call) -> Response:
    given = call.body if isinstance(call.body, dict) else {}
    errors = _errors(call, given)
    if errors:
        body = {"status": "error", "success": False, "errors": errors}
        raise Refusal(400, body)
    user = given.get("user_id") or call.caller.user_id
    owned = [h for h in call.company.records.each("webhooks") if h["user_id"] == user]
    if len(owned) >= call.company.limits["webhooks_per_user"]:
        words = "Webhooks limit reached for the user"
        raise Refusal(422, {"status": "error", "success": False, "errors": {"user_id": [words]}})
    chosen = {"version": "2.0", **given, "user_id": user, "owner_id": user, "admin_id": user}
    made = call.company.changes.create("webhooks", chosen, author(call))
    return _answer(made, 201)


def _errors(call: Call, given: Record) -> dict[str, list[str]]:
    errors: dict[str, list[str]] = {key: ["is not allowed"] for key in set(given) - set(KEYS)}
    errors |= {key: ["is required"] for key in NEEDED if not given.get(key)}
    version = given.get("version", "2.0")
    if not isinstance(version, str) or version not in ACTIONS:
        errors["version"] = [f"must be one of {', '.join(ACTIONS)}"]
        return errors
    objects = OBJECTS if version == "2.0" else OLD_OBJECTS
    for key, allowed in (("event_action", ACTIONS[version]), ("event_object", objects)):
        if key not in errors and given[key] not in allowed:
            errors[key] = [f"must be one of {', '.join(allowed)}"]
    if "subscription_url" not in errors and not is_reachable(given["subscription_url"]):
        errors["subscription_url"] = ["invalid or non-reachable URL"]
    for key, check in CHECKS.items():
        try:
            check(given.get(key), call.company)
        except ValueError as error:
            errors.setdefault(key, [str(error)])
    return errors


def is_reachable(url: Any) -> bool:
    """Whether the sandbox delivers there: to this machine only, whatever people type."""
    if not isinstance(url, str):
        return False
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
        local = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
    return local and parts.scheme in ("http", "https")


def _delete(call: Call) -> Response:
    record = find(call, "webhooks")
    call.company.changes.delete("webhooks", record["id"], author(call))
    return _answer(None)
