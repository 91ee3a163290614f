"""From a deal moved in the CRM to what that sets off here, by way of the inbox."""

from __future__ import annotations

import random

import pytest

from crm_pipelines_tests.integration.inbox.post import posting
from crm_pipelines_tests.integration.stages.staging import Staging
from crm_pipelines_tests.sandbox_process import TOKEN, plain_client


@pytest.mark.parametrize("version", ["2.0", "1.0"])
def test_moved_deals_act_once_in_any_order_and_replayed(world: Staging, version: str) -> None:
    world.stages.complete()
    for stage in range(1, 11):
        world.map(stage, "send_notification", local_status=f"Stage {stage}")
    deals = world.linked_deals()[:3]
    contacts = {deal: world.contact(deal) for deal in deals}
    with posting(world.sandbox, world.mirror, version) as post:
        for _ in range(3):
            for deal in deals:
                now = world.deal(deal)["stage_id"]
                world.move(deal, now % 5 + 1 if now <= 5 else (now - 5) % 5 + 6)
        made = world.make(title="New", stage_id=4, person_id=world.deal(deals[0])["person_id"])
        bodies = post.bodies()
        shuffled = bodies * 4
        random.Random(version).shuffle(shuffled)
        half = len(shuffled) // 2
        applied = post.work(shuffled[:half])
        applied = applied.plus(post.work(shuffled[half:]))
        post.hurry()
        applied = applied.plus(post.work(bodies))
    for deal in deals:
        assert world.row(contacts[deal])["lead_status"] is not None
        rows = world.history(deal)
        assert rows[-1]["stage_id"] == world.deal(deal)["stage_id"]
        assert rows[-1]["source"] == "webhook"
        assert all(
            row["previous_stage_id"] == before["stage_id"]
            for before, row in zip(rows[-3:], rows[-2:], strict=False)
        )
    assert world.way(made["id"]) == [(None, 4)]
    per_move = world.query(
        "SELECT history_id, position, count(*) FROM sync.stage_actions GROUP BY 1, 2"
    )
    assert {row["count"] for row in per_move} == {1}
    done = [row for row in world.actions() if row["status"] == "done"]
    assert applied.actions == len(done) >= 2 * (len(deals) + 1)
    assert world.stages.work() == (0, 0)
    known = world.query("SELECT status FROM sync.deal_pasts WHERE deal_id = %(d)s", d=made["id"])
    assert known == [{"status": "complete"}]


def test_our_own_move_is_history_and_sets_nothing_off(world: Staging) -> None:
    world.stages.complete()
    deal = world.linked_deals()[0]
    contact = world.contact(deal)
    stage = 3 if world.deal(deal)["stage_id"] != 3 else 4
    world.map(stage, "update_lead_score", probability=60)
    world.query(
        "INSERT INTO app.deals (id, title, contact_id, pipedrive_deal_id, stage_id)"
        " VALUES ('d', 'D', %(contact)s, %(deal)s, 1)",
        contact=contact,
        deal=deal,
    )
    with posting(world.sandbox, world.mirror) as post:
        world.query("UPDATE app.deals SET stage_id = %(stage)s WHERE id = 'd'", stage=stage)
        push = world.mirror.wiring.push("default")
        assert [one.error for one in push.work() if one.error] == []
        applied = post.work()
        post.hurry()
        applied = applied.plus(post.work([]))
    assert world.deal(deal)["stage_id"] == stage
    last = world.history(deal)[-1]
    assert (last["stage_id"], last["source"], last["silent"]) == (stage, "webhook", True)
    assert applied.actions == 0 and world.actions() == []


def test_another_programs_move_beside_ours_is_no_echo(world: Staging) -> None:
    """Of the same second, and told first: it says something else than we wrote."""
    world.stages.complete()
    deal = world.linked_deals()[0]
    contact = world.contact(deal)
    first, ours, theirs = [n for n in range(1, 6) if n != world.deal(deal)["stage_id"]][:3]
    world.query(
        "INSERT INTO app.deals (id, title, contact_id, pipedrive_deal_id, stage_id)"
        " VALUES ('d', 'D', %(contact)s, %(deal)s, %(first)s)",
        contact=contact,
        deal=deal,
        first=first,
    )
    world.map(theirs, "update_lead_score", probability=60)
    now = world.sandbox.admin("GET", "/clock")["now"]
    world.sandbox.admin("POST", "/clock", {"now": now, "frozen": True})
    headers = {"x-api-token": TOKEN}
    with posting(world.sandbox, world.mirror) as post:
        world.query("UPDATE app.deals SET stage_id = %(ours)s WHERE id = 'd'", ours=ours)
        world.mirror.wiring.push("default").work()
        with plain_client(headers=headers) as client:
            path = f"{world.sandbox.url}/api/v2/deals/{deal}"
            client.patch(path, json={"stage_id": theirs}).raise_for_status()
        bodies = post.bodies()
        moved = [body for body in bodies if body["data"]["stage_id"] == theirs]
        done = post.work(moved).actions
        post.hurry()
        done += post.work(bodies).actions
    assert len(bodies) == 2 and world.row(contact)["lead_score"] is not None
    assert (done, world.states()) == (1, [("update_lead_score", "done")])
    assert [row["silent"] for row in world.history(deal)][-2:] == [True, False]
