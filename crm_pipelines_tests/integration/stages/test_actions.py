"""What changes of stage set off: each action, once, or not at all and why."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from crm_pipelines.model.errors import InvalidData
from crm_pipelines.store.stages import tasks
from crm_pipelines_tests.integration.stages.staging import Staging, Told, told


def test_status_score_and_campaigns(world: Staging) -> None:
    deal = world.linked_deals()[0]
    contact = world.contact(deal)
    before = world.row(contact)["updated_at"]
    start = {"action": "start_campaign", "options": {"campaign": "Spring", "days": 30}}
    world.map(2, start, "update_lead_score", local_status="Qualified", probability=35)
    world.map(3, "stop_campaign", {"action": "update_lead_score", "options": {"score": 90}})
    world.note(world.transition(deal, 2, 1))
    assert world.run() == 3
    row = world.row(contact)
    assert (row["lead_status"], row["lead_score"]) == ("Qualified", 35)
    assert row["updated_at"] == before  # nobody changed what the CRM is told of
    [joined] = world.memberships()
    [move] = [m for m in world.history(deal) if m["stage_id"] == 2]
    assert (joined["campaign"], joined["status"], joined["deal_id"]) == ("Spring", "active", deal)
    assert joined["started_by"] == move["id"]
    assert joined["until"] - joined["since"] == timedelta(days=30)
    world.note(world.transition(deal, 3, 2, changed_at=world.now() + timedelta(seconds=5)))
    assert world.run() == 2
    [left] = world.memberships()
    assert left["status"] == "stopped" and left["stopped_by"] is not None
    assert world.row(contact)["lead_score"] == 90
    assert world.query("SELECT * FROM sync.outbox") == []
    said = [row["outcome"] for row in world.actions()]
    assert said == [
        "lead status Qualified (was nothing)",
        "joined campaign Spring",
        "lead score 35 (was none)",
        "left campaign Spring",
        "lead score 90 (was 35)",
    ]
    assert {row["run_id"] for row in world.actions()} == {"test"}


def test_owners_take_turns_and_the_crm_hears_of_it(world: Staging) -> None:
    users = {email: world.user(email) for email in ("a@x.example", "b@x.example")}
    deals = world.linked_deals()[:4]
    persons = {deal: world.deal(deal)["person_id"] for deal in deals}
    contacts = {person: world.add_contact(person) for person in set(persons.values())}
    among = {"action": "assign_owner", "options": {"users": ["A@x.example", users["b@x.example"]]}}
    world.map(4, among)
    for deal in deals:
        world.note(world.transition(deal, 4, 1))
        world.run()
    done = [row for row in world.actions() if row["status"] == "done"]
    owners = [row["result"]["owner"] for row in done]
    assert abs(owners.count(users["a@x.example"]) - owners.count(users["b@x.example"])) <= 1
    assert {world.row(one)["user_id"] for one in contacts.values()} <= set(users.values())
    commands = world.query("SELECT * FROM sync.outbox WHERE entity = 'person'")
    assert {row["remote_id"] for row in commands} == set(persons.values())
    assert all("user_id" in row["payload"] for row in commands)


def test_an_owner_who_is_gone_fails_at_once_and_can_be_run_again(world: Staging) -> None:
    user = world.user("gone@x.example")
    deal = world.linked_deals()[0]
    contact = world.contact(deal)
    world.map(
        4, {"action": "assign_owner", "options": {"users": ["gone@x.example"]}}, "stop_campaign"
    )
    world.query("UPDATE app.users SET email = 'other@x.example' WHERE id = %(id)s", id=user)
    world.note(world.transition(deal, 4, 1))
    world.run()
    assert world.states() == [("assign_owner", "failed"), ("stop_campaign", "skipped")]
    [failed, skipped] = world.actions()
    assert "nobody of app.users is gone@x.example" in failed["outcome"]
    assert skipped["outcome"] == "the contact is not in any campaign"
    world.query("UPDATE app.users SET email = 'gone@x.example' WHERE id = %(id)s", id=user)
    assert tasks.again(world.database, "default") == [failed["id"]]
    assert world.run() == 1
    assert world.row(contact)["user_id"] == user


def test_people_are_told_after_the_commit(staging: Callable[..., Staging]) -> None:
    with told() as people:
        world = staging(CRM_NOTIFY_WEBHOOK_URL=people.url)
        world.sync()
        deal = world.linked_deals()[0]
        words = "{contact}: {deal} from {previous} to {stage}"
        world.map(3, {"action": "send_notification", "options": {"message": words}})
        world.contact(deal)
        people.status = 500
        world.note(world.transition(deal, 3, 2))
        assert world.run() == 0
        [waiting] = world.actions()
        assert waiting["status"] == "waiting" and "not told" in waiting["outcome"]
        people.status = 200
        world.hasten()
        assert world.run() == 1
        _require_told(world, people, deal)


def _require_told(world: Staging, people: Told, deal: int) -> None:
    [first, second] = people.notices
    title = world.deal(deal)["title"]
    assert second["words"] == f"Ada: {title} from Contact made to Demo"
    [done] = world.actions()
    assert first["details"]["key"] == second["details"]["key"] == f"stage-action-{done['id']}"
    assert (done["status"], done["attempts"]) == ("done", 2)
    world.hasten()
    assert world.run() == 0 and len(people.notices) == 2


def test_what_nobody_can_be_told_of_fails_after_five_attempts(
    staging: Callable[..., Staging],
) -> None:
    with told() as people:
        people.status = 503
        world = staging(CRM_NOTIFY_WEBHOOK_URL=people.url)
        world.sync()
        world.map(3, "send_notification")
        deals = world.linked_deals()[:3]
        world.note(*(world.transition(deal, 3, 2) for deal in deals))
        world.run()
        assert len(people.notices) == 1  # the others wait without an attempt
        for _ in range(20):
            world.hasten()
            world.run()
        assert {row["status"] for row in world.actions()} == {"failed"}
        assert {row["attempts"] for row in world.actions()} == {5}


def test_without_rows_of_the_local_side_actions_are_skipped(world: Staging) -> None:
    deal = world.linked_deals()[0]
    world.user("a@x.example")
    owner = {"action": "assign_owner", "options": {"users": ["a@x.example"]}}
    world.map(2, "update_lead_score", owner, "send_notification", local_status="New")
    world.note(world.transition(deal, 2, 1))
    world.run()
    found = {row["action"]: (row["status"], row["outcome"]) for row in world.actions()}
    no_contact = ("skipped", "no contact of the local side is the deal's person")
    assert found["set_lead_status"] == found["update_lead_score"] == no_contact
    assert found["assign_owner"][0] == "skipped" and "neither" in found["assign_owner"][1]
    assert found["send_notification"][0] == "done"


def test_our_own_writes_set_nothing_off(world: Staging) -> None:
    world.stages.complete()
    deal, other = world.linked_deals()[:2]
    world.contact(deal)
    for stage in (2, 3):
        world.map(stage, "update_lead_score")
    world.note(world.transition(deal, 2, 1, silent=True))
    assert world.way(deal)[-1] == (1, 2) and world.actions() == []
    # the mirror shows our write before its echo has come
    moved = world.move(other, 2 if world.deal(other)["stage_id"] != 2 else 3)
    world.query(
        "INSERT INTO sync.outbox (workspace_id, entity, kind, remote_id, record, status,"
        " delivered_at, fingerprint) VALUES ('default', 'deal', 'update', %(deal)s, 'deal/x',"
        " 'delivered', clock_timestamp(), jsonb_build_object('update_time', %(at)s::text,"
        " 'values', jsonb_build_object('stage_id', %(stage)s::bigint)))",
        deal=other,
        at=moved["update_time"],
        stage=moved["stage_id"],
    )
    world.sync("deals")
    assert world.stages.work() == (1, 0)
    assert world.history(other)[-1]["silent"] is True
    assert world.actions() == []


def test_deals_that_moved_before_the_stage_was_mapped_set_nothing_off(world: Staging) -> None:
    world.stages.complete()
    deal = world.linked_deals()[0]
    world.note(world.transition(deal, 2, 1, changed_at=world.now() - timedelta(minutes=5)))
    world.map(2, "update_lead_score")
    world.stages.work()
    world.note(world.transition(deal, 2, 1, changed_at=world.now() - timedelta(minutes=4)))
    assert world.actions() == []


def test_stages_and_people_have_to_be_there(world: Staging) -> None:
    with pytest.raises(InvalidData, match="no stage 99; there are 1 Qualified, 2 Contact made"):
        world.map(99, "update_lead_score")
    with pytest.raises(InvalidData, match=r"nobody of app\.users is nobody@x\.example"):
        world.map(2, {"action": "assign_owner", "options": {"users": ["nobody@x.example"]}})
    assert world.query("SELECT * FROM sync.stage_mappings") == []
