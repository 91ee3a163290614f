"""The history of deals: complete, whoever tells of it, how often, and in whatever order."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from crm_pipelines.flows.stages import history
from crm_pipelines.flows.stages.history import Transition
from crm_pipelines.store.database import Database
from crm_pipelines.store.stages import moves
from crm_pipelines_tests.integration.stages.staging import LISTS, Row, Staging, body

BEGIN = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
TOLD = ("previous_stage_id", "stage_id", "changed_at", "left_at", "duration_in_stage", "source")


def test_each_transition_acts_once_however_often_and_in_whatever_order(world: Staging) -> None:
    world.map(2, "update_lead_score", local_status="Second")
    world.map(3, "send_notification", local_status="Third")
    deals = world.linked_deals()[:4]
    for number, deal in enumerate(deals):
        contact = world.add_contact(world.deal(deal)["person_id"])
        first = world.move(deal, 2 if world.deal(deal)["stage_id"] != 2 else 5)
        second = world.move(deal, 3)
        bodies = [
            body(first, {"stage_id": 1}, at=_fine(first, 100)),
            body(second, {"stage_id": first["stage_id"]}, at=_fine(second, 200)),
        ] * 20
        order = random.Random(number)
        order.shuffle(bodies)
        for start in range(0, len(bodies), 7):
            world.hear(bodies[start : start + 7])
        world.run()
        assert world.way(deal)[-2:] == [(1, first["stage_id"]), (first["stage_id"], 3)]
        assert world.row(contact)["lead_status"] == "Third"
        assert world.hear(bodies) == [] and world.run() == 0  # replayed
    world.sync("deals")
    world.stages.work()
    moves_ = "SELECT history_id, position, count(*) FROM sync.stage_actions GROUP BY 1, 2"
    assert {row["count"] for row in world.query(moves_)} == {1}
    done = world.query("SELECT * FROM sync.audit_log WHERE action LIKE 'stage.%%'")
    assert len(done) == sum(row["status"] == "done" for row in world.actions())
    third = [row for row in world.actions() if row["action"] == "send_notification"]
    assert len(third) == 4 and {row["status"] for row in third} == {"done"}


def test_three_stages_within_one_second(world: Staging) -> None:
    """Only the stage that the deal is in sets something off; what it left is told as skipped."""
    for stage in (1, 2, 3):
        world.map(stage, "update_lead_score", probability=stage * 10)
    world.sandbox.admin(
        "POST", "/clock", {"now": f"{world.now():%Y-%m-%dT%H:%M:%SZ}", "frozen": True}
    )
    person = world.deal(world.linked_deals()[0])["person_id"]
    contact = world.add_contact(person)
    made = world.make(title="Quick", stage_id=1, person_id=person)
    second, third = world.move(made["id"], 2), world.move(made["id"], 3)
    assert made["add_time"] == second["stage_change_time"] == third["stage_change_time"]
    bodies = [
        body(made, None, action="create", at=_fine(made, 100)),
        body(second, {"stage_id": 1}, at=_fine(made, 200)),
        body(third, {"stage_id": 2}, at=_fine(made, 300)),
    ]
    world.sync("deals")  # the mirror knows the last one first
    world.stages.complete()
    for one in reversed(bodies):
        world.hear([one])
    world.run()
    assert world.way(made["id"]) == [(None, 1), (1, 2), (2, 3)]
    assert [row["duration_in_stage"] for row in world.history(made["id"])] == [
        timedelta(0),
        timedelta(0),
        None,
    ]
    assert world.row(contact)["lead_score"] == 30
    by_probability = {row["probability"]: row["status"] for row in world.actions()}
    assert by_probability == {10: "skipped", 20: "skipped", 30: "done"}


def test_a_change_from_the_future_came_when_it_was_told(world: Staging) -> None:
    deal = world.make(title="D", stage_id=1)
    moved = world.move(deal["id"], 2)
    world.hear([body({**moved, "stage_change_time": "2999-01-01T00:00:00Z"}, {"stage_id": 1})])
    world.hear([body(world.move(deal["id"], 3), {"stage_id": 2})])
    [*_, second, third] = world.history(deal["id"])
    assert (second["stage_id"], third["stage_id"], third["left_at"]) == (2, 3, None)
    assert second["changed_at"] <= third["changed_at"] <= world.now() + timedelta(minutes=1)


def test_a_deal_that_goes_on_before_its_action_ran(world: Staging) -> None:
    world.map(2, "update_lead_score")
    deal = world.linked_deals()[0]
    world.contact(deal)
    now = world.now()
    world.note(world.transition(deal, 2, 1, changed_at=now))
    world.note(world.transition(deal, 4, 2, changed_at=now + timedelta(seconds=3)))
    assert world.run() == 0
    [skipped] = world.actions()
    assert skipped["status"] == "skipped" and "went on to Proposal at" in skipped["outcome"]


def test_deals_that_never_moved_and_durations(world: Staging) -> None:
    world.stages.complete()
    rows = world.query("SELECT * FROM sync.stage_history")
    truth = {one["id"]: one for one in world.sandbox.truth("pipedrive", "deals")}
    assert {row["deal_id"] for row in rows} == set(truth)
    for row in rows:
        deal = truth[row["deal_id"]]
        since = deal["stage_change_time"] or deal["add_time"]
        assert (row["stage_id"], row["source"]) == (deal["stage_id"], "mirror")
        assert row["changed_at"] == datetime.fromisoformat(since)
        assert row["previous_stage_id"] is None and row["left_at"] is None
        assert row["deal_value"] is not None and row["currency"] == deal["currency"]
    still = next(one for one in truth.values() if not one["stage_change_time"])
    at = datetime.fromisoformat(still["add_time"]) + timedelta(hours=5)
    world.note(world.transition(still["id"], 99, still["stage_id"], changed_at=at))
    first, second = world.history(still["id"])
    assert first["duration_in_stage"] == timedelta(hours=5)
    assert (first["left_at"], second["duration_in_stage"]) == (at, None)
    assert world.stages.complete() == 0


def test_lost_events_are_found_in_the_mirror_and_act_once(world: Staging) -> None:
    world.stages.complete()
    world.map(5, "update_lead_score", probability=80)
    deal = next(one for one in world.linked_deals() if world.deal(one)["stage_id"] != 5)
    contact = world.contact(deal)
    before = world.deal(deal)["stage_id"]
    moved = world.move(deal, 5)
    world.sync(*LISTS[:2])
    assert world.stages.work() == (1, 1)
    assert world.row(contact)["lead_score"] == 80
    late = body(moved, {"stage_id": before})
    assert world.hear([late]) == [] and world.stages.work() == (0, 0)
    last = world.history(deal)[-1]
    assert (last["previous_stage_id"], last["changed_by_user_id"]) == (before, 3)
    assert last["source"] == "webhook"


def test_workspaces_know_nothing_of_each_other(staging: Callable[..., Staging]) -> None:
    ours = staging("acme", CRM_WORKSPACES="acme,globex")
    theirs = staging("globex", CRM_WORKSPACES="acme,globex")
    for world in (ours, theirs):
        world.query(
            "INSERT INTO app.contacts (workspace_id, id, name, pipedrive_person_id)"
            " VALUES (%(workspace)s, 'c', 'Ada', 7)"
        )
    _mapped_by_hand(ours)
    for world in (ours, theirs):
        deal = world.transition(1, 2, 1)
        world.note(deal)
        world.query(
            "INSERT INTO app.deals (workspace_id, title, contact_id, pipedrive_deal_id)"
            " VALUES (%(workspace)s, 'D', 'c', 1)"
        )
    assert (ours.run(), theirs.run()) == (1, 0)
    scores = ours.query("SELECT workspace_id, lead_score FROM app.contacts ORDER BY 1")
    assert [tuple(row.values()) for row in scores] == [("acme", 40), ("globex", None)]
    assert len(ours.history(1)) == len(theirs.history(1)) == 1


def _mapped_by_hand(world: Staging) -> None:
    world.query(
        "INSERT INTO sync.stage_mappings (workspace_id, stage_id, probability, actions)"
        """ VALUES (%(workspace)s, 2, 40, '[{"action": "update_lead_score"}]')"""
    )


def _fine(deal: Row, milliseconds: int) -> str:
    stamp: str = deal["stage_change_time"] or deal["add_time"]
    return stamp.replace("Z", f".{milliseconds:03d}Z")


@pytest.fixture(scope="module")
def ledger(databases: Any) -> Iterator[Database]:
    """A database alone."""
    with databases.clone() as url:
        database = Database(url)
        yield database
        database.close()


Moves = list[tuple[int, int]]


@settings(
    max_examples=80,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    steps=some.lists(
        some.tuples(some.integers(1, 5), some.sampled_from([0, 0, 1, 2, 3600])),
        min_size=1,
        max_size=7,
    ),
    tellers=some.data(),
)
def test_any_order_gives_the_same_history(
    ledger: Database, steps: Moves, tellers: some.DataObject
) -> None:
    told = _told(steps, tellers)
    shuffled = tellers.draw(some.permutations(told))
    sizes = tellers.draw(some.lists(some.integers(1, 4), min_size=len(told), max_size=len(told)))
    expected = _rows_after(ledger, [told])
    portions, rest = [], [*shuffled, *shuffled[:3]]
    for size in sizes:
        portions.append(rest[:size])
        rest = rest[size:]
    assert _rows_after(ledger, [*portions, rest]) == expected
    for before, after in pairwise(expected):
        assert before["left_at"] == after["changed_at"]
        assert before["duration_in_stage"] == after["changed_at"] - before["changed_at"]
    assert expected[-1]["left_at"] is None
    assert expected[-1]["stage_id"] == told[-1].stage_id


def _told(steps: Moves, tellers: some.DataObject) -> list[Transition]:
    """What could be told of a deal's way: its log was read at some point, webhooks go on.

    No stage twice in one second: that is one row.
    """
    logged = tellers.draw(some.integers(0, len(steps)))
    at, stage = BEGIN, 0
    seen: set[tuple[datetime, int]] = set()
    found = []
    for number, (wanted, seconds) in enumerate(steps):
        before = None if number == 0 else stage
        stage = wanted if wanted != stage else wanted % 5 + 1
        at += timedelta(seconds=seconds if number else 0)
        at += timedelta(seconds=(at, stage) in seen)
        seen.add((at, stage))
        one = Transition(
            1, stage, before, at, "webhook", user_id=number, value=number, added_at=BEGIN,
            moved_at=at + timedelta(milliseconds=10 * number),
        )  # fmt: skip
        log = replace(one, source="change_log", moved_at=at + timedelta(microseconds=number))
        if number >= logged:
            found.append(one)
        else:
            found += tellers.draw(some.sampled_from([[log], [one, log]]))
    return found


def _rows_after(ledger: Database, portions: list[list[Transition]]) -> list[Row]:
    ledger.run_text("TRUNCATE sync.stage_history, sync.deal_pasts RESTART IDENTITY CASCADE")
    for portion in portions:
        with ledger.transaction() as connection:
            history.note(connection, "default", "pipedrive", portion)
    rows = moves.of_deal(ledger, "default", "pipedrive", 1)
    return [{name: row[name] for name in TOLD} for row in rows]
