"""Doubles, disorder, merges: whatever comes when, the mirror says what the CRM says."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crm_pipelines.model.window import Mode
from crm_pipelines_tests.integration.inbox.post import STREAMS, Post, posting, wrong_rows
from crm_pipelines_tests.mirroring import Mirroring
from crm_pipelines_tests.sandbox_process import Sandbox

COLLECTIONS: dict[str, dict[str, Any]] = {
    "persons": {"name": "Ann Lee"},
    "organizations": {"name": "Acme"},
    "deals": {"title": "Big one"},
    "activities": {"subject": "Call them", "type": "call"},
    "products": {"name": "Pills"},
    "leads": {"title": "A lead", "person_id": 1},
    "notes": {"content": "<b>So</b>", "person_id": 1},
    "pipelines": {"name": "Second"},
    "stages": {"name": "New", "pipeline_id": 1},
    "users": {"name": "Zoe", "email": "zoe@example.com"},
    "activityTypes": {"name": "Visit", "key_string": "visit"},
}
KEPT = ("users", "activityTypes", "pipelines", "stages")
"""What is not deleted here: others hang on it."""


@pytest.mark.parametrize("version", ["2.0", "1.0"])
def test_every_kind_of_event(sandbox: Sandbox, mirror: Mirroring, version: str) -> None:
    """Made, changed and deleted, one after the other, of everything that is mirrored."""
    for name in STREAMS:
        mirror(f"pipedrive.{name}", mode=Mode.FULL)
    with posting(sandbox, mirror, version) as post:
        for name, fields in COLLECTIONS.items():
            kept = post.change("POST", name, fields)["id"]
            gone = post.change("POST", name, fields)["id"]
            title = next(iter(fields))
            post.change("PATCH", f"{name}/{kept}", {title: "changed"})
            if name not in KEPT:
                post.change("DELETE", f"{name}/{gone}")
        for name in ("persons", "organizations", "deals"):
            post.change("POST", f"{name}/5/merge", {"into": 3})
        bodies = post.bodies()
        heard = [b for b in bodies if version == "1.0" or b["meta"]["entity"] != "activityType"]
        applied = post.work(bodies)
        assert applied.settled == len(heard)
        assert post.states() == {"applied": len(heard)}
        if version == "2.0":  # it knows no activity types
            mirror("pipedrive.activity_types", mode=Mode.FULL)
        assert wrong_rows(mirror) == {}


def test_a_change_may_come_before_the_record_was_made(post: Post) -> None:
    id_ = post.change("POST", "organizations", {"name": "First"})["id"]
    post.change("PATCH", f"organizations/{id_}", {"name": "Second"})
    made, changed = post.bodies()
    post.work([changed])
    post.work([made])
    assert post.states() == {"applied": 1, "stale": 1}
    assert post.mirror.rows("pipedrive.organizations")[id_]["name"] == "Second"


def test_a_delete_is_not_undone_by_what_was_before_it(post: Post) -> None:
    """Nor is a record made that we never had."""
    id_ = post.change("POST", "organizations", {"name": "First"})["id"]
    post.change("PATCH", f"organizations/{id_}", {"name": "Second"})
    post.change("DELETE", f"organizations/{id_}")
    made, changed, deleted = post.bodies()
    post.work([deleted])
    post.work([changed])
    post.work([made, changed])
    assert post.states() == {"applied": 1, "stale": 2}
    post.mirror("pipedrive.organizations", mode=Mode.FULL)
    assert id_ not in post.mirror.rows("pipedrive.organizations", deleted=True)


def test_a_record_that_is_made_again_is_there_again(post: Post) -> None:
    """With the same id, as leads may be: its tombstone goes, whichever delivery is first."""
    fields = {"title": "Back", "person_id": 1}
    lead = post.change("POST", "leads", fields)
    post.mirror("pipedrive.leads", mode=Mode.FULL)
    post.bodies()
    post.change("DELETE", f"leads/{lead['id']}")
    deleted = post.bodies()
    post.work(deleted)
    assert lead["id"] not in post.mirror.rows("pipedrive.leads")
    post.change("POST", "leads", {**fields, "id": lead["id"]})
    made = post.bodies()
    post.work(made)
    assert lead["id"] in post.mirror.rows("pipedrive.leads")
    post.mirror.query("DELETE FROM sync.inbox")
    post.work([*made, *deleted])
    post.mirror.query("DELETE FROM sync.inbox")
    post.work(made)
    post.work(deleted)
    assert lead["id"] in post.mirror.rows("pipedrive.leads")
    assert wrong_rows(post.mirror, ("leads",), ("leads",)) == {}


def test_an_event_that_says_a_record_is_alive_is_not_believed(post: Post) -> None:
    """Against a tombstone only the CRM's own answer counts."""
    post.mirror("pipedrive.organizations", mode=Mode.FULL)
    post.change("DELETE", "organizations/4")
    [body] = post.bodies()
    post.work([body])
    body["meta"] |= {"action": "change", "id": "undone", "timestamp": "2999-01-01T00:00:00.000Z"}
    body["data"], body["previous"] = body["previous"], {}
    post.work([body])
    assert 4 not in post.mirror.rows("pipedrive.organizations")
    assert post.states() == {"applied": 2}


