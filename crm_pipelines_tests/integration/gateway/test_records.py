"""Writing through the gateway: outcomes, queues, partial success; and what a caller sees of it."""

from __future__ import annotations

import itertools
import json
import time
from typing import Any
from uuid import uuid4

import httpx

from crm_pipelines.model.access import Scope
from crm_pipelines_tests.integration.gateway.conftest import Local, make_key, signed
from crm_pipelines_tests.sandbox_process import Sandbox


def person(sandbox: Sandbox, identity: Any) -> dict[str, Any]:
    return next(one for one in sandbox.truth("pipedrive", "persons") if one["id"] == int(identity))


def lead(local: Local, score: int = 5, **more: Any) -> str:
    """A contact with an organization."""
    local.run(
        "INSERT INTO app.organizations (id, name) VALUES ('acme', 'Acme Rockets')"
        " ON CONFLICT DO NOTHING"
    )
    values = {"name": "Ada Lovelace", "email": f"{uuid4()}@acme.example", "phone": "+44207", **more}
    [[identity]] = local.run(
        "INSERT INTO app.contacts (name, email, phone, organization_id, warmness_score)"
        " VALUES (%s, %s, %s, 'acme', %s) RETURNING id",
        values["name"],
        values["email"],
        values["phone"],
        score,
    )
    return str(identity)


def test_a_record_is_changed(caller: httpx.Client, sandbox: Sandbox) -> None:
    first = sandbox.truth("pipedrive", "persons")[0]
    body = {"name": "Renamed Person", "email": ["new@example.com", "other@example.com"]}
    answer = caller.put(f"/api/pipedrive/people/{first['id']}", json=body)
    assert answer.status_code == 200, answer.text
    said = answer.json()
    assert (said["success"], said["recordId"]) == (True, str(first["id"]))
    found = person(sandbox, first["id"])
    assert found["name"] == "Renamed Person"
    assert [one["value"] for one in found["emails"]] == body["email"]


def test_what_is_wrong_is_said_by_field(caller: httpx.Client, sandbox: Sandbox) -> None:
    first = sandbox.truth("pipedrive", "persons")[0]
    before = person(sandbox, first["id"])
    path = f"/api/pipedrive/people/{first['id']}"
    bodies: list[Any] = [
        {"email": ["nonsense"]},
        {"owner_id": "7"},
        {"nmae": "x"},
        {},
        [],
        {"name": None},
    ]
    for body in bodies:
        answer = caller.put(path, json=body)
        assert answer.status_code == 422, (body, answer.text)
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["fields"]
    refused = caller.put(path, json={"owner_id": 99_999_999})
    assert refused.status_code == 422
    assert "owner_id" in refused.json()["fields"]
    assert caller.put(path, content=b'{"name": "x').status_code == 422
    assert person(sandbox, first["id"]) == before
    assert caller.put("/api/pipedrive/people/88888888", json={"name": "x"}).status_code == 404


def test_a_lead_comes_to_pipedrive(caller: httpx.Client, sandbox: Sandbox, local: Local) -> None:
    identity = lead(local, score=3, name="Grace Hopper", email="grace@acme.example")
    path = f"/api/contacts/{identity}/check-warm-lead"
    cold = caller.post(path).json()
    assert (cold["isWarmLead"], cold["pipedrivePersonId"]) == (False, None)
    local.run("UPDATE app.contacts SET warmness_score = 4 WHERE id = %s", identity)
    warm = caller.post(path)
    assert warm.status_code == 200, warm.text
    said = warm.json()
    assert said["success"] and said["isWarmLead"]
    found = person(sandbox, said["pipedrivePersonId"])
    assert found["emails"][0]["value"] == "grace@acme.example"
    assert str(found["org_id"]) == said["pipedriveOrgId"]
    assert caller.post(path).json() == said  # once is enough
    everybody = sandbox.truth("pipedrive", "persons")
    assert sum(one["name"] == "Grace Hopper" for one in everybody) == 1


