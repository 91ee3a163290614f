"""The inbox over HTTP: what CRMs told us, and applying it once more."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from crm_pipelines.model.access import Scope
from crm_pipelines.store.inbox.arrivals import Arrival
from crm_pipelines.store.inbox.spool import Spool
from crm_pipelines_tests.integration.gateway.conftest import Local, make_key, signed
from crm_pipelines_tests.receiver import wait_for

PATH = "/api/pipedrive/inbox"


def delivery(local: Local, status: str, workspace: str = "default", **more: Any) -> int:
    values = {"object": None, "body": b"{}", **more}
    [[identity]] = local.run(
        "INSERT INTO sync.inbox (workspace_id, delivery_id, body, status, object, next_attempt_at)"
        " VALUES (%s, %s, %s, %s, %s, '2100-01-01') RETURNING id",
        *(workspace, str(uuid4()), values["body"], status, values["object"]),
    )
    return int(str(identity))


@pytest.fixture
def admin(caller: httpx.Client, database_url: str) -> dict[str, str]:
    return signed(make_key(database_url, Scope.ADMIN))


def test_what_came_is_shown(caller: httpx.Client, local: Local) -> None:
    kind = f"kind{uuid4().hex}"
    body = {"meta": {"version": "2.0", "id": "ü"}}
    ids = [
        delivery(local, "dead", object=kind, body=json.dumps(body).encode()),
        delivery(local, "applied", object=kind, body=b"\xff\x00"),
        delivery(local, "waiting", object=kind),
    ]
    delivery(local, "dead", "elsewhere", object=kind)
    answer = caller.get(PATH, params={"object": kind, "limit": 2})
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert [one["id"] for one in found["deliveries"]] == ids[:0:-1]
    assert found["counts"]["dead"] >= 1
    assert found["oldestWaitingSeconds"] >= 0
    older = caller.get(PATH, params={"object": kind, "before": ids[1]}).json()["deliveries"]
    assert [one["id"] for one in older] == ids[:1]
    dead = caller.get(PATH, params={"object": kind, "status": "dead"}).json()["deliveries"]
    assert dead == older
    assert json.loads(caller.get(f"{PATH}/{ids[0]}").json()["body"]) == body
    assert caller.get(f"{PATH}/{ids[1]}").json()["body"] == "\ufffd\x00"


def test_replaying(
    caller: httpx.Client, admin: dict[str, str], local: Local, database_url: str
) -> None:
    dead, applied = delivery(local, "dead"), delivery(local, "applied")
    foreign = delivery(local, "dead", "elsewhere")
    assert caller.post(f"{PATH}/replay", json={"status": "dead"}).status_code == 403
    assert caller.get(f"{PATH}/{foreign}").status_code == 404
    body = {"ids": [applied, foreign, 2**53 - 1]}
    answer = caller.post(f"{PATH}/replay", json=body, headers=admin)
    assert (answer.status_code, answer.json()) == (200, {"replayed": 1})
    answer = caller.post(f"{PATH}/replay", json={"status": "dead"}, headers=admin)
    assert answer.json()["replayed"] >= 1
    states = {row[0]: row[1] for row in local.run("SELECT id, status FROM sync.inbox")}
    assert (states[dead], states[applied], states[foreign]) == ("waiting", "waiting", "dead")
    assert caller.get(f"{PATH}/replay").status_code == 405
    for wrong_id, status in (("0", 422), ("x", 404), ("9" * 16, 422), ("9" * 5000, 404)):
        assert caller.get(f"{PATH}/{wrong_id}").status_code == status
    bodies: list[Any] = [{}, {"ids": []}, {"ids": ["7"]}, {"status": "waiting"}, {"ids": [0]}, []]
    for wrong in bodies:
        answer = caller.post(f"{PATH}/replay", json=wrong, headers=admin)
        assert answer.status_code == 422, (wrong, answer.text)


def test_what_lies_on_the_disk_is_told(
    browser: httpx.Client, local: Local, values: dict[str, str]
) -> None:
    """As long as somebody holds the file; then the gateway brings it in."""
    assert browser.get("/health").json()["spool"] == {"files": 0, "bytes": 0, "idle_seconds": 0}
    spool = Spool(Path(values["CRM_HOME"]) / "spool", 1 << 20)
    arrival = Arrival("default", "pipedrive", "spooled", b"{}", None, datetime.now(UTC))
    spool.append([arrival])
    [file] = spool.files()
    size = file.stat().st_size
    found = browser.get("/health").json()["spool"]
    assert (found["files"], found["bytes"]) == (1, size)
    os.utime(file, (1, 1))
    problems = browser.get("/health").json()["problems"]
    assert any("wait in" in words and "spool" in words for words in problems)
    figures = browser.get("/metrics").text
    assert "crm_spool_files 1.0" in figures and f"crm_spool_bytes {size:.1f}" in figures
    spool.leave()
    wait_for(lambda: not spool.files())
    assert browser.get("/health").json()["spool"]["files"] == 0
    assert local.run("SELECT id FROM sync.inbox WHERE delivery_id = 'spooled'")


def test_health_and_figures(browser: httpx.Client, local: Local) -> None:
    local.run("DELETE FROM sync.inbox")
    assert browser.get("/health").json()["inbox"] == []
    delivery(local, "dead", object="deal")
    delivery(local, "waiting")
    local.run("UPDATE sync.inbox SET received_at = now() - interval '2 hours', action = 'change'")
    found = browser.get("/health").json()
    assert found["status"] == "degraded"
    assert any("1 webhook deliveries were given up" in words for words in found["problems"])
    assert not any("sensor" in words for words in found["problems"])  # it was put off
    local.run("UPDATE sync.inbox SET next_attempt_at = received_at")
    found = browser.get("/health").json()
    assert any("sensor webhook_deliveries" in words for words in found["problems"])
    [inbox] = found["inbox"]
    assert (inbox["waiting"], inbox["dead"]) == (1, 1)
    assert inbox["overdue_seconds"] >= 7200
    account = 'crm="pipedrive"'
    figures = browser.get("/metrics").text
    assert f'crm_inbox_deliveries{{{account},state="dead",workspace="default"}} 1.0' in figures
    assert f'crm_inbox_deliveries{{{account},state="echo",workspace="default"}} 0.0' in figures
    assert f"crm_inbox_oldest_waiting_seconds{{{account}" in figures
    last = f'crm_inbox_last_delivery_timestamp_seconds{{action="change",{account},object="deal"'
    assert last in figures
    local.run("DELETE FROM sync.inbox")
