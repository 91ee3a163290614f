"""Page markers: where a list goes on, bound to the query it belongs to."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec

from crm_pipelines.sandbox.pipedrive.refusals import bad_request


def fingerprint(path: str, query: Mapping[str, Any]) -> str:
    """What a marker is bound to: the list and its filters, not the size of its pages."""
    parts = {name: value for name, value in query.items() if name not in ("limit", "cursor")}
    text = path + repr(sorted(parts.items(), key=lambda part: part[0]))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def write(bound_to: str, field: str, *, descending: bool, value: Any, identity: Any) -> str:
    """An opaque text for the last record of a page."""
    marker = {
        "field": field,
        "fieldValue": value,
        "sortDirection": "desc" if descending else "asc",
        "id": identity,
        "query": bound_to,
    }
    return base64.urlsafe_b64encode(msgspec.json.encode(marker)).decode().rstrip("=")


def read(text: str, bound_to: str) -> tuple[Any, Any]:
    """The sort value and id after which to go on. Raises a ``Refusal`` (400)."""
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        marker = msgspec.json.decode(raw)
        value, identity, bound = marker["fieldValue"], marker["id"], marker["query"]
    except (binascii.Error, msgspec.DecodeError, KeyError, TypeError, ValueError) as error:
        raise bad_request("Invalid cursor") from error
    if bound != bound_to:
        raise bad_request("Invalid cursor: it belongs to another query")
    return value, identity