def test_an_activity_tells_how_it_stands(
    caller: httpx.Client, sandbox: Sandbox, local: Local
) -> None:
    identity = lead(local)
    caller.post(f"/api/contacts/{identity}/check-warm-lead")
    [[activity]] = local.run(
        "INSERT INTO app.activities (contact_id, type, subject, due_at) VALUES"
        " (%s, 'EMAIL', 'Follow up', '2026-12-24T10:00Z') RETURNING id",
        identity,
    )
    path = f"/api/activities/{activity}/sync-status"
    before = caller.get(path).json()
    assert (before["synced"], before["pipedriveActivityId"]) == (False, None)
    answer = caller.put(f"/api/pipedrive/activities/{activity}", json={"note": "Called twice"})
    assert answer.status_code == 200, answer.text
    after = caller.get(path).json()
    assert after["synced"]
    there = {str(one["id"]): one for one in sandbox.truth("pipedrive", "activities")}
    found = there[after["pipedriveActivityId"]]
    assert (found["subject"], found["type"], found["due_time"][:5]) == (
        "Follow up",
        "email",
        "10:00",
    )
    assert "Called twice" in found["note"]


def test_a_batch_goes_as_far_as_it_can(caller: httpx.Client, sandbox: Sandbox) -> None:
    people = sandbox.truth("pipedrive", "persons")[:2]
    deal = sandbox.truth("pipedrive", "deals")[0]
    items = [
        {"recordType": "person", "recordId": str(people[0]["id"]), "data": {"name": "One"}},
        {"recordType": "person", "recordId": str(people[1]["id"]), "data": {"name": 5}},
        {"recordType": "deal", "recordId": str(deal["id"]), "data": {"title": "Larger"}},
        {"recordType": "organization", "recordId": "nobody", "data": {"name": "x"}},
    ]
    answer = caller.post("/api/pipedrive/batch-update", json=items)
    assert answer.status_code == 200, answer.text
    said = answer.json()
    assert [one["success"] for one in said["results"]] == [True, False, True, False]
    assert "name" in said["results"][1]["fields"]
    summary = said["summary"]
    assert (summary["total"], summary["successful"], summary["failed"]) == (4, 2, 2)
    assert person(sandbox, people[0]["id"])["name"] == "One"
    assert caller.post("/api/pipedrive/batch-update", json=items * 13).status_code == 422


def test_a_deal_is_made_and_moved(caller: httpx.Client, sandbox: Sandbox, local: Local) -> None:
    identity = lead(local)
    first, second = [one["id"] for one in sandbox.truth("pipedrive", "stages")[:2]]
    body = {"contactId": identity, "title": "First order", "stageId": first, "value": 120.5}
    made = caller.post("/api/pipedrive/deals", json=body)
    assert made.status_code == 201, made.text
    said = made.json()
    moved = caller.put(f"/api/pipedrive/deals/{said['dealId']}", json={"stage_id": second})
    assert moved.status_code == 200, moved.text
    deals = {str(one["id"]): one for one in sandbox.truth("pipedrive", "deals")}
    found = deals[said["pipedriveDealId"]]
    assert (found["title"], found["stage_id"], found["value"]) == ("First order", second, 120.5)


def test_a_user_is_found(caller: httpx.Client, sandbox: Sandbox) -> None:
    user = sandbox.truth("pipedrive", "users")[0]
    said = caller.post("/api/pipedrive/setup-user", json={"email": user["email"].upper()}).json()
    assert (said["success"], said["pipedriveUserId"]) == (True, user["id"])
    nobody = caller.post("/api/pipedrive/setup-user", json={"email": "nobody@example.com"})
    assert (nobody.status_code, nobody.json()["success"]) == (200, False)


