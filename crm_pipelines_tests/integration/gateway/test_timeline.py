"""The timeline of a contact: what both sides, stages and messages have to say, in one order."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest

from crm_pipelines.model.access import Scope
from crm_pipelines.store import timeline
from crm_pipelines.store.database import Database
from crm_pipelines_tests.integration.gateway.conftest import Local, make_key, signed
from crm_pipelines_tests.mirroring import Mirroring
from crm_pipelines_tests.sandbox_process import Sandbox
from crm_pipelines_tests.servers import Databases

KINDS = {
    "email": "EMAIL_SENT",
    "call": "CALL_MADE",
    "meeting": "MEETING_SCHEDULED",
    "task": "TASK_CREATED",
    "deadline": "DEADLINE_SET",
    "lunch": "ACTIVITY_LOGGED",
}


@pytest.fixture
def sync(values: dict[str, str]) -> Iterator[Mirroring]:
    found = Mirroring(values)
    yield found
    found.close()


def contact(local: Local, person: int | None = None, workspace: str = "default") -> str:
    statement = (
        "INSERT INTO app.contacts (workspace_id, name, pipedrive_person_id) VALUES (%s, 'Ada', %s)"
        " RETURNING id"
    )
    [[identity]] = local.run(statement, workspace, person)
    return str(identity)


def activity(local: Local, of: str, created_at: str, kind: str = "CALL", **more: Any) -> str:
    values = {"id": str(uuid4()), "remote": None, **more}
    local.run(
        "INSERT INTO app.activities (id, contact_id, type, subject, created_at,"
        "                            pipedrive_activity_id, duration, note)"
        " VALUES (%s, %s, %s, 'Here', %s, %s, '26:30', 'a note')",
        *(values["id"], of, kind, created_at, values["remote"]),
    )
    return str(values["id"])


def add(sandbox: Sandbox, collection: str, **fields: Any) -> int:
    return int(sandbox.admin("POST", f"/pipedrive/records/{collection}", fields)["id"])


def read(caller: httpx.Client, path: str) -> dict[str, Any]:
    answer = caller.get(path)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_everything_in_one_order(
    caller: httpx.Client, sandbox: Sandbox, local: Local, sync: Mirroring
) -> None:
    person = add(sandbox, "persons", name="Ada Timeline")
    theirs = {
        kind: add(sandbox, "activities", subject=f"A {kind}", type=kind, person_id=person)
        for kind in KINDS
    }
    gone = add(sandbox, "activities", subject="Gone", type="call", person_id=person)
    stages = {one["id"]: one["name"] for one in sandbox.truth("pipedrive", "stages")}
    first, second = sorted(stages)[:2]
    deal = add(sandbox, "deals", title="Big one", person_id=person, stage_id=second)
    sandbox.admin("DELETE", f"/pipedrive/records/activities/{gone}")
    for name in ("activities", "deals", "stages"):
        sync(f"pipedrive.{name}")
    sync.query(
        "UPDATE pipedrive.activities SET _deleted_at = now() WHERE id = %(id)s RETURNING id",
        id=gone,
    )
    me = contact(local, person)
    before = activity(local, me, "2001-01-01T00:00Z", "Lunch")
    linked = activity(local, me, "2002-01-01T00:00Z", remote=theirs["call"])
    orphan = activity(local, me, "2003-01-01T00:00Z", remote=gone)
    activity(local, contact(local), "2004-01-01T00:00Z")
    for came, left, stage, previous in (
        ("2005-01-01", "2006-01-01", first, None),
        ("2006-01-01", None, second, first),
    ):
        local.run(
            "INSERT INTO sync.stage_history (workspace_id, crm, deal_id, stage_id, source,"
            "                                previous_stage_id, changed_at, moved_at, left_at)"
            " VALUES ('default', 'pipedrive', %s, %s, 'webhook', %s, %s, %s, %s)",
            *(deal, stage, previous, came, came, left),
        )
    message = {"direction": "received", "channel": "email", "sentAt": "2007-01-01T00:00:00+02:00"}
    sent = caller.post(f"/api/contacts/{me}/messages", json={**message, "subject": "Re: offer"})
    assert sent.status_code == 201, sent.text

    entries = read(caller, f"/api/contacts/{me}/timeline")["entries"]
    by_id = {one["id"]: one for one in entries}
    assert len(by_id) == len(entries) == len(KINDS) + 5
    times = [one["timestamp"] for one in entries]
    assert times == sorted(times, reverse=True)
    for kind, identity in theirs.items():
        entry = by_id[f"pipedrive_{identity}"]
        assert (entry["type"], entry["title"]) == (KINDS[kind], f"A {kind}")
        assert entry["metadata"]["pipedrive_id"] == identity
    assert by_id[f"pipedrive_{theirs['call']}"]["metadata"]["local_id"] == linked
    assert {f"local_{before}", f"local_{orphan}", f"message_{sent.json()['id']}"} < set(by_id)
    last = entries[-1]
    assert (last["type"], last["description"]) == ("ACTIVITY_LOGGED", "a note")
    assert (last["metadata"]["duration"], last["metadata"]["done"]) == ("26:30", False)
    moved, made = (one for one in entries if one["id"].startswith("stage_"))
    assert (moved["type"], made["type"]) == ("STAGE_CHANGED", "DEAL_CREATED")
    assert moved["title"] == f"Big one: {stages[first]} → {stages[second]}"
    assert made["title"] == f"Big one: {stages[first]}"
    told = by_id[f"message_{sent.json()['id']}"]
    assert (told["type"], told["title"]) == ("MESSAGE_RECEIVED", "Re: offer")
    assert told["timestamp"] == "2006-12-31T22:00:00Z"


def test_pages_meet_every_entry_once(caller: httpx.Client, local: Local) -> None:
    me = contact(local)
    made = {activity(local, me, f"2020-01-0{number // 6 + 1}T00:00Z") for number in range(17)}
    path: str | None = f"/api/contacts/{me}/timeline?limit=4"
    seen: list[str] = []
    pages = 0
    while path:
        page = read(caller, path)
        seen += [one["id"] for one in page["entries"]]
        path, pages = page["next"], pages + 1
    assert (pages, len(seen)) == (5, 17)
    assert set(seen) == {f"local_{identity}" for identity in made}
    whole = read(caller, f"/api/contacts/{me}/timeline?limit=500")
    assert [one["id"] for one in whole["entries"]] == seen
    older = read(caller, f"/api/contacts/{me}/timeline?before=2020-01-02T00:00:00Z")
    assert len(older["entries"]) == 6


def test_messages_are_reported_once(caller: httpx.Client, local: Local) -> None:
    me, other = contact(local), contact(local)
    identity = f"mail {uuid4()} / ü"
    message = {
        "id": identity,
        "direction": "sent",
        "channel": "email",
        "sentAt": "2026-01-01T10:00:00Z",
    }
    path = f"/api/contacts/{me}/messages"
    assert caller.post(path, json=message).status_code == 201
    again = caller.post(path, json={**message, "body": "more is known"})
    assert (again.status_code, again.json()) == (200, {"id": identity, "created": False})
    [entry] = read(caller, f"/api/contacts/{me}/timeline")["entries"]
    assert (entry["description"], entry["title"]) == ("more is known", "Email")
    assert caller.post(f"/api/contacts/{other}/messages", json=message).status_code == 409
    assert caller.post(f"/api/contacts/{uuid4()}/messages", json=message).status_code == 404
    wrong: list[dict[str, Any]] = [
        {"direction": "sideways"},
        {"sentAt": "yesterday"},
        {"sentAt": "2026-01-01T10:00:00"},
        {"sentAt": 7},
        {"channel": " "},
        {"dealId": "not there"},
        {"subject": "NUL \x00"},
    ]
    for change in wrong:
        answer = caller.post(path, json={**message, **change})
        assert answer.status_code == 422, (change, answer.text)
        assert next(iter(change)) in "".join(answer.json()["fields"]), answer.text


def test_strangers_and_odd_questions(caller: httpx.Client, database_url: str, local: Local) -> None:
    foreign = contact(local, workspace="elsewhere")
    for identity in (foreign, "nobody", "'; DROP TABLE app.contacts; --", "%F0%9F%A6%86", "a%2Fb"):
        answer = caller.get(f"/api/contacts/{identity}/timeline")
        assert answer.status_code == 404, (identity, answer.text)
    me = contact(local)
    local.run("UPDATE app.contacts SET created_at = '-infinity' WHERE id = %s", me)
    for moment in ("infinity", "-infinity", "99999-01-01", "0001-01-01 BC"):
        activity(local, me, moment)
    assert len(read(caller, f"/api/contacts/{me}/timeline")["entries"]) == 4
    path = f"/api/contacts/{me}/timeline"
    for question in (
        "limit=0",
        "limit=501",
        "limit=x",
        "before=x",
        "before=2026-01-01",
        "before=7",
    ):
        assert caller.get(f"{path}?{question}").status_code == 422, question
    edges = ("0001-01-01T00:00:00%2B14:00", "9999-12-31T23:59:59-14:00")
    for moment, number in zip(edges, (0, 4), strict=True):
        found = read(caller, f"{path}?before={moment}&before_id=%27%22%5C")
        assert len(found["entries"]) == number
    writer = signed(make_key(database_url, Scope.WRITE))
    assert caller.get(path, headers=writer).status_code == 403


def test_before_the_first_sync(databases: Databases) -> None:
    with databases.clone() as url:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(
                "INSERT INTO app.contacts (id, name, pipedrive_person_id) VALUES ('c', 'Ada', 7)"
            )
            connection.execute(
                "INSERT INTO app.activities (contact_id, type, subject, pipedrive_activity_id)"
                " VALUES ('c', 'TASK', 'Here', 17)"
            )
        database = Database(url)
        try:
            found = timeline.page(database, "default", "c", limit=5)
            assert timeline.page(database, "other", "c", limit=5) is None
        finally:
            database.close()
    assert found is not None
    assert [one.type for one in found] == ["TASK_CREATED"]