@pytest.mark.parametrize("where", ["timestamp", "update_time"])
def test_a_time_that_cannot_be_does_not_outlive_what_comes_later(post: Post, where: str) -> None:
    """Nothing that happens is from the future, whatever a delivery says of itself."""
    post.mirror("pipedrive.organizations", mode=Mode.FULL)
    id_ = post.change("POST", "organizations", {"name": "First"})["id"]
    [body] = post.bodies()
    body["meta" if where == "timestamp" else "data"][where] = "2999-01-01T00:00:00Z"
    post.work([body])
    assert post.mirror.rows("pipedrive.organizations")[id_]["name"] == "First"
    post.change("PATCH", f"organizations/{id_}", {"name": "Second"})
    post.change("DELETE", "organizations/3")
    post.work()
    assert post.states() == {"applied": 3}
    assert post.mirror.rows("pipedrive.organizations")[id_]["name"] == "Second"
    assert wrong_rows(post.mirror, ("organizations",), ("organizations",)) == {}


def test_the_same_delivery_again_and_again(post: Post) -> None:
    post.change("PATCH", "organizations/1", {"name": "Once"})
    bodies = post.bodies()
    post.work(bodies * 3)
    again = post.work(bodies * 2)
    assert (again.settled, post.states()) == (0, {"applied": 1})


def test_of_one_second_the_last_word_counts_whatever_comes_first(
    post: Post, sandbox: Sandbox
) -> None:
    """Stamps count in seconds: who was last cannot be told by them, so the CRM is asked."""
    post.mirror("pipedrive.organizations", mode=Mode.FULL)
    sandbox.admin("POST", "/clock", {"now": "2026-06-01T12:00:00", "frozen": True})
    for number in range(3):
        post.change("PATCH", "organizations/2", {"name": f"Name {number}"})
    bodies = post.bodies()
    for order in itertools.permutations(bodies):
        post.mirror.query("DELETE FROM sync.inbox")
        for body in order:
            post.work([body])
        assert post.mirror.rows("pipedrive.organizations")[2]["name"] == "Name 2"


def test_what_the_mirror_knows_better_is_stale_and_costs_nothing(
    post: Post, sandbox: Sandbox
) -> None:
    """A sync was faster than the delivery."""
    sandbox.admin("POST", "/clock", {"now": "2026-06-01T12:00:00", "frozen": True})
    post.change("PATCH", "persons/1", {"name": "First"})
    sandbox.admin("POST", "/clock", {"advance_seconds": 2})
    post.change("PATCH", "persons/1", {"name": "Second"})
    first, second = post.bodies()
    post.mirror("pipedrive.persons", mode=Mode.FULL)
    since = post.journal_end()
    assert post.work([first]).tokens == 0
    assert (post.states(), post.calls(since)) == ({"stale": 1}, [])
    post.work([second])
    assert post.states() == {"stale": 1, "applied": 1}
    assert post.mirror.rows("pipedrive.persons")[1]["name"] == "Second"