def test_trouble_queues_and_comes_through(
    caller: httpx.Client, sandbox: Sandbox, database_url: str
) -> None:
    first = sandbox.truth("pipedrive", "persons")[8]
    sandbox.fault("server_error", system="pipedrive", method="GET", times=0)
    answer = caller.put(f"/api/pipedrive/people/{first['id']}", json={"name": "Later"})
    assert answer.status_code == 202, answer.text
    said = answer.json()
    assert not said["success"]
    sandbox.admin("DELETE", "/faults")
    listed = caller.get("/api/pipedrive/outbox", params={"entity": "person"}).json()
    assert listed["commands"][0]["id"] == said["outboxId"]
    one = caller.get(f"/api/pipedrive/outbox/{said['outboxId']}").json()
    assert one["status"] in ("pending", "failed") and one["error"]
    admin = signed(make_key(database_url, Scope.ADMIN))
    retry = {"ids": [said["outboxId"], 10**12]}
    answer = caller.post("/api/pipedrive/retry-outbox", json=retry, headers=admin)
    assert answer.json() == {"retried": int(one["status"] == "failed")}


def test_notices_are_streamed(caller: httpx.Client, sandbox: Sandbox, database_url: str) -> None:
    first = sandbox.truth("pipedrive", "persons")[7]
    address = str(caller.base_url)
    with (
        httpx.Client(
            base_url=address, trust_env=False, timeout=30, headers=caller.headers
        ) as listener,
        listener.stream("GET", "/api/events") as stream,
    ):
        lines = stream.iter_lines()
        assert next(lines) == ": nothing new"
        caller.put(f"/api/pipedrive/people/{first['id']}", json={"owner_id": 99_999_999})
        heard = itertools.islice(lines, 10)  # a sign of life every 15 s is a line, too
        data = next(line for line in heard if line.startswith("data: "))
        notice = json.loads(data.removeprefix("data: "))
        assert notice["workspace"] == "default"
        assert "owner" in json.dumps(notice)


def test_keys_open_what_they_may(
    browser: httpx.Client, sandbox: Sandbox, local: Local, database_url: str
) -> None:
    first = sandbox.truth("pipedrive", "persons")[0]
    path, body = f"/api/pipedrive/people/{first['id']}", {"name": "Somebody else"}
    reader = signed(make_key(database_url, Scope.READ))
    stranger = signed(make_key(database_url, Scope.WRITE, workspace="nobody"))
    assert browser.put(path, json=body).status_code == 401
    assert browser.put(path, json=body, headers=signed("crm_x_y")).status_code == 401
    foreign = {"Authorization": b"Bearer \xff\xfe"}
    answer = browser.request("PUT", path, json=body, headers=foreign)  # type: ignore[arg-type]
    assert answer.status_code == 401
    assert browser.put(path, json=body, headers=reader).status_code == 403
    assert browser.put(path, json=body, headers=stranger).status_code == 401
    assert browser.get("/api/pipedrive/outbox", headers=reader).status_code == 200
    retry = {"ids": [1]}
    assert (
        browser.post("/api/pipedrive/retry-outbox", json=retry, headers=reader).status_code == 403
    )
    assert person(sandbox, first["id"])["name"] == first["name"]
    wanted = "SELECT count(*) FROM sync.outbox WHERE payload->>'name' = 'Somebody else'"
    assert local.run(wanted) == [(0,)]


def test_sizes_and_rates_are_limited(
    browser: httpx.Client, sandbox: Sandbox, local: Local, database_url: str
) -> None:
    headers = signed(make_key(database_url, Scope.WRITE))
    first = sandbox.truth("pipedrive", "persons")[0]
    path = f"/api/pipedrive/people/{first['id']}"
    huge = json.dumps({"name": "x" * (2 << 20)}).encode()
    assert browser.put(path, content=huge, headers=headers).status_code == 413
    pieces = (huge[at : at + 65536] for at in range(0, len(huge), 65536))
    assert browser.put(path, content=pieces, headers=headers).status_code == 413
    local.run("UPDATE sync.api_keys SET used = 1000000, minute_at = now()")
    answer = browser.put(path, json={"name": "x"}, headers=headers)
    assert answer.status_code == 429
    assert 0 < int(answer.headers["retry-after"]) <= 60
    assert time.monotonic() and person(sandbox, first["id"])["name"] == first["name"]
