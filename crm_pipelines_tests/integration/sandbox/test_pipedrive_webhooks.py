"""Webhooks of the simulated Pipedrive: bodies, retries, bans, removal."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from crm_pipelines_tests.receiver import Receiver, receiving, wait_for
from crm_pipelines_tests.sandbox_process import Sandbox


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as server:
        yield server


def subscribe(client: httpx.Client, receiver: Receiver, **more: Any) -> dict[str, Any]:
    body = {
        "subscription_url": receiver.url,
        "event_action": "*",
        "event_object": "*",
        "name": "Ours",
        **more,
    }
    answer = client.post("/v1/webhooks", json=body)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()["data"]
    return made


def quicken(sandbox: Sandbox) -> None:
    """Retries after milliseconds instead of minutes."""
    sandbox.admin("PATCH", "/pipedrive/limits", {"webhook_time_scale_percent": 1})


def test_create_change_delete(
    pipedrive: httpx.Client, sandbox: Sandbox, receiver: Receiver
) -> None:
    hook = subscribe(pipedrive, receiver, http_auth_user="u", http_auth_password="p")
    made = pipedrive.post("/api/v2/persons", json={"name": "Ada Old"}).json()["data"]
    wait_for(lambda: len(receiver.got) == 1)
    pipedrive.patch(f"/api/v2/persons/{made['id']}", json={"name": "Ada New"})
    wait_for(lambda: len(receiver.got) == 2)
    sandbox.admin("DELETE", f"/pipedrive/records/persons/{made['id']}")
    wait_for(lambda: len(receiver.got) == 3)
    create, change, delete = receiver.bodies()
    assert receiver.got[0][0]["Authorization"] == "Basic " + base64.b64encode(b"u:p").decode()
    assert [body["meta"]["action"] for body in (create, change, delete)] == [
        "create",
        "change",
        "delete",
    ]
    meta = create["meta"]
    assert meta["entity_id"] == str(made["id"])
    assert meta["webhook_id"] == str(hook["id"])
    assert (meta["version"], meta["attempt"], meta["change_source"]) == ("2.0", 1, "api")
    assert create["data"]["name"] == "Ada Old" and create["previous"] is None
    assert create["data"]["visible_to"] == "3"
    assert change["data"]["name"] == "Ada New"
    assert change["previous"]["name"] == "Ada Old" and "emails" not in change["previous"]
    assert delete["data"] is None and delete["previous"]["name"] == "Ada New"
    assert delete["meta"]["change_source"] == "app"
    assert len({body["meta"]["id"] for body in receiver.bodies()}) == 3


def test_custom_fields_are_typed(pipedrive: httpx.Client, receiver: Receiver) -> None:
    fields = pipedrive.get("/api/v2/dealFields?limit=500").json()["data"]
    own = {f["field_type"]: f for f in fields if f["is_custom_field"]}
    option = own["set"]["options"][0]["id"]
    values = {
        "set": [option],
        "monetary": {"value": 2.5, "currency": "EUR"},
        "daterange": {"value": "2024-01-01", "until": "2024-01-02"},
        "user": 3,
        "varchar": "text",
    }
    custom = {own[kind]["field_code"]: value for kind, value in values.items()}
    subscribe(pipedrive, receiver, event_object="deal")
    pipedrive.post("/api/v2/deals", json={"title": "D", "custom_fields": custom})
    wait_for(lambda: receiver.got)
    data = receiver.bodies()[0]["data"]
    assert "is_deleted" not in data
    got = {kind: data["custom_fields"][own[kind]["field_code"]] for kind in values}
    assert got == {
        "set": {"type": "set", "values": [{"id": option}]},
        "monetary": {"type": "monetary", "value": 2.5, "currency": "EUR"},
        "daterange": {"type": "daterange", "from": "2024-01-01", "until": "2024-01-02"},
        "user": {"type": "user", "id": 3},
        "varchar": {"type": "varchar", "value": "text"},
    }


def test_a_merge_is_a_delete_and_a_change(pipedrive: httpx.Client, receiver: Receiver) -> None:
    subscribe(pipedrive, receiver, event_object="person")
    pipedrive.put("/v1/persons/5/merge", json={"merge_with_id": 6})
    wait_for(lambda: len(receiver.got) == 2)
    metas = {body["meta"]["action"]: body["meta"] for body in receiver.bodies()}
    assert (metas["delete"]["entity_id"], metas["delete"]["merged_to_id"]) == ("5", "6")
    assert (metas["change"]["entity_id"], metas["change"]["merged_from_id"]) == ("6", "5")


def test_only_what_was_asked_for(pipedrive: httpx.Client, receiver: Receiver) -> None:
    subscribe(pipedrive, receiver, event_object="deal", event_action="change")
    pipedrive.post("/api/v2/deals", json={"title": "D"})
    pipedrive.patch("/api/v2/persons/1", json={"name": "N"})
    pipedrive.patch("/api/v2/deals/2", json={"title": "E"})
    wait_for(lambda: receiver.got)
    assert [body["meta"]["entity_id"] for body in receiver.bodies()] == ["2"]


def test_version_one(pipedrive: httpx.Client, receiver: Receiver) -> None:
    subscribe(pipedrive, receiver, version="1.0", event_object="person")
    pipedrive.patch("/api/v2/persons/1", json={"name": "N"})
    wait_for(lambda: receiver.got)
    (body,) = receiver.bodies()
    assert (body["v"], body["event"], body["retry"]) == (1, "updated.person", 0)
    assert body["current"]["name"] == "N" and body["previous"]["name"] != "N"
    assert "email" in body["current"]


def test_retries(pipedrive: httpx.Client, sandbox: Sandbox, receiver: Receiver) -> None:
    quicken(sandbox)
    subscribe(pipedrive, receiver)
    receiver.statuses = [500, 302, 404]
    pipedrive.patch("/api/v2/persons/1", json={"name": "N"})
    wait_for(lambda: len(receiver.got) == 4)
    assert [body["meta"]["attempt"] for body in receiver.bodies()] == [1, 2, 3, 4]
    assert len({body["meta"]["id"] for body in receiver.bodies()}) == 1
    wait_for(lambda: pipedrive.get("/v1/webhooks").json()["data"][0]["last_http_status"] == 200)


def test_a_bad_receiver_is_banned_and_its_events_are_lost(
    pipedrive: httpx.Client, sandbox: Sandbox, receiver: Receiver
) -> None:
    subscribe(pipedrive, receiver)
    receiver.always = 500
    for number in range(10):
        pipedrive.patch("/api/v2/persons/1", json={"name": f"N{number}"})
    wait_for(lambda: len(receiver.got) == 10)
    wait_for(lambda: len(sandbox.admin("GET", "/pipedrive/deliveries")) == 10)
    pipedrive.patch("/api/v2/persons/1", json={"name": "Lost"})
    last = sandbox.admin("GET", "/pipedrive/deliveries")[-1]
    assert (last["outcome"], last["attempt"]) == ("lost in a ban", 0)
    assert len(receiver.got) == 10


def test_days_without_success_end_a_webhook(
    pipedrive: httpx.Client, sandbox: Sandbox, receiver: Receiver
) -> None:
    subscribe(pipedrive, receiver)
    receiver.always = 500
    pipedrive.patch("/api/v2/persons/1", json={"name": "N"})
    wait_for(lambda: len(sandbox.admin("GET", "/pipedrive/deliveries")) == 1)
    sandbox.admin("POST", "/clock", {"advance_seconds": 3 * 86_400 + 1})
    pipedrive.patch("/api/v2/persons/1", json={"name": "M"})
    wait_for(lambda: pipedrive.get("/v1/webhooks").json()["data"] == [])


@pytest.mark.parametrize(
    "change",
    [
        {"subscription_url": "http://example.com/in"},
        {"subscription_url": "ftp://127.0.0.1/in"},
        {"subscription_url": "nonsense"},
        {"event_action": "updated"},
        {"event_object": "planet"},
        {"name": ""},
        {"version": "3.0"},
        {"secret": "x"},
    ],
)
def test_registration_is_checked(
    pipedrive: httpx.Client, receiver: Receiver, change: dict[str, Any]
) -> None:
    body = {
        "subscription_url": receiver.url,
        "event_action": "*",
        "event_object": "person",
        "name": "N",
        **change,
    }
    answer = pipedrive.post("/v1/webhooks", json=body)
    assert answer.status_code == 400
    assert answer.json()["status"] == "error"
    assert set(answer.json()["errors"]) == set(change)


def test_places_are_limited_and_come_back(
    pipedrive: httpx.Client, sandbox: Sandbox, receiver: Receiver
) -> None:
    sandbox.admin("PATCH", "/pipedrive/limits", {"webhooks_per_user": 1})
    hook = subscribe(pipedrive, receiver)
    body = {key: hook[key] for key in ("subscription_url", "event_action", "event_object", "name")}
    assert pipedrive.post("/v1/webhooks", json=body).status_code == 422
    assert pipedrive.delete(f"/v1/webhooks/{hook['id']}").status_code == 200
    assert pipedrive.get("/v1/webhooks").json()["data"] == []
    assert pipedrive.post("/v1/webhooks", json=body).status_code == 201
