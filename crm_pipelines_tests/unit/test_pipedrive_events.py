"""Bodies of Pipedrive's webhooks: what is read out of them, and what cannot be."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from crm_pipelines.connectors.pipedrive.events import identify, read
from crm_pipelines.model.event import Action, Event, Incoming, Poison, Unheard

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
ORGANIZATION: dict[str, Any] = {
    "id": 7,
    "name": "Ärzte & Söhne",
    "address": {"value": "Main St 1", "country": "US"},
    "owner_id": 3,
    "label_ids": [],
    "visible_to": "7",
    "website": None,
    "linkedin": None,
    "industry": None,
    "annual_revenue": 10.50,
    "employee_count": None,
    "is_deleted": False,
    "add_time": "2026-01-01T00:00:00Z",
    "update_time": "2026-11-21T12:00:00Z",
    "custom_fields": {"a" * 40: None},
}


def new_body(**meta: Any) -> dict[str, Any]:
    """A change of an organization in version 2.0."""
    said = {
        "action": "change",
        "entity": "organization",
        "entity_id": "7",
        "id": "event-1",
        "timestamp": "2026-11-21T12:00:00.250Z",
        "user_id": "5",
        "version": "2.0",
        "change_source": "api",
        **meta,
    }
    return {"meta": said, "data": dict(ORGANIZATION), "previous": {"name": "Ärzte"}}


def old_body(**more: Any) -> dict[str, Any]:
    """A change of a deal in version 1.0."""
    meta = {
        "v": 1,
        "action": "updated",
        "object": "deal",
        "id": 12,
        "user_id": 5,
        "timestamp": 1_795_262_400,
        "timestamp_micro": 1_795_262_400_250_000,
        "change_source": "app",
    }
    current = {
        "id": 12,
        "title": "Big one",
        "user_id": {"id": 3, "name": "Ann"},
        "person_id": {"value": 9, "name": "Bob"},
        "org_id": None,
        "stage_id": 4,
        "value": 10,
        "visible_to": "3",
        "update_time": "2026-11-21 12:00:00",
    }
    previous = {**current, "stage_id": 2}
    return {"v": 1, "meta": meta, "retry": 0, "current": current, "previous": previous, **more}


def read_body(body: Any) -> Event:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return read(Incoming(1, "one", raw, NOW))


def test_new_bodies_are_exact_where_nothing_is_guessed() -> None:
    event = read_body(new_body())
    assert (event.object, event.action, event.remote_id) == ("organization", Action.CHANGE, "7")
    assert event.at == datetime(2026, 11, 21, 12, 0, 0, 250_000, UTC)
    assert (event.user_id, event.source, event.version) == (5, "api", "2.0")
    assert event.previous == {"name": "Ärzte"}
    assert event.exact
    assert event.record == {**ORGANIZATION, "visible_to": 7, "annual_revenue": Decimal("10.5")}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("custom_fields", {"a" * 40: {"type": "enum", "id": 3}}),
        ("custom_fields", None),
        ("owner_id", {"id": 3}),
        ("visible_to", "everyone"),
        ("update_time", "2026-11-21 12:00:00"),
        ("annual_revenue", "10.50"),
        ("employee_count", 10**30),
        ("is_deleted", True),
    ],
)
def test_what_looks_otherwise_than_in_the_api_is_asked_for(field: str, value: Any) -> None:
    body = new_body()
    body["data"][field] = value
    event = read_body(body)
    assert event.record is not None
    assert not event.exact
    assert "type" not in json.dumps(event.record.get("custom_fields"))


def test_a_missing_field_is_asked_for() -> None:
    body = new_body()
    del body["data"]["website"]
    assert not read_body(body).exact


def test_deletes_and_merges_are_told_by_their_heads() -> None:
    body = {**new_body(action="delete", merged_to_id="9"), "data": None, "previous": ORGANIZATION}
    event = read_body(body)
    assert (event.action, event.record, event.merged_into) == (Action.DELETE, None, "9")
    assert event.previous["name"] == "Ärzte & Söhne"
    assert read_body(new_body(merged_from_id=8)).merged_from == "8"


def test_old_bodies_are_read_but_never_exact() -> None:
    event = read_body(old_body())
    assert (event.object, event.action, event.remote_id) == ("deal", Action.CHANGE, "12")
    assert event.at.microsecond == 250_000
    assert (event.version, event.exact) == ("1.0", False)
    assert event.record is not None
    wanted = {"owner_id": 3, "person_id": 9, "visible_to": 3, "update_time": "2026-11-21T12:00:00Z"}
    assert {name: event.record[name] for name in wanted} == wanted
    assert event.previous == {"stage_id": 2}
    merged = old_body(current=None)
    merged["meta"] |= {"action": "merged"}
    assert read_body(merged).merged_into == ""


def test_users_are_told_with_seconds() -> None:
    event = read_body(new_body(entity="user", timestamp=1_795_262_400))
    assert event.at == datetime.fromtimestamp(1_795_262_400, UTC)


def test_half_an_emoji_does_not_spoil_a_body() -> None:
    body = json.dumps(new_body()).replace("Main St 1", r"Main \ud83d 1").encode()
    assert read_body(body).remote_id == "7"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\x00",
        b"hello",
        b"[]",
        b"null",
        b"{}",
        b'{"meta": []}',
        b'{"meta": {}}',
        b"\xff\xfe{}",
        b'{"meta":' + b"[" * 1_000_000,
        b'{"meta":' + b"[" * 500_000 + b"]" * 500_000 + b"}",
        b'{"a":' * 200_000,
        new_body(entity=None),
        new_body(entity=""),
        new_body(action=7),
        new_body(version=None),
        new_body(entity_id=None),
        new_body(entity_id="7; DROP TABLE"),
        new_body(entity_id=-7),
        new_body(entity_id=True),
        new_body(entity_id=7.5),
        new_body(entity_id="9" * 30),
        new_body(entity_id=10**400),
        new_body(entity_id="7\u0000"),
        new_body(entity_id="\N{ARABIC-INDIC DIGIT SEVEN}"),
        new_body(entity_id="8"),  # the record says 7
        new_body(entity="lead"),  # ids of leads are UUIDs
        new_body(timestamp=None),
        new_body(timestamp="yesterday"),
        new_body(timestamp=10**300),
        new_body(timestamp=-1),
        new_body(timestamp=True),
        new_body(timestamp="0001-01-01T00:00:00+14:00"),
        b'{"meta": {"entity": "user", "version": "2.0", "action": "change", "entity_id": 1, '
        b'"timestamp": 1e999999999999}}',
        {**old_body(), "meta": {"v": 1, "action": "updated", "object": "deal"}},
    ],
)
def test_what_cannot_be_read_is_poison_with_words(body: Any) -> None:
    with pytest.raises(Poison) as told:
        read_body(body)
    assert 10 < len(str(told.value)) < 500


@pytest.mark.parametrize(
    "body",
    [
        new_body(entity="board"),
        new_body(entity="x" * 100_000),
        new_body(action="archived"),
        new_body(version="3.0"),
        new_body(version="9" * 1000),
    ],
)
def test_what_nobody_knows_is_unheard(body: Any) -> None:
    with pytest.raises(Unheard) as told:
        read_body(body)
    assert len(str(told.value)) < 200
    assert len(told.value.object + told.value.action + told.value.version) < 200


@pytest.mark.parametrize("value", [[], "", 0, 10**40, {"id": []}, None, "\u0000", {"a": {"b": []}}])
@pytest.mark.parametrize("place", ["data", "previous", "user_id", "change_source", "merged_to_id"])
def test_odd_values_elsewhere_do_no_harm(place: str, value: Any) -> None:
    body = (
        new_body() | {place: value} if place in ("data", "previous") else new_body(**{place: value})
    )
    try:
        event = read_body(body)
    except Poison:
        assert place == "data" and isinstance(value, dict)
        return
    assert event.remote_id == "7"
    assert event.user_id is None or 0 < event.user_id < 2**63


def test_events_are_known_by_their_own_ids() -> None:
    assert identify(json.dumps(new_body()).encode()) == "event-1"
    assert identify(json.dumps(new_body(id=5)).encode()) is None
    first, second = (json.dumps(old_body(retry=number)).encode() for number in (0, 3))
    other = json.dumps(old_body(retry=0, previous=None)).encode()
    assert identify(first) == identify(second) != identify(other)
    assert str(identify(first)).startswith("v1:")


@pytest.mark.parametrize("body", [b"", b"\x00", b"[]", b"{}", b"[" * 1_000_000, b'{"meta": 7}'])
def test_no_body_is_too_odd_to_be_asked_for_its_id(body: bytes) -> None:
    assert identify(body) is None
