"""Edits of both sides and deliveries that cross each other, forced by their order."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest

from crm_pipelines.flows.inbox.local_side import take_over
from crm_pipelines.flows.inbox.sighted import Sighted
from crm_pipelines.model.command import Entity
from crm_pipelines.model.event import Action, Event
from crm_pipelines.model.priority import Priority
from crm_pipelines.model.window import Mode
from crm_pipelines.store import history
from crm_pipelines.store.database import Connection
from crm_pipelines_tests.integration.inbox.post import Body
from crm_pipelines_tests.integration.two_way.sides import Sides
from crm_pipelines_tests.receiver import wait_for


def lead(sides: Sides, name: str = "Ada Lovelace", **values: Any) -> str:
    """A contact that the CRM has; its own echo has come and gone."""
    contact = sides.push.lead(name, **values)
    sides.settle()
    return contact


@contextmanager
def delivering(sides: Sides, contact: str, applied: Callable[[], Any]) -> Iterator[Connection]:
    """In the block the push has sent what it sends, and its delivery cannot be noted: the row is
    in the hands of this connection."""
    with sides.push.wiring.database.connect() as connection, holding(connection, contact):
        worker = threading.Thread(target=sides.push.work)
        worker.start()
        wait_for(applied)
        yield connection
    worker.join()


@contextmanager
def holding(connection: Connection, contact: str) -> Iterator[None]:
    """The row of a contact is in other hands as long as the block lasts."""
    with connection.transaction():
        connection.execute("SELECT FROM app.contacts WHERE id = %s FOR UPDATE", (contact,))
        yield


def named(sides: Sides, contact: str, name: str) -> bool:
    return bool(sides.push.remote("contacts", contact)["name"] == name)


def sending(sides: Sides) -> list[Any]:
    return sides.query("SELECT id FROM sync.outbox WHERE status = 'sending'")


def only(bodies: list[Body], **meta: Any) -> list[Body]:
    return [body for body in bodies if meta.items() <= body["meta"].items()]


def statuses(sides: Sides) -> list[str]:
    return [row["status"] for row in sides.query("SELECT status FROM sync.inbox ORDER BY id")]


def test_an_echo_comes_before_its_delivery_is_noted(sides: Sides) -> None:
    contact = lead(sides)
    sides.push.change("contacts", contact, name="Countess")
    with delivering(sides, contact, lambda: named(sides, contact, "Countess")):
        applied = sides.post.work()
        assert applied.put_off == 1 and statuses(sides)[-1] == "waiting"
    sides.settle()
    assert statuses(sides) == ["echo", "echo"]
    assert (sides.balance().writes, sides.balance().echoes) == (2, 2)
    assert sides.commands() == 2 and sides.differences() == []


def test_the_echo_of_a_create_comes_before_its_delivery_is_noted(sides: Sides) -> None:
    contact = sides.push.lead("Early")
    with delivering(sides, contact, lambda: sides.push.made("persons")):
        applied = sides.post.work()
    assert applied.put_off == 1
    sides.settle()
    assert statuses(sides) == ["echo"] and sides.balance().echoes == 1


def test_somebody_else_writes_while_ours_is_under_way(sides: Sides) -> None:
    """Their change of another field is not lost, whichever is told first."""
    contact = lead(sides)
    sides.push.change("contacts", contact, name="Countess")
    with delivering(sides, contact, lambda: named(sides, contact, "Countess")):
        sides.change("contacts", contact, phones=[{"value": "1", "primary": True}], name="Theirs")
    bodies = sides.post.bodies()
    sides.post.work(only(bodies, change_source="app"))
    sides.settle(bodies)
    row = sides.row("contacts", contact)
    assert (row["name"], row["phone"]) == ("Theirs", "1")
    assert sorted(statuses(sides)) == ["applied", "echo", "echo"]
    assert sides.commands() == 2 and sides.differences() == []


def test_what_changes_while_our_answer_is_on_its_way_is_not_undone_by_it(sides: Sides) -> None:
    """The answer shows the record as it was before; the echo never comes."""
    contact = lead(sides)
    sides.sandbox.fault("slow_body", system="pipedrive", method="PATCH", path="persons", seconds=6)
    sides.push.change("contacts", contact, name="Countess")
    worker = threading.Thread(target=sides.push.work)
    worker.start()
    wait_for(lambda: named(sides, contact, "Countess"))
    sides.change("contacts", contact, phones=[{"value": "1", "primary": True}])
    theirs = only(sides.post.bodies(), change_source="app")
    sides.post.work(theirs)
    worker.join()
    sides.settle([])
    assert (len(theirs), sides.row("contacts", contact)["phone"]) == (1, "1")
    assert sides.differences() == []


def test_two_writes_of_ours_in_the_same_second(sides: Sides) -> None:
    contact = lead(sides)
    sides.stop_clock()
    for values in ({"name": "B"}, {"phone": "1"}, {"name": "C"}, {"name": "B"}):
        sides.push.change("contacts", contact, **values)
        sides.push.work()
    bodies = sides.post.bodies()
    for body in reversed(bodies):
        sides.post.work([body])
    sides.settle()
    assert sides.balance().writes == sides.balance().echoes == 5
    assert sides.differences() == []


def test_somebody_elses_change_of_the_same_second_is_no_echo(sides: Sides) -> None:
    contact = lead(sides)
    remote_id = sides.remote_id("contacts", contact)
    sides.stop_clock()
    sides.push.change("contacts", contact, name="Ours")
    sides.push.work()
    sides.change_by_program("persons", remote_id, phones=[{"value": "9", "primary": True}])
    sides.settle()
    assert sides.row("contacts", contact)["phone"] == "9"
    assert sides.balance().writes == sides.balance().echoes == 2
    assert statuses(sides).count("applied") == 1
    assert sides.differences() == []


def test_both_change_a_field_and_ours_wins(sides: Sides) -> None:
    contact = lead(sides)
    sides.change("contacts", contact, name="Theirs")
    bodies = sides.post.bodies()
    sides.push.change("contacts", contact, name="Ours")
    sides.query("UPDATE sync.outbox SET created_at = now() + interval '1 hour'")
    sides.post.work(bodies)
    assert sides.row("contacts", contact)["name"] == "Ours"
    sides.settle()
    assert sides.push.remote("contacts", contact)["name"] == "Ours"
    assert sides.differences() == []


def test_both_change_a_field_and_theirs_wins(sides: Sides) -> None:
    """Their value comes with the delivery of ours, though the webhook came long before."""
    contact = lead(sides)
    sides.sandbox.admin("POST", "/clock", {"advance_seconds": 3600})
    sides.change("contacts", contact, name="Theirs")
    sides.push.change("contacts", contact, name="Ours", phone="1")
    sides.post.work()
    assert sides.row("contacts", contact)["name"] == "Ours"
    sides.push.work()
    row = sides.row("contacts", contact)
    assert (row["name"], row["phone"]) == ("Theirs", "1")
    sides.settle()
    assert sides.differences() == [] and sides.commands() == 2


def test_a_later_edit_of_the_field_is_not_overwritten_when_theirs_wins(sides: Sides) -> None:
    contact = lead(sides)
    sides.sandbox.admin("POST", "/clock", {"advance_seconds": 3600})
    sides.change("contacts", contact, name="Theirs")
    sides.push.change("contacts", contact, name="Ours", phone="1")
    with delivering(sides, contact, lambda: sending(sides)) as connection:
        connection.execute("UPDATE app.contacts SET name = 'Later' WHERE id = %s", (contact,))
        connection.execute(
            "UPDATE sync.outbox SET next_attempt_at = now() + interval '1 hour'"
            " WHERE status = 'pending'"
        )
    assert sides.row("contacts", contact)["name"] == "Later"
    sides.settle()
    assert sides.differences() == []


def test_a_state_from_before_our_write_is_asked_for_again(sides: Sides) -> None:
    contact = lead(sides)
    sides.change("contacts", contact, name="Theirs")
    batch = sides.post.flow
    sides.post.put(sides.post.bodies())
    checked = batch.validate(batch.transform(batch.fetch()))
    sides.push.change("contacts", contact, phone="1")
    sides.push.work()
    batch.apply(checked)
    sides.settle()
    row = sides.row("contacts", contact)
    assert (row["name"], row["phone"]) == ("Theirs", "1") and sides.differences() == []


def test_a_state_that_was_asked_for_before_our_write_is_not_taken_over(sides: Sides) -> None:
    contact = lead(sides)
    sides.settle()
    flow, remote_id = sides.post.flow, sides.remote_id("contacts", contact)
    asked_at = history.database_time(flow.database)
    about = (flow.account.workspace, flow.account.crm, "tests", flow.account.limits)
    with closing(flow.account.open_asker(flow.budget.purse(*about, Priority.INTERACTIVE))) as asker:
        record = asker.records("person", [str(remote_id)])[str(remote_id)]
        found = asker.found(Entity.PERSON, record)
    sides.push.change("contacts", contact, name="Ours")
    sides.push.work()
    event = Event(1, "person", Action.CHANGE, str(remote_id), asked_at)
    seen = Sighted(event, Entity.PERSON, remote_id, found=found, asked_at=asked_at)
    with flow.database.transaction() as connection:
        taken = take_over(connection, flow.side(), [seen])
    assert taken.again == {1} and not taken.changed
    assert sides.row("contacts", contact)["name"] == "Ours"


def test_deliveries_twice_and_late(sides: Sides) -> None:
    contact = lead(sides)
    for name in ("B", "C", "D"):
        sides.change("contacts", contact, name=name)
    bodies = sides.post.bodies()
    for body in (bodies[2], bodies[0], bodies[2], bodies[1]):
        sides.post.work([body])
    sides.push.change("contacts", contact, name="E")
    sides.settle(bodies)
    assert sides.row("contacts", contact)["name"] == "E" and sides.differences() == []


@pytest.mark.parametrize("times", [1, 10])
def test_the_echo_of_a_write_whose_answer_was_lost(sides: Sides, times: int) -> None:
    """It is in the CRM, though nobody told us; the next attempt finds it, and so does the echo."""
    contact = lead(sides)
    sides.sandbox.fault(
        "lost_answer", system="pipedrive", method="PATCH", path="persons", times=times
    )
    sides.push.change("contacts", contact, name="Countess")
    sides.push.work()
    assert named(sides, contact, "Countess")
    sides.post.work()
    sides.sandbox.admin("DELETE", "/faults")
    sides.settle()
    assert statuses(sides).count("echo") == sides.balance().writes == 2
    assert sides.differences() == [] and sides.commands() == 2


def test_replaying_everything_changes_nothing(sides: Sides) -> None:
    contact = lead(sides)
    sides.change("contacts", contact, name="B")
    sides.settle()
    sides.push.change("contacts", contact, name="C")
    sides.settle()
    lines = len(sides.query("SELECT id FROM sync.audit_log"))
    before = sides.row("contacts", contact), sides.balance(), sides.commands()
    sides.query("UPDATE sync.inbox SET status = 'waiting'")
    sides.settle()
    assert (sides.row("contacts", contact), sides.balance(), sides.commands()) == before
    assert len(sides.query("SELECT id FROM sync.audit_log")) == lines


def test_what_deliveries_did_not_tell_is_caught_up(sides: Sides) -> None:
    """A ban loses them; a sync brings the mirror up to date, and rows follow it."""
    contact, other = lead(sides), lead(sides, "Bob")
    sides.change("contacts", contact, name="Lost", phones=[{"value": "1", "primary": True}])
    sides.post.bodies()
    sides.push.change("contacts", contact, email="ada@example.com")
    sides.push.work()
    sides.change("contacts", other, name="Lost, too")
    sides.post.bodies()
    sides.post.mirror("pipedrive.persons", mode=Mode.FULL)
    commands = sides.commands()
    done = sides.post.flow.catch_up()
    assert done.changed == 1  # the other one came with the delivery of ours
    assert sides.differences() == [] and sides.commands() == commands
    assert sides.push.push.reconcile() == 0
    assert sides.post.flow.catch_up().asked == 0


def test_a_dead_command_speaks_for_its_field_until_somebody_decides(sides: Sides) -> None:
    contact = lead(sides, email="ada@example.com")
    sides.push.change("contacts", contact, email="not an address")
    sides.push.work()
    sides.change(
        "contacts",
        contact,
        name="Theirs",
        emails=[{"value": "theirs@example.com", "primary": True}],
    )
    sides.settle()
    row = sides.row("contacts", contact)
    assert (row["name"], row["email"]) == ("Theirs", "not an address")
    assert row["update_sync_status"] == "FAILED"
    sides.push.change("contacts", contact, email="ours@example.com")
    sides.settle()
    assert sides.differences() == []
