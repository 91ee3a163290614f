"""The part of a webhook's body that says what happened, in both versions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from crm_pipelines.connectors.pipedrive.event_streams import EVENT_STREAMS, stream_of
from crm_pipelines.model.event import Action, Poison, Unheard
from crm_pipelines.model.stream import Type

NEW_ACTIONS = {action.value: action for action in Action}
OLD_ACTIONS = {
    "added": Action.CREATE,
    "updated": Action.CHANGE,
    "deleted": Action.DELETE,
    "merged": Action.DELETE,
}
"""``merged`` is told of the record that went into another."""

_NUMBER = re.compile(r"0*([1-9][0-9]{0,17})")
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_MICRO_SLACK = 2.0
"""Seconds by which ``timestamp`` and ``timestamp_micro`` of a version 1.0 body may differ."""


def version_of(body: Mapping[str, Any], meta: Mapping[str, Any]) -> str:
    """``2.0`` or ``1.0``. Raises ``Unheard`` for another, ``Poison`` where there is none."""
    said = meta.get("version", body.get("v", meta.get("v")))
    if said is None:
        raise Poison("it does not say in which version it is written")
    number = str(said)[:20]
    if number.partition(".")[0] == "2":
        return "2.0"
    if number.partition(".")[0] == "1":
        return "1.0"
    raise Unheard(f"webhooks of version {number!r} are not known", version=number)


def known_object(meta: Mapping[str, Any], key: str, version: str) -> str:
    """What it is about. Raises ``Unheard`` for what we have no stream for."""
    said = meta.get(key)
    if not isinstance(said, str) or not said:
        raise Poison(f"meta.{key} does not say what it is about")
    if said not in EVENT_STREAMS:
        action = meta.get("action")
        raise Unheard(
            f"events about {said[:50]!r} are not mirrored",
            object_=said[:50],
            action=action[:50] if isinstance(action, str) else "",
            version=version,
        )
    return said


def known_action(
    meta: Mapping[str, Any], actions: Mapping[str, Action], object_: str, version: str
) -> Action:
    """What happened. Raises ``Unheard`` for what we do not know."""
    said = meta.get("action")
    if not isinstance(said, str) or not said:
        raise Poison("meta.action does not say what happened")
    if said not in actions:
        words = f"the action {said[:50]!r} is not known"
        raise Unheard(words, object_=object_, action=said[:50], version=version)
    return actions[said]


def identity(object_: str, said: Any) -> str | None:
    """An id as it is written everywhere; ``None`` for what can be none."""
    if isinstance(said, bool) or not isinstance(said, str | int):
        return None
    text = str(said) if not isinstance(said, int) or abs(said) < 10**18 else ""
    if stream_of(object_).key.type is Type.TEXT:
        return text if _UUID.fullmatch(text) else None
    found = _NUMBER.fullmatch(text)
    return found[1] if found else None


def needed_identity(object_: str, said: Any) -> str:
    """The same. Raises ``Poison`` for what can be none."""
    found = identity(object_, said)
    if found is None:
        raise Poison(f"{str(said)[:50]!r} is no id of a {object_}")
    return found


def user(said: Any) -> int | None:
    """Who did it, as far as it is told."""
    found = identity("user", said)
    return int(found) if found else None


def moment(said: Any) -> datetime:
    """A text (RFC 3339), or seconds since 1970. Raises ``Poison``."""
    try:
        if isinstance(said, str):
            found = datetime.fromisoformat(said)
            return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
        if isinstance(said, int | Decimal) and 1 < said < 10**11:
            return datetime.fromtimestamp(float(said), UTC)
    except (ValueError, OverflowError, ArithmeticError, OSError) as error:
        raise Poison(_no_moment(said)) from error
    raise Poison(_no_moment(said))


def _no_moment(said: Any) -> str:
    return f"{str(said)[:50]!r} is no time at which something happened"


def old_moment(meta: Mapping[str, Any]) -> datetime:
    """The finer one of the two times that version 1.0 tells, where they agree."""
    coarse, fine = moment(meta.get("timestamp")), meta.get("timestamp_micro")
    if isinstance(fine, int) and abs(fine / 1_000_000 - coarse.timestamp()) < _MICRO_SLACK:
        return datetime.fromtimestamp(fine / 1_000_000, UTC)
    return coarse
