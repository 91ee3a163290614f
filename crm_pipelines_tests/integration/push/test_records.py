"""Activities, deals and later changes: what the local side says is what Pipedrive says."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from crm_pipelines.flows.push.events import EmailEvent, email_event, log
from crm_pipelines.model.command import Entity, Kind, Status, Trigger, Wanted
from crm_pipelines.model.errors import InvalidData
from crm_pipelines.model.window import Mode
from crm_pipelines_tests.integration.push.pushing import Pushing

DUE = datetime(2026, 5, 1, 12, 30, tzinfo=UTC)
HOSTILE = [
    "Robert'); DROP TABLE app.contacts;--",
    "<script>alert(1)</script>",
    '"; {"name": "x"} \\',
    "%(name)s {0} ${x} %s",
    "日本語 ñ ü 🎉 \u202e",
    "line\nbreak\ttab",
    "../../etc/passwd?a=b&c=d#e",
]


def wanted(entity: Entity, remote_id: int, **payload: Any) -> Wanted:
    return Wanted(
        "default", "pipedrive", entity, Kind.UPDATE, payload, remote_id=remote_id, who="tests"
    )


@pytest.fixture
def linked(push: Pushing) -> str:
    """A contact that is in Pipedrive."""
    lead = push.lead(email="ada@lovelace.example.com", phone="+442071234567")
    push.work()
    return lead


def test_activity_is_replicated(push: Pushing, linked: str) -> None:
    activity = push.add(
        "activities",
        contact_id=linked,
        type="MEETING",
        subject="Demo",
        note="a < b\nsecond line",
        due_at=DUE,
        duration=timedelta(minutes=90),
    )
    push.work()
    found = push.remote("activities", activity)
    assert (found["subject"], found["type"]) == ("Demo", "meeting")
    assert found["due_date"] == "2026-05-01"
    assert found["due_time"].startswith("12:30")
    assert found["duration"].startswith("01:30")
    assert found["note"] == "a &lt; b<br>second line"
    assert found["person_id"] == push.row("contacts", linked)["pipedrive_person_id"]
    assert found["participants"][0]["primary"]
    row = push.row("activities", activity)
    assert row["replicated_to_pipedrive"]
    assert row["pipedrive_sync_attempts"] == 1
    assert row["last_pipedrive_sync_attempt"] is not None
    assert row["update_sync_status"] == "SYNCED"


def test_edits_and_done_follow(push: Pushing, linked: str) -> None:
    activity = push.add("activities", contact_id=linked, type="CALL", subject="Call", due_at=DUE)
    push.work()
    push.change("activities", activity, subject="Call again", due_at=DUE + timedelta(hours=13))
    push.change("activities", activity, done=True)
    [delivery] = push.work()
    assert delivery.status is Status.DELIVERED
    found = push.remote("activities", activity)
    assert (found["subject"], found["done"]) == ("Call again", True)
    assert (found["due_date"], found["due_time"][:5]) == ("2026-05-02", "01:30")


def test_activities_wait_for_their_contact(push: Pushing) -> None:
    cold = push.lead("Cold", warmness_score=1, email="cold@example.com")
    activity = push.add("activities", contact_id=cold, type="CALL", subject="Call")
    assert push.work() == []
    push.change("contacts", cold, warmness_score=5)
    push.work()
    assert push.remote("activities", activity)["subject"] == "Call"


def test_events_become_activities(push: Pushing, linked: str) -> None:
    event = EmailEvent("7", "ADA@lovelace.example.com", "Hello", DUE)
    database = push.wiring.database
    assert log(database, "default", email_event(event)) == "email:7"
    push.work()
    found = push.remote("activities", "email:7")
    assert (found["subject"], found["type"], found["done"]) == ("Email: Hello", "email", False)
    delivered = EmailEvent("7", "ada@lovelace.example.com", "Hello", DUE, "delivered")
    log(database, "default", email_event(delivered))
    log(database, "default", email_event(delivered))
    push.work()
    assert len(push.made("activities")) == 1
    assert push.remote("activities", "email:7")["done"]
    stranger = EmailEvent("8", "nobody@example.com", "Hello", DUE)
    assert log(database, "default", email_event(stranger)) is None


def test_a_deal_of_a_lead_moves(push: Pushing, linked: str) -> None:
    deal, command = push.push.create_deal(linked, title="First order", stage_id=2, value=1200.5)
    [delivery] = push.work(ids=[command])
    assert delivery.status is Status.DELIVERED
    found = push.remote("deals", deal)
    assert (found["title"], found["stage_id"], found["value"]) == ("First order", 2, 1200.5)
    assert found["person_id"] == push.row("contacts", linked)["pipedrive_person_id"]
    push.change("deals", deal, stage_id=3, status="won")
    push.work()
    found = push.remote("deals", deal)
    assert (found["stage_id"], found["status"]) == (3, "won")


def test_a_deal_needs_a_lead(push: Pushing) -> None:
    cold = push.lead("Cold", warmness_score=1)
    for contact in (cold, "nobody"):
        with pytest.raises(InvalidData):
            push.push.create_deal(contact, title="Deal", stage_id=1)
    with pytest.raises(InvalidData, match="title: cannot be empty"):
        push.push.create_deal(cold, title=" ", stage_id=1)
    assert push.query("SELECT id FROM app.deals") == []


def test_changes_go_in_order(push: Pushing, linked: str) -> None:
    """Commands that were written while others were in other hands are not overtaken."""
    for number in range(5):
        push.change("contacts", linked, name=f"Name {number}", phone=f"+44207123456{number}")
        push.query("UPDATE sync.outbox SET attempts = 1 WHERE status = 'pending'")
    since = len(push.sandbox.journal())
    push.work()
    assert push.remote("contacts", linked)["name"] == "Name 4"
    assert push.remote("contacts", linked)["phones"][0]["value"] == "+442071234564"
    assert all(row["status"] == "delivered" for row in push.outbox())
    assert [e["method"] for e in push.sandbox.journal(since)].count("PATCH") >= 1


def test_only_what_changed_is_sent(push: Pushing, linked: str) -> None:
    person = push.row("contacts", linked)["pipedrive_person_id"]
    push.sandbox.admin(
        "PATCH",
        f"/pipedrive/records/persons/{person}",
        {"phones": [{"value": "+3725550000", "primary": True}]},
    )
    push.change("contacts", linked, name="Ada King")
    push.work()
    found = push.remote("contacts", linked)
    assert (found["name"], found["phones"][0]["value"]) == ("Ada King", "+3725550000")


def test_what_is_so_already_is_not_sent(push: Pushing, linked: str) -> None:
    person = push.row("contacts", linked)["pipedrive_person_id"]
    push.sandbox.admin("PATCH", f"/pipedrive/records/persons/{person}", {"name": "Ada King"})
    push.change("contacts", linked, name="Ada King")
    since = len(push.writes())
    [delivery] = push.work()
    assert delivery.status is Status.DELIVERED
    assert len(push.writes()) == since


def test_other_addresses_are_kept(push: Pushing, linked: str) -> None:
    person = push.row("contacts", linked)["pipedrive_person_id"]
    mine = [
        {"value": "ada@lovelace.example.com", "primary": True, "label": "work"},
        {"value": "private@example.com", "primary": False, "label": "home"},
    ]
    push.sandbox.admin("PATCH", f"/pipedrive/records/persons/{person}", {"emails": mine})
    push.change("contacts", linked, email="new@example.com")
    push.work()
    emails = push.remote("contacts", linked)["emails"]
    assert [(e["value"], e["primary"], e["label"]) for e in emails] == [
        ("new@example.com", True, "work"),
        ("private@example.com", False, "home"),
    ]


@pytest.mark.parametrize(
    ("strategy", "younger", "winner"),
    [
        ("latest_wins", "ours", "Ours"),
        ("latest_wins", "theirs", "Theirs"),
        ("local_wins", "theirs", "Ours"),
        ("crm_wins", "ours", "Theirs"),
        ("manual", "ours", "Theirs"),
    ],
)
def test_conflicts(
    pushing: Callable[..., Pushing], strategy: str, younger: str, winner: str
) -> None:
    push = pushing(CRM_PUSH_CONFLICTS=strategy)
    lead = push.lead(email="ada@lovelace.example.com")
    push.work()
    person = push.row("contacts", lead)["pipedrive_person_id"]
    hour = timedelta(hours=1 if younger == "theirs" else -1)
    stamp = (datetime.now(UTC) + hour).strftime("%Y-%m-%dT%H:%M:%SZ")
    push.sandbox.admin(
        "PATCH",
        f"/pipedrive/records/persons/{person}",
        {"name": "Theirs", "update_time": stamp},
    )
    push.change("contacts", lead, name="Ours", phone="+442071234567")
    [delivery] = push.work()
    found = push.remote("contacts", lead)
    assert found["name"] == winner
    [conflict] = push.query("SELECT * FROM sync.conflicts")
    assert (conflict["ours"], conflict["theirs"]) == ({"name": "Ours"}, {"name": "Theirs"})
    if strategy == "manual":
        assert (delivery.status, conflict["status"]) == (Status.DEAD, "pending")
        assert "decide" in delivery.error
        assert found["phones"] == []
    else:
        assert (delivery.status, conflict["status"]) == (Status.DELIVERED, "resolved")
        assert conflict["resolution"] == {"name": winner.lower()}
        assert found["phones"][0]["value"] == "+442071234567"


def test_manual_update_by_the_crms_id(push: Pushing) -> None:
    person = push.sandbox.truth("pipedrive", "persons")[0]["id"]
    command = push.push.enqueue(
        wanted(Entity.PERSON, person, name="By Hand", email=["a@x.example.com", "b@x.example.com"])
    )
    [delivery] = push.work(ids=[command])
    assert (delivery.status, delivery.remote_id) == (Status.DELIVERED, person)
    [found] = [p for p in push.sandbox.truth("pipedrive", "persons") if p["id"] == person]
    assert found["name"] == "By Hand"
    assert [e["value"] for e in found["emails"]] == ["a@x.example.com", "b@x.example.com"]
    [line] = push.query("SELECT * FROM sync.audit_log WHERE action = 'record.update'")
    assert (line["who"], line["subject"]) == ("tests", f"person/{person}")
    assert line["after"]["name"] == "By Hand"
    assert line["before"]["name"] != "By Hand"
    [row] = push.outbox()
    assert row["fingerprint"]["values"]["name"] == "By Hand"
    assert row["fingerprint"]["update_time"]


def test_an_organization_by_name_is_found_or_made(push: Pushing) -> None:
    first, second = [p["id"] for p in push.sandbox.truth("pipedrive", "persons")[:2]]
    for person in (first, second):
        command = push.push.enqueue(wanted(Entity.PERSON, person, org_name="Brand New Ltd"))
        push.work(ids=[command])
    [company] = push.made("organizations")
    persons = push.sandbox.truth("pipedrive", "persons")
    assert {p["org_id"] for p in persons if p["id"] in (first, second)} == {company["id"]}


def test_an_organization_by_name_is_made_once_for_all(
    pushing: Callable[..., Pushing],
) -> None:
    """Side by side, with a search that is behind, and an answer that never came."""
    push = pushing(CRM_PUSH_GRACE_SECONDS="0")
    push.sandbox.admin("PATCH", "/pipedrive/limits", {"search_lag_seconds": 86_400})
    push.sandbox.fault("lost_answer", method="POST", path="/organizations")
    persons = [p["id"] for p in push.sandbox.truth("pipedrive", "persons")[:8]]
    for person in persons:
        push.push.enqueue(wanted(Entity.PERSON, person, org_name="Brand New Ltd"))
    push.work()
    push.hasten()
    push.work()
    assert {row["status"] for row in push.outbox()} == {"delivered"}
    [company] = push.made("organizations")
    found = push.sandbox.truth("pipedrive", "persons")
    assert {p["org_id"] for p in found if p["id"] in persons} == {company["id"]}


def test_a_record_that_is_linked_stands_in_line_with_its_row(push: Pushing) -> None:
    """Whoever knows the record's id only: what is said later is written later, and comes here."""
    lead = push.lead()
    push.work()
    person = push.remote("contacts", lead)["id"]
    push.change("contacts", lead, name="First", phone="+442071234567")
    push.push.enqueue(wanted(Entity.PERSON, person, name="Second"))
    push.query("UPDATE sync.outbox SET priority = 4 WHERE status = 'pending' AND trigger = 'sync'")
    push.work()
    assert push.remote("contacts", lead)["name"] == push.row("contacts", lead)["name"] == "Second"


