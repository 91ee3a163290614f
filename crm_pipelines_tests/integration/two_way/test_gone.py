"""Records that are deleted or merged in the CRM."""

from __future__ import annotations

from crm_pipelines.flows.inbox.local_side import Side, take_over
from crm_pipelines.flows.inbox.sighted import Sighted
from crm_pipelines.model.command import Entity
from crm_pipelines.model.event import Action, Event
from crm_pipelines.model.sink import Found
from crm_pipelines.model.window import Mode
from crm_pipelines.store import local_changes
from crm_pipelines_tests.integration.two_way.sides import Sides


def lead(sides: Sides, name: str, **values: object) -> str:
    """A contact that the CRM has."""
    contact = sides.push.lead(name, **values)
    sides.settle()
    return contact


def merge(sides: Sides, gone: str, survivor: str, table: str = "contacts") -> None:
    collection = "persons" if table == "contacts" else table
    sides.sandbox.admin(
        "POST",
        f"/pipedrive/records/{collection}/{sides.remote_id(table, gone)}/merge",
        {"into": sides.remote_id(table, survivor)},
    )


def test_a_deleted_person_stays_deleted(sides: Sides) -> None:
    """The contact stays, without its link, and is no new lead."""
    contact = lead(sides, "Ada", email="ada@example.com")
    by_hand = sides.adopt("contacts", 5)
    sides.query("UPDATE app.contacts SET warmness_score = 5")
    sides.push.change("contacts", contact, phone="1")
    for one in (contact, by_hand):
        sides.delete("contacts", one)
    sides.settle()
    for one in (contact, by_hand):
        row = sides.row("contacts", one)
        assert row["pipedrive_person_id"] is None and row["update_sync_status"] == "SYNCED"
    commands = sides.commands()
    sides.query("UPDATE app.contacts SET warmness_score = 1")
    sides.query("UPDATE app.contacts SET warmness_score = 5, name = name || '!'")
    assert sides.push.push.reconcile() == 0 and sides.commands() == commands
    ended = sides.query("SELECT * FROM sync.record_links WHERE ended_at IS NOT NULL")
    assert {row["local_id"] for row in ended} == {contact, by_hand}


def test_somebody_asks_for_a_deleted_person(sides: Sides) -> None:
    contact = lead(sides, "Ada", email="ada@example.com")
    first = sides.remote_id("contacts", contact)
    sides.delete("contacts", contact)
    sides.settle()
    [delivery] = sides.push.push.check_warm_lead(contact)
    sides.settle()
    assert sides.remote_id("contacts", contact) == delivery.remote_id != first
    assert sides.differences() == []


def test_a_record_that_is_restored_is_linked_again(sides: Sides) -> None:
    contact = lead(sides, "Ada")
    first = sides.remote_id("contacts", contact)
    sides.delete("contacts", contact)
    sides.settle()
    assert sides.row("contacts", contact)["pipedrive_person_id"] is None
    now = local_changes.now(sides.push.wiring.database)
    event = Event(0, "person", Action.CHANGE, str(first), now)
    back = Found(first, {"name": "Back"}, now)
    with sides.push.wiring.database.transaction() as connection:
        side = Side("default", "pipedrive", {})
        take_over(connection, side, [Sighted(event, Entity.PERSON, first, back, now)])
    row = sides.row("contacts", contact)
    assert (row["pipedrive_person_id"], row["name"]) == (first, "Back")
    assert sides.query("SELECT FROM sync.record_links WHERE ended_at IS NOT NULL") == []


def test_deleted_deals_and_activities(sides: Sides) -> None:
    contact = lead(sides, "Ada")
    deal = sides.push.add("deals", title="Engine", contact_id=contact)
    activity = sides.push.add("activities", contact_id=contact, type="CALL", subject="Hello")
    sides.settle()
    sides.delete("deals", deal)
    sides.delete("activities", activity)
    sides.settle()
    row = sides.row("activities", activity)
    assert row["pipedrive_activity_id"] is None and not row["replicated_to_pipedrive"]
    assert sides.row("deals", deal)["pipedrive_deal_id"] is None
    sides.push.change("deals", deal, title="Two")
    assert sides.push.push.reconcile() == 0
    assert sides.push.work() == []


