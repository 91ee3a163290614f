"""Our field, labels and users: read seldom, made once."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from crm_pipelines.model.command import Entity
from crm_pipelines.model.errors import FatalError
from crm_pipelines.model.sink import Sink
from crm_pipelines_tests.integration.sink.conftest import Opening
from crm_pipelines_tests.sandbox_process import Sandbox

OURS = "crm-pipelines id"


def ours(pipedrive: httpx.Client, path: str = "personFields") -> list[str]:
    fields = pipedrive.get(f"/api/v2/{path}?limit=500").json()["data"]
    return [field["field_code"] for field in fields if field["field_name"] == OURS]


def calls(sandbox: Sandbox, since: int = 0) -> Counter[str]:
    return Counter(f"{e['method']} {e['path']}" for e in sandbox.journal(since))


CREATE = """
import os, sys
from contextlib import closing
from crm_pipelines.model.command import Entity
from crm_pipelines.model.priority import Priority
from crm_pipelines.wiring import Wiring

with closing(Wiring()) as wiring:
    account = wiring.account("default", "pipedrive")
    purse = wiring.budget.purse("default", "pipedrive", "push", account.limits, Priority.DELTA)
    with closing(account.open_sink(purse)) as sink:
        sys.stdin.readline()
        label = sink.label_id(Entity.PERSON, "Wärm Lead")
        sink.create(Entity.PERSON, {"name": "N", "label_ids": [label]}, str(os.getpid()))
"""


def test_many_processes_make_field_and_label_once(
    environment: dict[str, str], sandbox: Sandbox, pipedrive: httpx.Client
) -> None:
    running = [
        subprocess.Popen(
            [sys.executable, "-c", CREATE], env=environment, stdin=subprocess.PIPE, text=True
        )
        for _ in range(3)
    ]
    for process in running:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in running:
        process.communicate(timeout=120)
    assert [process.returncode for process in running] == [0] * 3
    [code] = ours(pipedrive)
    made = sandbox.truth("pipedrive", "persons")[-3:]
    assert {one["custom_fields"][code] for one in made} == {str(p.pid) for p in running}
    assert len({tuple(one["label_ids"]) for one in made}) == 1
    assert calls(sandbox)["POST /api/v2/personFields/label_ids/options"] == 1


def test_threads_of_one_process(opening: Opening, pipedrive: httpx.Client) -> None:
    sinks = [opening() for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda s: s.create(Entity.DEAL, {"title": "T"}, "d"), sinks))
    assert len(ours(pipedrive, "dealFields")) == 1


def test_lists_are_read_once_a_day_by_whatever_process(opening: Opening, sandbox: Sandbox) -> None:
    address = sandbox.truth("pipedrive", "users")[1]["email"]
    for number in range(3):
        sink = opening()
        for entity in (Entity.PERSON, Entity.DEAL):
            sink.create(entity, {"name" if entity is Entity.PERSON else "title": "N"}, str(number))
        assert sink.label_id(Entity.PERSON, "warm LEAD") == 3
        assert sink.user_id(f" {address.upper()}") == 2
    counted = calls(sandbox)
    assert counted["GET /api/v2/personFields"] == counted["GET /api/v2/dealFields"] == 2
    assert counted["POST /api/v2/personFields"] == 1
    assert counted["GET /api/v1/users"] == 1
    assert counted["POST /api/v2/personFields/label_ids/options"] == 0


def test_users_that_are_not_there(sink: Sink, sandbox: Sandbox, opening: Opening) -> None:
    assert sink.user_id("nobody@example.com") is None
    assert opening().user_id("somebody@example.com") is None
    assert calls(sandbox)["GET /api/v1/users"] == 1, "the list is fresh"
    users = sandbox.truth("pipedrive", "users")
    for user in users:
        assert sink.user_id(user["email"]) == (user["id"] if user["active_flag"] else None)
    assert {user["active_flag"] for user in users} == {True, False}


def test_a_label_in_any_language(sink: Sink, sandbox: Sandbox) -> None:
    assert sink.label_id(Entity.PERSON, "Heiße Spur", make=False) is None
    made = sink.label_id(Entity.PERSON, "Heiße Spur")
    assert made is not None
    assert sink.label_id(Entity.PERSON, "HEISSE SPUR") == made
    assert sink.label_id(Entity.ACTIVITY, "Heiße Spur") is None
    found = sink.create(Entity.PERSON, {"name": "N", "label_ids": [made]}, "p")
    assert found.values["label_ids"] == [made]
    assert calls(sandbox)["POST /api/v2/personFields/label_ids/options"] == 1


@pytest.mark.parametrize("kind", ["lost_answer", "cut_body", "malformed_json", "server_error"])
def test_a_field_whose_making_is_not_answered_is_made_once(
    sink: Sink, sandbox: Sandbox, pipedrive: httpx.Client, kind: str
) -> None:
    sandbox.fault(kind, method="POST", path="personFields")
    if kind == "server_error":
        with pytest.raises(Exception, match="not known"):
            sink.create(Entity.PERSON, {"name": "N"}, "p")
    found = sink.create(Entity.PERSON, {"name": "N"}, "p")
    [code] = ours(pipedrive)
    assert sandbox.truth("pipedrive", "persons")[-1]["custom_fields"][code] == found.our_id == "p"


def test_our_field_is_deleted_and_made_again(
    sink: Sink, sandbox: Sandbox, pipedrive: httpx.Client
) -> None:
    sink.create(Entity.PERSON, {"name": "A"}, "p1")
    [code] = ours(pipedrive)
    pipedrive.delete(f"/api/v2/personFields/{code}")
    made = sink.create(Entity.PERSON, {"name": "B"}, "p2")
    [renewed] = ours(pipedrive)
    assert renewed != code
    assert made.our_id == "p2"
    assert sandbox.truth("pipedrive", "persons")[-1]["custom_fields"][renewed] == "p2"
    before = len(sandbox.journal())
    sink.create(Entity.PERSON, {"name": "C"}, "p3")
    assert calls(sandbox, before) == {"POST /api/v2/persons": 1}


def test_fields_of_our_name_that_are_not_ours_or_newer_are_left_alone(
    sink: Sink, pipedrive: httpx.Client
) -> None:
    wrong = {"field_name": OURS, "field_type": "text"}
    pipedrive.post("/api/v2/personFields", json=wrong)
    made = sink.create(Entity.PERSON, {"name": "A"}, "p1")
    assert made.our_id == "p1"
    assert len(ours(pipedrive)) == 2
    pipedrive.post("/api/v2/personFields", json={**wrong, "field_type": "varchar"})
    found = sink.read(Entity.PERSON, made.remote_id)
    assert found is not None
    assert found.our_id == "p1"


def test_whoever_may_not_make_fields_is_told(sink: Sink, sandbox: Sandbox) -> None:
    sandbox.fault("html_403", method="POST", path="personFields", times=0)
    with pytest.raises(FatalError):
        sink.create(Entity.PERSON, {"name": "N"}, "p")