def test_wrong_fields_are_refused_before_anything_is_written(push: Pushing) -> None:
    with pytest.raises(InvalidData, match=r"email: .* is not an e-mail address") as refused:
        push.push.enqueue(wanted(Entity.PERSON, 1, email=["nonsense"], nme="x"))
    assert refused.value.fields == ("email", "nme")
    assert push.outbox() == []


def test_a_record_that_is_gone(push: Pushing, linked: str) -> None:
    person = push.row("contacts", linked)["pipedrive_person_id"]
    push.sandbox.admin("DELETE", f"/pipedrive/records/persons/{person}")
    push.change("contacts", linked, name="Ada King")
    [delivery] = push.work()
    assert delivery.status is Status.DEAD
    assert "is not there any more" in delivery.error
    assert push.row("contacts", linked)["update_sync_status"] == "FAILED"


def test_values_that_only_the_crm_refuses(push: Pushing, linked: str) -> None:
    deal, command = push.push.create_deal(linked, title="Deal", stage_id=999)
    [delivery] = push.work(ids=[command])
    assert delivery.status is Status.DEAD
    assert push.row("deals", deal)["update_sync_status"] == "FAILED"
    push.change("deals", deal, stage_id=1)
    push.push.work()
    assert push.row("deals", deal)["pipedrive_deal_id"] is None or push.remote("deals", deal)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_texts_are_texts(push: Pushing, text: str) -> None:
    org = push.add("organizations", name=text, country=text, address=text)
    lead = push.lead(text, organization_id=org, phone="+442071234567")
    activity = push.add("activities", contact_id=lead, type="CALL", subject=text, note=text)
    push.work()
    assert [row["error"] for row in push.outbox() if row["status"] != "delivered"] == []
    said = " ".join(text.split()) if "\n" in text else text
    for table, identity, key in (
        ("organizations", org, "name"),
        ("contacts", lead, "name"),
        ("activities", activity, "subject"),
    ):
        assert " ".join(push.remote(table, identity)[key].split()) == " ".join(said.split())
    assert "<script>" not in (push.remote("activities", activity)["note"] or "")


