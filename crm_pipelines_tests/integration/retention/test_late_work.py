"""After the sweep everything goes on as if it had never been: doubles, late deliveries, drift."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from crm_pipelines.model.window import Mode
from crm_pipelines.store.inbox.arrivals import Arrival, insert
from crm_pipelines.store.retention import forget
from crm_pipelines_tests.integration.inbox.post import Body, Post
from crm_pipelines_tests.integration.two_way.sides import Sides, two_sides
from crm_pipelines_tests.sandbox_process import Sandbox

AGES = {
    "sync.inbox": ("received_at", "applied_at"),
    "sync.outbox": ("created_at", "delivered_at"),
    "sync.runs": ("started_at", "ended_at"),
}
KEEP = timedelta(days=90)


@pytest.fixture
def sides(environment: dict[str, str], sandbox: Sandbox) -> Iterator[Sides]:
    with two_sides(environment, sandbox) as found:
        yield found


def sweep(post: Post) -> dict[str, int]:
    """A hundred days later."""
    for table, columns in AGES.items():
        for column in columns:
            post.mirror.wiring.database.run_text(
                f"UPDATE {table} SET {column} = {column} - interval '100 days'"
            )
    return forget(post.mirror.wiring.database, KEEP)


def bring_late(post: Post, bodies: list[Body]) -> None:
    """What a gateway had on its disk, and could not put into the inbox for a week."""
    at = datetime.now(UTC) - timedelta(days=7)
    with post.mirror.wiring.database.transaction() as connection:
        insert(
            connection,
            [
                Arrival("default", "pipedrive", b["meta"]["id"], json.dumps(b).encode(), None, at)
                for b in bodies
            ],
        )
    post.flow.work()


def test_both_sides_go_on_where_they_were(sides: Sides) -> None:
    contact = sides.push.lead("Ada Lovelace", email="ada@example.com")
    sides.settle()
    for name in ("B", "C"):
        sides.push.change("contacts", contact, name=name)
        sides.settle()
    sides.change("contacts", contact, phones=[{"value": "1", "primary": True}])
    bodies = sides.post.bodies()
    sides.settle(bodies)
    sides.post.mirror("pipedrive.persons", mode=Mode.FULL)
    before, balance = sides.row("contacts", contact), sides.balance()
    gone = sweep(sides.post)
    assert gone["commands"] == 1 and gone["deliveries"] and gone["runs"]
    commands = sides.commands()
    bring_late(sides.post, bodies)
    sides.post.flow.catch_up()
    assert sides.push.push.reconcile() == 0
    sides.settle()
    assert (sides.row("contacts", contact), sides.balance()) == (before, balance)
    assert sides.differences() == [] and sides.commands() == commands
    sides.push.change("contacts", contact, name="D")
    sides.settle()
    assert sides.differences() == [] and sides.balance().echoes == balance.echoes + 1


def test_a_row_is_brought_to_the_crm_once_for_ever(sides: Sides) -> None:
    contact = sides.push.lead()
    sides.settle()
    sweep(sides.post)
    sides.push.change("contacts", contact, pipedrive_person_id=None)
    sides.push.change("contacts", contact, warmness_score=3)
    sides.push.change("contacts", contact, warmness_score=5)
    sides.settle()
    assert len(sides.push.made("persons")) == 1


def test_what_comes_when_its_successors_are_forgotten_is_asked_for(sides: Sides) -> None:
    """It says that a record is there, which was deleted since: nothing here speaks against it."""
    post, days_ago = sides.post, datetime.now(UTC) - timedelta(days=8)
    sides.sandbox.admin("POST", "/clock", {"now": f"{days_ago:%Y-%m-%dT%H:%M:%S}"})
    post.mirror("pipedrive.organizations", mode=Mode.FULL)
    id_ = post.change("POST", "organizations", {"name": "First"})["id"]
    post.change("DELETE", f"organizations/{id_}")
    made, deleted = post.bodies()
    post.work([deleted])
    sweep(post)
    post.mirror.query("DELETE FROM sync.inbox")  # the last of its kind goes with the next one
    bring_late(post, [made])
    assert post.states() == {"applied": 1}
    assert id_ not in post.mirror.rows("pipedrive.organizations")