def test_what_names_a_merged_record_names_the_survivor(post: Post) -> None:
    """Nobody tells of the deals and activities that change with a merge."""
    for name in ("persons", "organizations", "deals", "activities", "notes", "leads"):
        post.mirror(f"pipedrive.{name}", mode=Mode.FULL)
    deal = post.change("POST", "deals", {"title": "Hers", "person_id": 7, "org_id": 2})["id"]
    activity = post.change("POST", "activities", {"subject": "Call", "person_id": 7})["id"]
    late = post.bodies()
    post.work(late[:1])
    post.change("POST", "persons/7/merge", {"into": 8})
    post.change("POST", "organizations/2/merge", {"into": 3})
    post.work()
    assert post.mirror.rows("pipedrive.deals")[deal]["person_id"] == 8
    assert post.mirror.rows("pipedrive.deals")[deal]["org_id"] == 3
    post.work(late[1:])  # it still names the one that is gone
    assert post.mirror.rows("pipedrive.activities")[activity]["person_id"] == 8
    tables = ("persons", "organizations", "deals", "activities", "notes", "leads")
    assert wrong_rows(post.mirror, tables, tables) == {}


@pytest.fixture
def history(post: Post, sandbox: Sandbox) -> list[dict[str, Any]]:
    """Everything that happened to a record, twice in a second, and what happened to others."""
    sandbox.admin("POST", "/clock", {"now": "2026-06-01T12:00:00", "frozen": True})
    id_ = post.change("POST", "organizations", {"name": "0"})["id"]
    post.change("PATCH", f"organizations/{id_}", {"name": "1"})
    sandbox.admin("POST", "/clock", {"advance_seconds": 5})
    post.change("PATCH", f"organizations/{id_}", {"name": "2", "address": {"value": "Main St"}})
    post.change("POST", "organizations/6/merge", {"into": id_})
    sandbox.admin("POST", "/clock", {"advance_seconds": 5})
    post.change("PATCH", f"organizations/{id_}", {"name": "3"})
    post.change("DELETE", "organizations/5")
    return post.bodies()


@given(data=st.data())
@settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_any_order_gives_the_same_rows(
    post: Post, history: list[dict[str, Any]], data: st.DataObject
) -> None:
    """However often deliveries come, in whatever order and batches, mirrored before or not."""
    order = data.draw(st.permutations([*history, *data.draw(st.lists(st.sampled_from(history)))]))
    cuts = data.draw(st.lists(st.integers(1, 4), min_size=len(order), max_size=len(order)))
    database = post.mirror.wiring.database
    database.run_text("DELETE FROM sync.inbox")
    database.run_text("DROP TABLE IF EXISTS pipedrive.organizations")
    if data.draw(st.booleans()):
        post.mirror("pipedrive.organizations", mode=Mode.FULL)
        database.run_text(
            "UPDATE pipedrive.organizations SET name = 'old', update_time = '2016-1-1'"
        )
        database.run_text("DELETE FROM pipedrive.organizations WHERE id % 2 = 0")
    for cut in cuts:
        some, order = order[:cut], order[cut:]
        post.work(some)
    told = {int(body["meta"]["entity_id"]) for body in history}
    rows = {
        id_: (row["name"], row["address"], row["update_time"])
        for id_, row in post.mirror.rows("pipedrive.organizations").items()
        if id_ in told
    }
    post.mirror("pipedrive.organizations", mode=Mode.FULL)
    truth = post.mirror.rows("pipedrive.organizations")
    assert rows == {
        id_: (truth[id_]["name"], truth[id_]["address"], truth[id_]["update_time"])
        for id_ in told
        if id_ in truth
    }