def test_what_no_crm_takes_is_dead_with_its_field(push: Pushing) -> None:
    push.lead("Ada", email="not an address")
    push.lead("x" * 300)
    done = push.work()
    assert [one.status for one in done] == [Status.DEAD] * 2
    assert sorted(name for one in done for name in one.problems) == ["email", "name"]
    assert push.made("persons") == []
    assert push.writes() == []


def test_fifty_at_once(push: Pushing) -> None:
    persons = [p["id"] for p in push.sandbox.truth("pipedrive", "persons")]
    ids = [
        push.push.enqueue(
            Wanted(
                "default",
                "pipedrive",
                Entity.PERSON,
                Kind.UPDATE,
                {"name": f"Batch {n}"},
                remote_id=persons[n] if n < 25 else 900_000 + n,
                trigger=Trigger.BATCH,
            )
        )
        for n in range(50)
    ]
    done = push.work(ids=ids)
    assert [one.id for one in done] == ids
    assert [one.status for one in done] == [Status.DELIVERED] * 25 + [Status.DEAD] * 25


def test_reconciliation(push: Pushing, linked: str, mirror: Callable[..., object]) -> None:
    """What triggers could not see is found: rows added without them, changes without commands."""
    push.query("ALTER TABLE app.contacts DISABLE TRIGGER USER")
    push.query("ALTER TABLE app.activities DISABLE TRIGGER USER")
    lead = push.lead("Unseen", email="unseen@example.com")
    activity = push.add("activities", contact_id=linked, type="CALL", subject="Unseen")
    mirror("pipedrive.persons", mode=Mode.FULL)
    later = datetime.now(UTC) + timedelta(minutes=1)
    push.change("contacts", linked, name="Changed Unseen", updated_at=later)
    push.query("ALTER TABLE app.contacts ENABLE TRIGGER USER")
    push.query("ALTER TABLE app.activities ENABLE TRIGGER USER")
    assert push.push.reconcile() == 3
    assert push.push.reconcile() == 0
    assert {row["trigger"] for row in push.outbox() if row["status"] == "pending"} == {
        "reconciliation"
    }
    push.work()
    assert push.remote("contacts", lead)["name"] == "Unseen"
    assert push.remote("activities", activity)["subject"] == "Unseen"
    assert push.remote("contacts", linked)["name"] == "Changed Unseen"