def test_a_delete_that_no_delivery_told_of(sides: Sides) -> None:
    contact = lead(sides, "Ada")
    sides.post.mirror("pipedrive.persons", mode=Mode.FULL)
    sides.delete("contacts", contact)
    sides.post.bodies()
    sides.post.mirror("pipedrive.persons", mode=Mode.FULL)
    sides.post.flow.catch_up()
    assert sides.row("contacts", contact)["pipedrive_person_id"] is None


def test_merged_persons(sides: Sides) -> None:
    """Links and references go with the record; both rows follow it from then on."""
    gone, survivor = lead(sides, "Ada", phone="1"), lead(sides, "Ada L.", email="a@example.com")
    activity = sides.push.add("activities", contact_id=gone, type="CALL", subject="Hello")
    deal = sides.push.add("deals", title="Engine", contact_id=gone)
    sides.settle()
    into = sides.remote_id("contacts", survivor)
    merge(sides, gone, survivor)
    sides.settle()
    assert {sides.remote_id("contacts", one) for one in (gone, survivor)} == {into}
    assert sides.row("contacts", gone)["name"] == "Ada L."
    assert sides.differences() == []
    sides.push.change("contacts", gone, name="From the one")
    sides.settle()
    assert sides.row("contacts", survivor)["name"] == "From the one"
    sides.push.change("contacts", survivor, name="From the other")
    sides.settle()
    assert sides.row("contacts", gone)["name"] == "From the other"
    sides.change("contacts", gone, name="From over there")
    sides.settle()
    assert sides.differences() == []
    assert sides.row("activities", activity)["contact_id"] == gone
    assert sides.row("deals", deal)["contact_id"] == gone
    assert sides.balance().writes == sides.balance().echoes


def test_an_open_command_goes_to_the_survivor(sides: Sides) -> None:
    gone, survivor = lead(sides, "Ada"), lead(sides, "Bob")
    sides.push.change("contacts", gone, phone="7")
    merge(sides, gone, survivor)
    sides.post.work()
    [command] = sides.query("SELECT * FROM sync.outbox WHERE status = 'pending'")
    assert command["remote_id"] == sides.remote_id("contacts", survivor)
    sides.settle()
    assert [one["value"] for one in sides.push.remote("contacts", survivor)["phones"]] == ["7"]
    assert sides.differences() == []


def test_merges_of_merges_in_any_order(sides: Sides) -> None:
    rows = [lead(sides, f"P{number}") for number in range(3)]
    last = sides.remote_id("contacts", rows[2])
    merge(sides, rows[0], rows[1])
    merge(sides, rows[1], rows[2])
    for body in reversed(sides.post.bodies()):
        sides.post.work([body])
    sides.settle()
    assert {sides.remote_id("contacts", one) for one in rows} == {last}
    sides.change("contacts", rows[2], name="All of them")
    sides.settle()
    assert {sides.row("contacts", one)["name"] for one in rows} == {"All of them"}


def test_merged_organizations(sides: Sides) -> None:
    rows = [sides.push.add("organizations", name=f"O{number}") for number in range(2)]
    contacts = [sides.push.lead(f"P{n}", organization_id=one) for n, one in enumerate(rows)]
    sides.settle()
    merge(sides, rows[0], rows[1], "organizations")
    sides.settle()
    into = sides.remote_id("organizations", rows[1])
    assert sides.remote_id("organizations", rows[0]) == into
    assert {sides.row("contacts", one)["pipedrive_org_id"] for one in contacts} == {into}
    assert sides.differences() == []
