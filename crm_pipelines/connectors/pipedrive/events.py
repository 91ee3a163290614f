"""Pipedrive's webhooks as events of one shape, version 2.0 and version 1.0."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec

from crm_pipelines.connectors.pipedrive import event_heads as heads
from crm_pipelines.connectors.pipedrive.asker import open_asker
from crm_pipelines.connectors.pipedrive.event_records import new_record, old_record
from crm_pipelines.connectors.pipedrive.event_streams import EVENT_STREAMS
from crm_pipelines.model.event import Action, Event, Events, Incoming, Poison
from crm_pipelines.model.json_text import mend_surrogates

BROKEN = (msgspec.MsgspecError, ValueError, RecursionError)
"""What decoding anybody's bytes may end with."""

_BODY = msgspec.json.Decoder(dict[str, Any], float_hook=Decimal)
_RETRY = re.compile(rb'"retry"\s*:\s*[0-9]+')
"""What the attempts of version 1.0 differ in."""

Body = Mapping[str, Any]


class _Meta(msgspec.Struct):
    id: Any = None
    version: Any = None
    v: Any = None


class _Head(msgspec.Struct):
    meta: _Meta | None = None
    v: Any = None


_HEAD = msgspec.json.Decoder(_Head)


def identify(body: bytes) -> str | None:
    """The event's id in version 2.0; 1.0 has none, so that what does not change between attempts
    stands for it. ``None`` for what is neither."""
    try:
        head = _HEAD.decode(body)
    except BROKEN:
        return None
    if head.meta is None:
        return None
    if head.v == 1 or head.meta.v == 1:
        return "v1:" + hashlib.sha256(_RETRY.sub(b"", body)).hexdigest()
    return head.meta.id if isinstance(head.meta.id, str) and head.meta.id else None


def read(incoming: Incoming) -> Event:
    """What a delivery says. Raises ``Poison`` and ``Unheard``."""
    try:
        body = _BODY.decode(mend_surrogates(incoming.body))
    except BROKEN as error:
        raise Poison(f"the body is no JSON object that can be read ({error})") from error
    meta = body.get("meta")
    if not isinstance(meta, dict):
        raise Poison("there is no meta that says what happened")
    version = heads.version_of(body, meta)
    return (_read_new if version == "2.0" else _read_old)(incoming, body, meta)


def _read_new(incoming: Incoming, body: Body, meta: Body) -> Event:
    object_ = heads.known_object(meta, "entity", "2.0")
    action = heads.known_action(meta, heads.NEW_ACTIONS, object_, "2.0")
    remote_id = heads.needed_identity(object_, meta.get("entity_id"))
    record, exact = None, False
    if action is not Action.DELETE and isinstance(body.get("data"), dict):
        record, exact = new_record(object_, body["data"])
        record = _named(object_, remote_id, record)
    previous = body.get("previous")
    return Event(
        delivery=incoming.id,
        object=object_,
        action=action,
        remote_id=remote_id,
        at=heads.moment(meta.get("timestamp")),
        record=record,
        exact=exact,
        previous=new_record(object_, previous)[0] if isinstance(previous, dict) else {},
        merged_into=heads.identity(object_, meta.get("merged_to_id")),
        merged_from=heads.identity(object_, meta.get("merged_from_id")),
        user_id=heads.user(meta.get("user_id")),
        source=_source(meta),
        version="2.0",
    )


def _read_old(incoming: Incoming, body: Body, meta: Body) -> Event:
    object_ = heads.known_object(meta, "object", "1.0")
    action = heads.known_action(meta, heads.OLD_ACTIONS, object_, "1.0")
    remote_id = heads.needed_identity(object_, meta.get("id"))
    record = None
    if action is not Action.DELETE and isinstance(body.get("current"), dict):
        record = _named(object_, remote_id, old_record(object_, body["current"]))
    previous = body.get("previous")
    return Event(
        delivery=incoming.id,
        object=object_,
        action=action,
        remote_id=remote_id,
        at=heads.old_moment(meta),
        record=record,
        previous=_previous(object_, previous, record) if isinstance(previous, dict) else {},
        merged_into="" if meta["action"] == "merged" else None,
        user_id=heads.user(meta.get("user_id")),
        source=_source(meta),
        version="1.0",
    )


def _named(object_: str, remote_id: str, record: dict[str, Any]) -> dict[str, Any]:
    """Raises ``Poison`` where the record is another than the one that the event is about."""
    said = record.get("id")
    if said is not None and heads.identity(object_, said) != remote_id:
        raise Poison(f"it is about {object_} {remote_id}, but shows {str(said)[:50]!r}")
    return record


def _previous(object_: str, given: Body, record: Body | None) -> dict[str, Any]:
    """Version 1.0 shows all of the old state: of a change, what is another now."""
    before = old_record(object_, given)
    if record is None:
        return before
    return {name: value for name, value in before.items() if record.get(name) != value}


def _source(meta: Body) -> str:
    said = meta.get("change_source")
    return said[:20] if isinstance(said, str) else ""


EVENTS = Events(identify=identify, read=read, streams=EVENT_STREAMS, ask=open_asker)
