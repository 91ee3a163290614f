"""Every field of every kind of record, both ways; values that one side cannot hold."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from crm_pipelines_tests.integration.two_way.sides import Sides

NOON = datetime(2026, 5, 4, 12, 30, tzinfo=UTC)


def lead(sides: Sides, **values: Any) -> str:
    """A contact that the CRM has, with its organization."""
    company = sides.push.add("organizations", name="Analytical Engines", country="Estonia")
    contact = sides.push.lead(organization_id=company, email="ada@example.com", **values)
    sides.settle()
    return contact


def test_contacts(sides: Sides) -> None:
    contact = lead(sides, phone="+372 5")
    other = sides.adopt("organizations", 3)
    sides.change(
        "contacts",
        contact,
        name="Countess Lovelace",
        emails=[
            {"value": "old@example.com", "primary": False, "label": "home"},
            {"value": "countess@example.com", "primary": True, "label": "work"},
        ],
        phones=[],
        org_id=3,
    )
    before = sides.commands()
    sides.settle()
    row = sides.row("contacts", contact)
    assert (row["name"], row["email"], row["phone"], row["organization_id"]) == (
        "Countess Lovelace",
        "countess@example.com",
        None,
        other,
    )
    assert row["pipedrive_org_id"] == 3 and row["update_sync_status"] == "SYNCED"
    assert sides.commands() == before
    sides.push.change("contacts", contact, name="Ada", phone="+372 6", organization_id=None)
    sides.settle()
    record = sides.push.remote("contacts", contact)
    assert (record["name"], record["org_id"]) == ("Ada", None)
    assert [one["value"] for one in record["phones"]] == ["+372 6"]
    assert sides.differences() == []
    assert sides.balance().writes == sides.balance().echoes == 3


def test_who_changed_it_is_in_the_audit_log(sides: Sides) -> None:
    contact = lead(sides)
    record = sides.change("contacts", contact, name="Somebody")
    sides.settle()
    [line] = sides.query(
        "SELECT * FROM sync.audit_log WHERE action = 'record.take_over'"
        " AND subject LIKE 'person/%%' ORDER BY id DESC LIMIT 1"
    )
    assert line["before"] == {"name": "Ada Lovelace"} and line["after"] == {"name": "Somebody"}
    assert line["who"] == "pipedrive user 1" and line["details"]["local_id"] == contact
    stamp = datetime.fromisoformat(record["update_time"])
    assert sides.row("contacts", contact)["last_pipedrive_update"] == stamp


def test_organizations(sides: Sides) -> None:
    contact = lead(sides)
    company = sides.row("contacts", contact)["organization_id"]
    sides.change(
        "organizations",
        company,
        name="Engines & Co",
        address={"value": "Main Street 1", "country": "Latvia"},
    )
    sides.settle()
    row = sides.row("organizations", company)
    assert (row["name"], row["address"], row["country"]) == (
        "Engines & Co",
        "Main Street 1",
        "Latvia",
    )
    sides.push.change("organizations", company, name="Engines", country="Estonia", address=None)
    sides.settle()
    assert sides.push.remote("organizations", company)["name"] == "Engines"
    assert sides.differences() == []


def test_an_industry_that_the_account_has_no_field_for_stays(sides: Sides) -> None:
    """What the CRM has no place for is not wiped out by its silence."""
    company = sides.push.add("organizations", name="Mills", industry="Flour")
    sides.push.lead(organization_id=company)
    sides.settle()
    if sides.push.remote("organizations", company).get("industry") is None:
        sides.change("organizations", company, name="Mills Ltd")
        sides.settle()
        assert sides.row("organizations", company)["industry"] == "Flour"
    assert sides.row("organizations", company)["name"].startswith("Mills")


def test_deals(sides: Sides) -> None:
    contact = lead(sides)
    deal = sides.push.add("deals", title="Engine", contact_id=contact, value=Decimal("10.5"))
    sides.settle()
    row = sides.row("deals", deal)
    assert row["stage_id"] is not None and row["currency"] is not None  # the CRM's own defaults
    sides.change("deals", deal, title="Two engines", value=20.25, currency="EUR", status="won")
    sides.settle()
    row = sides.row("deals", deal)
    assert (row["title"], row["value"], row["currency"], row["status"]) == (
        "Two engines",
        Decimal("20.25"),
        "EUR",
        "won",
    )
    sides.push.change("deals", deal, value=30, status="open", title="Three engines")
    sides.settle()
    assert sides.push.remote("deals", deal)["value"] == 30
    sides.change("deals", deal, stage_id=3, person_id=None)
    sides.settle()
    row = sides.row("deals", deal)
    assert (row["stage_id"], row["contact_id"]) == (3, None)
    assert sides.differences() == []


def test_activities(sides: Sides) -> None:
    contact, other = lead(sides), sides.adopt("contacts", 7)
    activity = sides.push.add(
        "activities",
        contact_id=contact,
        type="LINKEDIN",
        subject="Hello",
        note="a < b\nc  d",
        due_at=NOON,
        duration=timedelta(minutes=90),
    )
    sides.settle()
    assert sides.differences() == []
    sides.change("activities", activity, subject="Bye", done=True, type="task")
    sides.settle()
    row = sides.row("activities", activity)
    assert (row["subject"], row["done"], row["type"]) == ("Bye", True, "LINKEDIN")
    assert row["note"] == "a < b\nc  d"
    sides.change(
        "activities",
        activity,
        type="call",
        due_date="2026-06-01",
        due_time="09:15",
        duration="00:45",
        note="<p>Said <b>no</b> &amp; left</p><p>Twice</p>",
        participants=[{"person_id": 7, "primary": True}],
    )
    sides.settle()
    row = sides.row("activities", activity)
    assert (row["type"], row["due_at"]) == ("CALL", datetime(2026, 6, 1, 9, 15, tzinfo=UTC))
    assert row["duration"] == timedelta(minutes=45)
    assert row["note"] == "Said no & left\nTwice"
    assert row["contact_id"] == other
    sides.push.change("activities", activity, type="EMAIL", due_at=None, done=False, note=None)
    sides.settle()
    assert sides.push.remote("activities", activity)["type"] == "email"
    assert sides.differences() == []


def test_owners(sides: Sides) -> None:
    known = {one["id"]: one["email"] for one in sides.sandbox.truth("pipedrive", "users")}
    users = {
        remote: sides.push.add("users", email=known[remote], pipedrive_user_id=remote)
        for remote in (1, 2)
    }
    stranger = sides.push.add("users", email="nobody@example.com")
    contact, other = lead(sides, user_id=users[2]), sides.push.lead("B", user_id=stranger)
    sides.settle()
    assert sides.row("contacts", other)["user_id"] == stranger
    sides.change("contacts", contact, owner_id=1)
    sides.settle()
    assert sides.row("contacts", contact)["user_id"] == users[1]
    sides.change("contacts", contact, owner_id=3)
    sides.change("contacts", other, name="C")
    sides.settle()
    assert sides.row("contacts", contact)["user_id"] == users[1]  # 3 is nobody here
    assert sides.row("contacts", other)["user_id"] == stranger
    sides.change("contacts", other, owner_id=2)
    sides.settle()
    assert sides.row("contacts", other)["user_id"] == users[2]


@pytest.mark.parametrize(
    ("body", "column"),
    [
        ({"title": " "}, "title"),
        ({"currency": "eur!"}, "currency"),
        ({"status": "thinking"}, "status"),
        ({"stage_id": -1}, "stage_id"),
    ],
)
def test_a_value_that_does_not_fit_is_left_out(
    sides: Sides, body: dict[str, Any], column: str
) -> None:
    """And nothing else with it; people are told."""
    contact = lead(sides)
    deal = sides.push.add("deals", title="Engine", contact_id=contact, value=1, currency="EUR")
    sides.settle()
    before = sides.row("deals", deal)[column]
    sides.change("deals", deal, value=5, **body)
    sides.settle()
    row = sides.row("deals", deal)
    assert row[column] == before and row["value"] == 5
    [line] = sides.query(
        "SELECT details FROM sync.audit_log WHERE action = 'record.take_over'"
        " ORDER BY id DESC LIMIT 1"
    )
    assert column in line["details"]["left_out"]


def test_what_the_table_refuses_is_left_out(sides: Sides) -> None:
    """Other rows of the batch, and other columns of the row, are written all the same."""
    contact = lead(sides)
    others = [sides.push.lead(f"L{n}", email=f"l{n}@example.com") for n in range(3)]
    sides.settle()
    sides.query("ALTER TABLE app.contacts ADD CHECK (name <> 'Voldemort')")
    for one in (contact, *others):
        sides.change("contacts", one, phones=[{"value": "1", "primary": True}], name="Voldemort")
    sides.change("contacts", others[0], name="Harry")
    sides.settle()
    found = {one: sides.row("contacts", one) for one in (contact, *others)}
    assert {row["phone"] for row in found.values()} == {"1"}
    assert found[others[0]]["name"] == "Harry" and found[contact]["name"] == "Ada Lovelace"


def test_hostile_texts(sides: Sides) -> None:
    contact = lead(sides)
    for text in ("'; DROP TABLE app.contacts; --", "\u202eevil", "a\\u0000b", "%(name)s {0}"):
        sides.change("contacts", contact, name=text)
        sides.settle()
        assert sides.row("contacts", contact)["name"] == text
    sides.change("contacts", contact, name="nul\0byte")
    sides.settle()
    assert sides.row("contacts", contact)["name"] == "nulbyte"


def test_an_empty_field_over_there_does_not_wipe_what_was_never_sent(sides: Sides) -> None:
    """A row that somebody linked by hand knows more than its record."""
    there = sides.sandbox.truth("pipedrive", "persons")[0]
    sides.change_record("persons", there["id"], phones=[], name="Linked")
    sides.post.work()
    contact = sides.push.add(
        "contacts", name="By hand", phone="+372 5", pipedrive_person_id=there["id"]
    )
    sides.change_record("persons", there["id"], org_id=None)
    sides.settle()
    assert sides.row("contacts", contact)["phone"] == "+372 5"
    sides.change_record(
        "persons", there["id"], phones=[{"value": "1", "primary": True}], name="Again"
    )
    sides.settle()
    assert sides.row("contacts", contact)["phone"] == "1"
    sides.change_record("persons", there["id"], phones=[])
    sides.settle()
    row = sides.row("contacts", contact)
    assert (row["name"], row["phone"]) == ("Again", None)
