"""Deliveries that cannot be applied: they wait, are told apart, or die, and others go on."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from crm_pipelines.model.event import State
from crm_pipelines.model.window import Mode
from crm_pipelines.store import inbox as store
from crm_pipelines_tests.integration.inbox.post import Post, snapshot, wrong_rows

MAIN = ("persons", "organizations", "deals", "activities")


def errors(post: Post, status: str) -> list[str]:
    """Why deliveries are what they are."""
    rows = post.mirror.query(
        "SELECT error FROM sync.inbox WHERE status = %(status)s ORDER BY id", status=status
    )
    return [row["error"] for row in rows]


def test_poison_dies_slowly_and_alone(post: Post) -> None:
    """Five tries; then it can be replayed, and is as dead again."""
    post.change("PATCH", "organizations/1", {"name": "Alive"})
    post.put([b"{", b"\x00" * 9, b'{"meta":' + b"[" * 100_000])
    assert post.work().states == {State.APPLIED: 1}
    assert post.states() == {"applied": 1, "waiting": 3}
    for _ in range(4):
        assert post.work([]).settled == 0  # its time has not come
        post.hurry()
        post.work([])
    assert post.states() == {"applied": 1, "dead": 3}
    assert all("JSON" in words for words in errors(post, "dead"))
    database = post.mirror.wiring.database
    assert store.replay(database, "default", status=State.DEAD, who="Ann") == 3
    post.work([])
    assert post.states() == {"applied": 1, "waiting": 3}


def test_what_nobody_mirrors_is_kept_and_counted(post: Post, mirroring: Callable[..., Any]) -> None:
    post.change("PATCH", "organizations/1", {"name": "Some"})
    post.change("PATCH", "notes/1", {"content": "Some"})
    known, note = post.bodies()
    board = {**known, "meta": {**known["meta"], "id": "b", "entity": "board"}}
    later = {**known, "meta": {**known["meta"], "id": "c", "version": "3.0"}}
    narrow = mirroring(PIPEDRIVE_STREAMS="organizations")
    post.put([board, later, note])
    narrow.wiring.inbox("default").work()
    assert post.states() == {"unknown": 3}
    first, second, third = errors(post, "unknown")
    assert "'board'" in first and "'3.0'" in second and "the stream notes" in third
    kinds = {(one[1], one[2]) for one in store.last_by_kind(post.mirror.wiring.database, "default")}
    assert {("board", "change"), ("note", "change")} <= kinds
    store.replay(post.mirror.wiring.database, "default", status=State.UNKNOWN, who="Ann")
    post.work([])  # with all streams
    assert post.states() == {"unknown": 2, "applied": 1}
    assert post.mirror.rows("pipedrive.notes")[1]["content"] == "Some"


def test_replaying_anything_changes_nothing(post: Post) -> None:
    for name in MAIN:
        post.mirror(f"pipedrive.{name}", mode=Mode.FULL)
    for number in range(3):
        post.change("PATCH", "persons/1", {"name": f"Name {number}"})
        post.change("PATCH", "organizations/1", {"name": f"Name {number}"})
    post.change("DELETE", "persons/2")
    post.change("DELETE", "deals/2")
    post.change("POST", "persons/7/merge", {"into": 8})
    post.work()
    before = snapshot(post.mirror, MAIN)
    database = post.mirror.wiring.database
    for status in ("applied", "stale", "applied"):
        store.replay(database, "default", status=State(status), who="Ann")
        post.work([], most=3)
        assert not post.states()["waiting"]
    ids = [row["id"] for row in post.mirror.query("SELECT id FROM sync.inbox ORDER BY id")]
    for id_ in reversed(ids):
        assert store.replay(database, "default", ids=[id_], who="Ann") == 1
        post.work([])
    assert snapshot(post.mirror, MAIN) == before
    assert wrong_rows(post.mirror, MAIN, MAIN) == {}


def test_a_record_is_asked_for_once_per_batch(post: Post) -> None:
    """However many of its events there are; many records by lists."""
    codes = list(post.sandbox.truth("pipedrive", "persons")[0]["custom_fields"])
    post.mirror("pipedrive.persons", mode=Mode.FULL)
    for number in range(3):
        for id_ in (1, 2):
            custom = {codes[0]: f"{number}"}
            post.change("PATCH", f"persons/{id_}", {"custom_fields": custom})
    bodies, since = post.bodies(), post.journal_end()
    post.work(bodies)
    asked = [path for path in post.calls(since) if not path.endswith("Fields")]
    assert sorted(asked) == ["/api/v2/persons/1", "/api/v2/persons/2"]
    for id_ in range(1, 15):
        post.change("PATCH", f"persons/{id_}", {"custom_fields": {codes[0]: "many"}})
    bodies, since = post.bodies(), post.journal_end()
    applied = post.work(bodies)
    assert post.calls(since) == ["/api/v2/persons"]
    assert applied.tokens == 10
    assert wrong_rows(post.mirror, ("persons",), ("persons",)) == {}


def test_exact_events_cost_nothing(post: Post) -> None:
    """A payload in which nothing has to be guessed is used as it is."""
    post.mirror("pipedrive.activities", mode=Mode.FULL)
    for id_ in range(1, 8):
        post.change("PATCH", f"activities/{id_}", {"subject": f"Subject {id_}"})
    bodies, since = post.bodies(), post.journal_end()
    applied = post.work(bodies)
    assert (applied.tokens, post.calls(since)) == (0, [])
    assert applied.streams["activities"].updated == 7
    assert wrong_rows(post.mirror, ("activities",), ("activities",)) == {}


def test_a_spent_budget_holds_up_only_what_costs(post: Post) -> None:
    for name in MAIN:
        post.mirror(f"pipedrive.{name}", mode=Mode.FULL)
    for id_ in range(1, 6):
        post.change("PATCH", f"activities/{id_}", {"subject": "free"})
        post.change("PATCH", f"persons/{id_}", {"name": "costs"})
    post.change("DELETE", "organizations/3")
    post.change("PATCH", "stages/1", {"name": "costs, too"})
    bodies = post.bodies()
    post.sandbox.fault("daily_429", path="^/api/v2/persons", times=0)
    applied = post.work(bodies)
    assert applied.states == {State.APPLIED: 6}
    assert applied.put_off == 6
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    assert applied.resumes_at is not None
    assert timedelta(days=1) <= applied.resumes_at - midnight < timedelta(days=1, minutes=1)
    rows = post.mirror.query("SELECT * FROM sync.inbox WHERE status = 'waiting'")
    assert {(row["attempts"], row["next_attempt_at"]) for row in rows} == {(0, applied.resumes_at)}
    assert post.mirror.query("SELECT * FROM sync.pauses") == []
    assert post.work([]).settled == 0
    post.sandbox.admin("DELETE", "/faults")  # the next day
    post.mirror.query("DELETE FROM sync.budgets")
    post.hurry()
    assert post.work([]).settled == 6
    tables = (*MAIN, "stages")
    assert wrong_rows(post.mirror, tables, tables) == {}


def test_a_login_that_is_refused_uses_up_no_attempts(post: Post) -> None:
    for name in MAIN:
        post.mirror(f"pipedrive.{name}", mode=Mode.FULL)
    post.change("PATCH", "persons/1", {"name": "Costs"})
    bodies = post.bodies()
    post.sandbox.admin("PATCH", "/pipedrive/credentials", {"api_token": "another"})
    assert post.work(bodies).put_off == 1
    [row] = post.mirror.query("SELECT * FROM sync.inbox")
    assert (row["status"], row["attempts"]) == ("waiting", 0)
    assert "PIPEDRIVE_API_TOKEN" in row["error"]
    post.sandbox.admin("PATCH", "/pipedrive/credentials", {"api_token": "sandbox-token"})
    post.hurry()
    assert post.work([]).settled == 1


def test_while_the_crm_is_down_what_it_need_not_be_asked_for_goes_on(post: Post) -> None:
    for name in MAIN:
        post.mirror(f"pipedrive.{name}", mode=Mode.FULL)
    post.change("PATCH", "activities/1", {"subject": "free"})
    post.change("PATCH", "persons/1", {"name": "Costs"})
    bodies = post.bodies()
    post.sandbox.fault("server_error", path="^/api/v2/persons", status=503, times=0)
    applied = post.work(bodies)
    assert (applied.states, applied.put_off) == ({State.APPLIED: 1}, 1)
    post.sandbox.admin("DELETE", "/faults")
    post.mirror.query("DELETE FROM sync.breakers")
    post.hurry()
    assert post.work([]).settled == 1


def test_a_record_that_breaks_the_mirror_stands_alone(post: Post) -> None:
    """It is tried again and dies; a record that is only refused is kept with the others."""
    post.mirror("pipedrive.activities", mode=Mode.FULL)
    post.mirror.query(
        "CREATE FUNCTION pipedrive.boom() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'boom'; END $$"
    )
    post.mirror.query(
        "CREATE TRIGGER boom BEFORE UPDATE ON pipedrive.activities FOR EACH ROW"
        " WHEN (new.id = 3) EXECUTE FUNCTION pipedrive.boom()"
    )
    post.mirror.query(
        "ALTER TABLE pipedrive.activities ADD CHECK (id <> 5 OR subject <> 'new') NOT VALID"
    )
    for id_ in range(1, 8):
        post.change("PATCH", f"activities/{id_}", {"subject": "new"})
    post.work()
    assert post.states() == {"applied": 6, "waiting": 1}
    rows = post.mirror.rows("pipedrive.activities")
    assert sorted(id_ for id_, row in rows.items() if row["subject"] == "new") == [1, 2, 4, 6, 7]
    [kept] = post.mirror.query("SELECT * FROM sync.rejected_records")
    assert kept["record_id"] == "5"
    [told] = [words for words in errors(post, "applied") if words]
    assert "rejected" in told and "SQLSTATE 23514" in told
    for _ in range(4):
        post.hurry()
        post.work([])
    assert post.states() == {"applied": 6, "dead": 1}
    assert "boom" in errors(post, "dead")[0]
    post.mirror.query("DROP TRIGGER boom ON pipedrive.activities")
    store.replay(post.mirror.wiring.database, "default", status=State.DEAD, who="Ann")
    post.work([])
    assert post.mirror.rows("pipedrive.activities")[3]["subject"] == "new"


def test_only_one_applies_at_a_time(post: Post) -> None:
    post.change("PATCH", "organizations/1", {"name": "Some"})
    post.put(post.bodies())
    with store.Applier(post.mirror.wiring.database, "default", "pipedrive") as other:
        assert other.taken
        assert post.flow.work().busy
        checked = post.flow.validate(post.flow.transform(post.flow.fetch()))
        assert post.flow.apply(checked).busy
    assert post.states() == {"waiting": 1}
    first = post.flow.validate(post.flow.transform(post.flow.fetch()))
    assert post.flow.apply(first).states == {State.APPLIED: 1}
    assert post.flow.apply(first).settled == 0  # somebody was faster


def test_runs_of_events_leave_their_lines_and_no_watermark(post: Post) -> None:
    post.change("PATCH", "organizations/1", {"name": "Some"})
    post.change("DELETE", "organizations/2")
    post.work()
    lines = post.mirror.history("pipedrive.organizations")
    assert [(line["mode"], line["status"]) for line in lines] == [("events", "success")]
    assert lines[0]["tokens"] == 1
    assert post.mirror.watermark("pipedrive.organizations") is None
    assert json.dumps(lines[0]["metrics"])


@pytest.mark.parametrize("phase", ["fetch", "transform", "validate"])
def test_phases_hand_on_what_can_be_pickled(post: Post, phase: str) -> None:
    import pickle

    post.change("PATCH", "deals/1", {"title": "Some", "value": 12.5})
    post.put([*post.bodies(), b"{"])
    found: Any = post.flow.fetch()
    for name in ("transform", "validate")[: ("fetch", "transform", "validate").index(phase)]:
        found = getattr(post.flow, name)(found)
    assert pickle.loads(pickle.dumps(found)) == found
