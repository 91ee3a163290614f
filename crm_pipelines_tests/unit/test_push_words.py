"""From local words to those of ``model.writable``, checked field by field."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crm_pipelines.flows.push.conflicts import compare
from crm_pipelines.flows.push.events import CallEvent, EmailEvent, call_event, email_event
from crm_pipelines.flows.push.outcome import TooEarly, Undecided
from crm_pipelines.flows.push.prepared import Prepared
from crm_pipelines.flows.push.rules import PushRules, Strategy
from crm_pipelines.flows.push.transform import transform
from crm_pipelines.flows.push.troubles import RETRIES, ROUNDS, judge
from crm_pipelines.flows.push.validate import check, validate
from crm_pipelines.model.command import Command, Entity, Kind, Status, Trigger
from crm_pipelines.model.errors import (
    BadCredentials,
    BudgetSpent,
    CircuitOpen,
    FatalError,
    InvalidData,
    OutcomeUnknown,
    Unreachable,
)
from crm_pipelines.model.sink import Found
from crm_pipelines.model.writable import FIELDS, Shape

RULES = PushRules.model_validate({})
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
COMMAND = Command(
    id=1,
    workspace="default",
    crm="pipedrive",
    entity=Entity.ACTIVITY,
    kind=Kind.CREATE,
    status=Status.PENDING,
    payload={},
    base={},
    local_id="a",
    remote_id=None,
    trigger=Trigger.SYNC,
    priority=2,
    version=1,
    attempts=0,
    created_at=NOON,
    sent_at=None,
)
ACTIVITY = {
    "id": "a",
    "remote_id": None,
    "updated_at": NOON,
    "type": "EMAIL",
    "subject": "Follow up email",
    "note": "Important follow up",
    "due_at": datetime(2025, 12, 25, 12, tzinfo=timezone(timedelta(hours=2))),
    "duration": timedelta(minutes=90),
    "done": False,
    "contact_id": "c",
    "contact_remote_id": 123,
    "deal_id": None,
    "deal_remote_id": None,
    "user_id": None,
    "user_email": None,
    "user_remote_id": None,
}


def prepare(command: Command, *rows: dict[str, Any]) -> Prepared:
    found = {row["id"]: row for row in rows}
    [one] = transform([command], RULES.types, lambda _, ids: {i: found[i] for i in ids})
    return one


def test_activity_as_the_crm_wants_it() -> None:
    assert prepare(COMMAND, ACTIVITY).values == {
        "subject": "Follow up email",
        "type": "email",
        "due_date": "2025-12-25",
        "due_time": "10:00:00",
        "duration": "01:30:00",
        "note": "Important follow up",
        "done": False,
        "person_id": 123,
    }


@pytest.mark.parametrize(
    ("local", "remote"),
    [
        ("CALL", "call"),
        ("EMAIL", "email"),
        ("MEETING", "meeting"),
        ("LINKEDIN", "task"),
        ("REFERRAL", "task"),
        ("CONFERENCE", "meeting"),
        ("lunch", "lunch"),
    ],
)
def test_types(local: str, remote: str) -> None:
    assert prepare(COMMAND, {**ACTIVITY, "type": local}).values["type"] == remote


def test_note_is_text_here_and_html_there() -> None:
    note = "a < b & c\n<script>alert(1)</script>"
    found = prepare(COMMAND, {**ACTIVITY, "note": note}).values["note"]
    assert found == "a &lt; b &amp; c<br>&lt;script&gt;alert(1)&lt;/script&gt;"


def test_an_owner_is_known_or_looked_up() -> None:
    owned = {**ACTIVITY, "user_id": "u", "user_email": "u@example.com"}
    assert prepare(COMMAND, owned).owner == "u@example.com"
    known = prepare(COMMAND, {**owned, "user_remote_id": 7})
    assert (known.owner, known.values["owner_id"]) == (None, 7)


def test_an_update_says_what_changed_and_from_what() -> None:
    command = replace(
        COMMAND,
        kind=Kind.UPDATE,
        payload={"due_at": "2025-12-25T10:00:00+00:00", "done": True},
        base={"due_at": "2025-12-24T23:30:00+00:00", "done": False},
    )
    row = {**ACTIVITY, "remote_id": 9, "done": True}
    one = prepare(command, row)
    assert one.values == {"due_date": "2025-12-25", "due_time": "10:00:00", "done": True}
    assert one.base == {"due_date": "2025-12-24", "due_time": "23:30:00", "done": False}
    assert one.remote_id == 9


def test_a_row_that_is_gone_is_a_problem() -> None:
    [one] = transform([COMMAND], RULES.types, lambda *_: {})
    assert validate([one])[0] == []


def test_prepared_commands_are_handed_on_as_json() -> None:
    one = prepare(COMMAND, ACTIVITY)
    again = msgspec.json.decode(msgspec.json.encode(one), type=Prepared)
    assert again == one


def test_amounts_stay_what_they_are() -> None:
    deal = {
        **dict.fromkeys(("currency", "stage_id", "organization_id", "organization_remote_id")),
        **dict.fromkeys(("contact_id", "contact_remote_id", "user_id", "user_email")),
        "id": "a",
        "remote_id": None,
        "updated_at": NOON,
        "title": "Deal",
        "value": Decimal("1200.50"),
        "status": "open",
    }
    one = prepare(replace(COMMAND, entity=Entity.DEAL), deal)
    assert one.values == {"title": "Deal", "value": 1200.5, "status": "open"}


@pytest.mark.parametrize(
    ("entity", "field", "value", "why"),
    [
        (Entity.PERSON, "name", " ", "cannot be empty"),
        (Entity.PERSON, "name", "x" * 256, "is longer than 255 characters"),
        (Entity.PERSON, "name", "a\x00b", "has characters that cannot be seen"),
        (Entity.PERSON, "name", "\ud800", "has characters that cannot be seen"),
        (Entity.PERSON, "name", 7, "must be text"),
        (Entity.PERSON, "name", None, "cannot be empty"),
        (Entity.PERSON, "email", "a@b.example", "must be a list"),
        (Entity.PERSON, "email", ["a b@c.example"], "'a b@c.example' is not an e-mail address"),
        (Entity.PERSON, "email", ["a@b"], "'a@b' is not an e-mail address"),
        (Entity.PERSON, "phone", ["none"], "'none' is not a phone number"),
        (Entity.PERSON, "label_ids", [1, "2"], "must be the number of a record"),
        (Entity.PERSON, "visible_to", 2, "must be 1, 3, 5 or 7"),
        (Entity.PERSON, "org_id", True, "must be the number of a record"),
        (Entity.DEAL, "value", float("nan"), "is too large"),
        (Entity.DEAL, "value", "12", "must be a number"),
        (Entity.DEAL, "currency", "euro", "must be a currency like EUR"),
        (Entity.DEAL, "status", "deleted", "must be open, won or lost"),
        (Entity.ACTIVITY, "due_date", "2026-02-30", "must be a date like 2026-01-31"),
        (Entity.ACTIVITY, "due_time", "24:00", "must be a time of day in UTC like 14:30:00"),
        (Entity.ACTIVITY, "due_time", "١٢:٣٠", "must be a time of day in UTC like 14:30:00"),
        (Entity.ACTIVITY, "duration", "-1", "must be hours and minutes like 01:30:00"),
        (Entity.ACTIVITY, "done", 1, "must be true or false"),
    ],
)
def test_what_cannot_be_written_is_named(entity: Entity, field: str, value: Any, why: str) -> None:
    _, problems = check(entity, Kind.UPDATE, {field: value})
    assert problems == {field: why}


def test_unknown_fields_are_named() -> None:
    _, problems = check(Entity.DEAL, Kind.UPDATE, {"nonsense": 1})
    assert problems["nonsense"].startswith("deal has no such field; there are currency,")


def test_a_create_needs_its_fields() -> None:
    assert check(Entity.ACTIVITY, Kind.CREATE, {})[1] == {
        "subject": "is needed",
        "type": "is needed",
    }


@settings(deadline=None)
@given(st.sampled_from(Entity), st.data())
def test_whatever_passes_passes_again(entity: Entity, data: st.DataObject) -> None:
    junk = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
    values = data.draw(
        st.dictionaries(st.sampled_from(sorted(FIELDS[entity])), junk | st.lists(junk, max_size=3))
    )
    checked, problems = check(entity, Kind.UPDATE, values)
    assert set(checked) | set(problems) == set(values)
    sound = {name: value for name, value in checked.items() if name not in problems}
    assert check(entity, Kind.UPDATE, sound) == (sound, {})


def test_every_shape_is_checked() -> None:
    used = {field.shape for fields in FIELDS.values() for field in fields.values()}
    assert used == set(Shape)


def person(values: dict[str, Any], base: dict[str, Any], **more: Any) -> Prepared:
    command = replace(COMMAND, entity=Entity.PERSON, kind=Kind.UPDATE)
    return Prepared(command, values, base=base, remote_id=5, **more)


def found(updated_at: datetime = NOON, **values: Any) -> Found:
    return Found(5, values, updated_at)


def test_only_what_differs_is_written() -> None:
    one = person({"name": "Ada", "phone": ["1"]}, {"name": "Bob"})
    change = compare(one, one.values, found(name="Bob", phone=["1"]), Strategy.MANUAL)
    assert (change.values, change.winners) == ({"name": "Ada"}, {})


def test_both_meant_the_same() -> None:
    one = person({"name": "Ada"}, {"name": "Bob"})
    change = compare(one, one.values, found(name=" Ada"), Strategy.MANUAL)
    assert (change.values, change.winners) == ({}, {})


@pytest.mark.parametrize(
    ("strategy", "minutes", "winner"),
    [
        (Strategy.LATEST_WINS, 1, "ours"),
        (Strategy.LATEST_WINS, -1, "theirs"),
        (Strategy.LOCAL_WINS, -1, "ours"),
        (Strategy.CRM_WINS, 1, "theirs"),
        (Strategy.MANUAL, 1, ""),
    ],
)
def test_who_wins(strategy: Strategy, minutes: int, winner: str) -> None:
    made = NOON + timedelta(minutes=minutes)
    one = person({"name": "Ada"}, {"name": "Bob"}, changed_at=made)
    change = compare(one, one.values, found(name="Cleo"), strategy)
    assert change.winners == {"name": winner}
    assert change.theirs == {"name": "Cleo"}
    assert change.undecided is (winner == "")
    assert ("name" in change.values) is (winner != "theirs")


def test_without_a_base_ours_is_what_is_wanted() -> None:
    one = person({"name": "Ada"}, {})
    assert compare(one, one.values, found(name="Cleo"), Strategy.MANUAL).values == {"name": "Ada"}


def test_other_addresses_stay() -> None:
    one = person({"email": ["new@x.example"]}, {"email": ["old@x.example"]}, primary=("email",))
    there = found(email=["Old@x.example", "private@x.example"])
    change = compare(one, one.values, there, Strategy.MANUAL)
    assert change.values == {"email": ["new@x.example", "private@x.example"]}
    assert change.winners == {}


def test_troubles() -> None:
    later = NOON + timedelta(days=1)
    spent = judge(BudgetSpent("spent", later), 1)
    assert (spent.status, spent.retry_at, spent.counts, spent.stops) == (
        Status.PENDING,
        later,
        False,
        True,
    )
    opened = judge(CircuitOpen("open", later), 9)
    assert (opened.status, opened.counts) == (Status.PENDING, False)
    for error in (Unreachable("gone"), BadCredentials("no"), TooEarly("wait", later)):
        assert (judge(error, 9).status, judge(error, 9).counts) == (Status.PENDING, False)
    assert judge(InvalidData("bad", ("name",)), 1).problems == ("name",)
    assert judge(FatalError("no"), 1).status is Status.DEAD
    assert judge(Undecided("k", "w", {}, {}), 1).status is Status.DEAD
    course = [judge(OutcomeUnknown("?"), n).status for n in range(1, RETRIES + ROUNDS + 2)]
    assert course == [Status.PENDING] * RETRIES + [Status.FAILED] * ROUNDS + [Status.DEAD]


def test_emails_become_activities() -> None:
    event = EmailEvent("7", "a@x.example", "Hello", NOON, "delivered", "Spring")
    made = email_event(event)
    assert (made.id, made.type, made.subject, made.done) == (
        "email:7",
        "EMAIL",
        "Email: Hello",
        True,
    )
    assert made.note == "Status: delivered\nCampaign: Spring"
    assert not email_event(replace(event, status="opened")).done


def test_calls_become_activities() -> None:
    made = call_event(CallEvent("7", "a@x.example", NOON, 12, "went well"))
    assert (made.subject, made.duration, made.done) == ("Call: 12m", timedelta(minutes=12), True)
