"""Records as webhooks show them, in the shape that the API has for them.

Webhooks of version 2.0 show most fields as the API does, but not all of them. Version 1.0 shows
records as API v1 did. What cannot be told for certain is left out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from crm_pipelines.connectors.pipedrive.declaration import PipedriveStream
from crm_pipelines.connectors.pipedrive.event_streams import stream_of
from crm_pipelines.model.stream import Field, Type

LARGEST = 2**63 - 1
CUSTOM_FIELDS = "custom_fields"
ALIKE = ("person", "organization", "deal", "activity")
"""Objects whose fields webhooks of version 2.0 show as the API does (Webhooks v2 migration guide);
of the others not enough is known."""

RENAMED: Mapping[str, Mapping[str, str]] = {
    "person": {"email": "emails", "phone": "phones"},
    "deal": {"user_id": "owner_id"},
    "activity": {"user_id": "owner_id", "created_by_user_id": "creator_user_id"},
}
"""Fields that API v1 called otherwise."""

_STAMP = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")


def new_record(object_: str, data: Mapping[str, Any]) -> tuple[dict[str, Any], bool]:
    """A record out of a webhook of version 2.0, and whether nothing of it had to be guessed."""
    stream = stream_of(object_)
    given = dict(data)
    if isinstance(given.get("visible_to"), str):
        given["visible_to"] = _whole(given["visible_to"])
    if object_ == "deal":  # does not say so itself: of a deleted one there is a delete
        given.setdefault("is_deleted", False)
    made, exact = _declared(stream, given)
    custom = made.pop(CUSTOM_FIELDS, None)
    if custom is not None:
        made[CUSTOM_FIELDS] = {code: None for code, value in custom.items() if value is None}
        exact = exact and len(made[CUSTOM_FIELDS]) == len(custom)
    elif any(field.name == CUSTOM_FIELDS for field in stream.fields):
        exact = False
    alive = not made.get("is_deleted") and made.get("status") != "deleted"
    return made, exact and object_ in ALIKE and alive


def old_record(object_: str, data: Mapping[str, Any]) -> dict[str, Any]:
    """A record out of a webhook of version 1.0, as far as it can be read."""
    stream, names = stream_of(object_), RENAMED.get(object_, {})
    given = {names.get(name, name): _modern(value) for name, value in data.items()}
    if isinstance(given.get("visible_to"), str):
        given["visible_to"] = _whole(given["visible_to"])
    if isinstance(given.get("active_flag"), bool):
        given.setdefault("is_deleted", not given["active_flag"])
    if isinstance(given.get("label"), int):
        given.setdefault("label_ids", [given["label"]])
    made, _ = _declared(stream, given)
    return made


def _declared(stream: PipedriveStream, given: Mapping[str, Any]) -> tuple[dict[str, Any], bool]:
    """The fields that the stream has and that look as they should; whether that is all of them."""
    made: dict[str, Any] = {}
    whole = True
    for name, fits in _shapes(stream).items():
        value = given.get(name)
        if name in given and (value is None or fits(value)):
            made[name] = value
        else:
            whole = False
    return made, whole


def _shapes(stream: PipedriveStream) -> dict[str, Callable[[Any], bool]]:
    found: dict[str, Callable[[Any], bool]] = {}
    for field in (stream.key, *stream.fields):
        top, _, rest = field.source.partition("[")
        found.setdefault(top, _is_list if rest else _shape(field))
    return found


def _shape(field: Field) -> Callable[[Any], bool]:
    return _is_object if field.name == CUSTOM_FIELDS else FITS[field.type]


def _is_list(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, dict) for one in value)


def _is_object(value: Any) -> bool:
    return isinstance(value, dict)


def _is_whole(value: Any) -> bool:
    return type(value) is int and -LARGEST <= value <= LARGEST


def _is_number(value: Any) -> bool:
    if isinstance(value, Decimal):
        return value.is_finite() and -30 < value.adjusted() < 30
    return _is_whole(value)


def _is_moment(value: Any) -> bool:
    """As API v2 writes moments."""
    if not isinstance(value, str) or not value.endswith("Z"):
        return False
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return False
    return True


FITS: Mapping[Type, Callable[[Any], bool]] = {
    Type.TEXT: lambda value: isinstance(value, str),
    Type.INTEGER: _is_whole,
    Type.DECIMAL: _is_number,
    Type.BOOLEAN: lambda value: isinstance(value, bool),
    Type.DATE: lambda value: isinstance(value, str),
    Type.TIME: lambda value: isinstance(value, str),
    Type.TIMESTAMP: _is_moment,
    Type.JSON: lambda value: isinstance(value, dict | list),
}
"""What a value of each kind looks like in the API's answers."""


def _whole(text: str) -> int | str:
    """The number; a text that is none stays what it is, and does not look as it should."""
    return int(text) if re.fullmatch(r"[0-9]{1,4}", text) else text


def _modern(value: Any) -> Any:
    """Moments as v2 writes them; what another record is named by instead of its summary."""
    if isinstance(value, str) and _STAMP.fullmatch(value):
        return value.replace(" ", "T") + "Z"
    if isinstance(value, dict):
        named = value.get("value", value.get("id"))
        return named if _is_whole(named) else value
    return value
