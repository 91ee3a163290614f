"""Webhooks of the simulated Pipedrive when things go wrong: levers, slow receivers, restarts."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from crm_pipelines_tests.integration.sandbox.conftest import SMALL
from crm_pipelines_tests.integration.sandbox.test_pipedrive_webhooks import quicken, subscribe
from crm_pipelines_tests.receiver import Receiver, receiving, wait_for
from crm_pipelines_tests.sandbox_process import TOKEN, Sandbox, running_sandbox


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as server:
        yield server


def limit(sandbox: Sandbox, **limits: int) -> None:
    sandbox.admin("PATCH", "/pipedrive/limits", limits)


def rename(client: httpx.Client, times: int, person: int = 1) -> None:
    for number in range(times):
        client.patch(f"/api/v2/persons/{person}", json={"name": f"N{number}"})


def outcomes(sandbox: Sandbox) -> Counter[str]:
    return Counter(entry["outcome"] for entry in sandbox.admin("GET", "/pipedrive/deliveries"))


def waiting(sandbox: Sandbox) -> dict[int, int]:
    return {one["id"]: one["waiting"] for one in sandbox.admin("GET", "/pipedrive/webhooks")}


def test_events_come_three_times_and_in_any_order(
    pipedrive: httpx.Client, sandbox: Sandbox, receiver: Receiver
) -> None:
    subscribe(pipedrive, receiver)
    limit(sandbox, webhook_copies=3, webhook_shuffle=30, webhook_delay_milliseconds=200)
    rename(pipedrive, 20)
    wait_for(lambda: len(receiver.got) == 60)
    names = [body["data"]["name"] for body in receiver.bodies()]
    assert Counter(names) == {f"N{number}": 3 for number in range(20)}
    assert names != sorted(names, key=lambda name: int(name[1:]))
    ids = Counter(body["meta"]["id"] for body in receiver.bodies())
    assert set(ids.values()) == {3} and len(ids) == 20


def test_dropped_events_never_come(
    pipedrive: httpx.Client, sandbox: Sandbox, receiver: Receiver
) -> None:
    subscribe(pipedrive, receiver)
    limit(sandbox, webhook_drop=1)
    rename(pipedrive, 3)
    limit(sandbox, webhook_drop=0)
    pipedrive.patch("/api/v2/persons/1", json={"name": "Last"})
    wait_for(lambda: receiver.got)
    assert [body["data"]["name"] for body in receiver.bodies()] == ["Last"]
    wait_for(lambda: outcomes(sandbox) == {"dropped": 3, "delivered": 1})


def test_a_ban_takes_retries_along_and_ends(
    pipedrive: httpx.Client, sandbox: Sandbox, receiver: Receiver
) -> None:
    quicken(sandbox)
    hook = subscribe(pipedrive, receiver)
    path = f"/pipedrive/webhooks/{hook['id']}/ban"
    receiver.statuses = [500]
    limit(sandbox, webhook_time_scale_percent=10)
    rename(pipedrive, 1)
    wait_for(lambda: outcomes(sandbox) == {"refused": 1})
    (shown,) = sandbox.admin("POST", path, {"seconds": 600})
    assert 0 < shown["banned_seconds"] <= 600
    rename(pipedrive, 1)
    wait_for(lambda: outcomes(sandbox) == {"refused": 1, "lost in a ban": 2})
    sandbox.admin("POST", path, {"seconds": 0})
    pipedrive.patch("/api/v2/persons/1", json={"name": "Free"})
    wait_for(lambda: len(receiver.got) == 2)
    assert receiver.bodies()[1]["data"]["name"] == "Free"


def test_a_webhook_is_gone_without_a_word(
    pipedrive: httpx.Client, sandbox: Sandbox, receiver: Receiver
) -> None:
    hook = subscribe(pipedrive, receiver)
    sandbox.admin("DELETE", f"/pipedrive/webhooks/{hook['id']}")
    rename(pipedrive, 1)
    assert pipedrive.get("/v1/webhooks").json()["data"] == []
    assert not receiver.got and not outcomes(sandbox)
    with pytest.raises(AssertionError, match="404"):
        sandbox.admin("DELETE", f"/pipedrive/webhooks/{hook['id']}")
    with pytest.raises(AssertionError, match="404"):
        sandbox.admin("POST", f"/pipedrive/webhooks/{hook['id']}/ban", {})


def test_a_receiver_that_never_answers_holds_back_nobody(
    pipedrive: httpx.Client, sandbox: Sandbox, receiver: Receiver
) -> None:
    with receiving() as stuck:
        stuck.seconds = 3600.0
        bad = subscribe(pipedrive, stuck)
        good = subscribe(pipedrive, receiver)
        rename(pipedrive, 60)
        wait_for(lambda: len(receiver.got) == 60)
        wait_for(lambda: waiting(sandbox)[good["id"]] == 0)
        done = [e for e in sandbox.admin("GET", "/pipedrive/deliveries") if e["status"] == 200]
        assert {entry["webhook_id"] for entry in done} == {good["id"]} != {bad["id"]}


def test_who_answers_too_late_is_asked_again(
    pipedrive: httpx.Client, sandbox: Sandbox, receiver: Receiver
) -> None:
    quicken(sandbox)
    subscribe(pipedrive, receiver)
    receiver.seconds = 0.5
    rename(pipedrive, 1)
    wait_for(lambda: len(receiver.got) == 2)
    receiver.seconds = 0.0
    assert [body["meta"]["attempt"] for body in receiver.bodies()][:2] == [1, 2]


def test_only_what_the_user_of_a_webhook_may_see(
    pipedrive: httpx.Client, sandbox: Sandbox, receiver: Receiver
) -> None:
    users = sandbox.truth("pipedrive", "users")
    seller = next(user["id"] for user in users if not user["is_admin"])
    owner = next(user["id"] for user in users if user["id"] != seller)
    subscribe(pipedrive, receiver, user_id=seller)
    for name, visible in (("Private", 1), ("Open", 3)):
        record = {"name": name, "visible_to": visible, "owner_id": owner}
        pipedrive.post("/api/v2/persons", json=record)
    own = {"name": "Own", "visible_to": 1, "owner_id": seller}
    pipedrive.post("/api/v2/persons", json=own)
    wait_for(lambda: len(receiver.got) == 2)
    assert {body["data"]["name"] for body in receiver.bodies()} == {"Open", "Own"}


def test_a_restart_loses_nothing(filled_home: Path, tmp_path: Path, receiver: Receiver) -> None:
    home: Any = tmp_path / "sandbox"
    shutil.copytree(filled_home, home)
    receiver.always = 500
    with running_sandbox(home, **SMALL) as before:
        with httpx.Client(base_url=before.url, headers={"x-api-token": TOKEN}) as client:
            subscribe(client, receiver)
            rename(client, 3)
        wait_for(lambda: outcomes(before) == {"refused": 3})
    events = {body["meta"]["id"] for body in receiver.bodies()}
    receiver.got.clear()
    receiver.always = None
    with running_sandbox(home, **SMALL) as after:
        wait_for(lambda: outcomes(after) == {"delivered": 3})
        (shown,) = after.admin("GET", "/pipedrive/webhooks")
    assert {body["meta"]["id"] for body in receiver.bodies()} == events
    assert {body["meta"]["attempt"] for body in receiver.bodies()} == {2}
    assert shown["failed_first_attempts"] == 3
