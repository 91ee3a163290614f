"""Creating, changing, deleting and merging records of the simulated Pipedrive."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from crm_pipelines_tests.sandbox_process import Sandbox


def code_of(client: httpx.Client, path: str, kind: str) -> str:
    """The code of the custom field of a type."""
    fields = client.get(f"/api/v2/{path}?limit=500").json()["data"]
    code: str = next(
        f["field_code"] for f in fields if f["is_custom_field"] and f["field_type"] == kind
    )
    return code


def test_create_fills_in_the_rest(pipedrive: httpx.Client, sandbox: Sandbox) -> None:
    sandbox.admin("POST", "/clock", {"now": "2026-07-01T10:20:30Z", "frozen": True})
    body = {
        "name": "Grace Brewster Hopper",
        "emails": [{"value": "grace@example.com"}, {"value": "g@example.com", "label": "home"}],
        "org_id": 3,
    }
    answer = pipedrive.post("/api/v2/persons", json=body)
    assert answer.status_code == 200
    made = answer.json()["data"]
    assert made["id"] == 41
    assert (made["first_name"], made["last_name"]) == ("Grace", "Brewster Hopper")
    assert made["emails"] == [
        {"value": "grace@example.com", "primary": True, "label": "work"},
        {"value": "g@example.com", "primary": False, "label": "home"},
    ]
    assert made["add_time"] == made["update_time"] == "2026-07-01T10:20:30Z"
    assert made["owner_id"] == 1
    assert len(made["custom_fields"]) > 12 and not any(made["custom_fields"].values())
    assert pipedrive.get("/api/v2/persons/41").json()["data"] == made
    assert sandbox.truth("pipedrive", "persons")[-1] == made


def test_products_are_created_with_201(pipedrive: httpx.Client) -> None:
    body = {"name": "Thing", "prices": [{"price": 9.5, "currency": "EUR"}]}
    assert pipedrive.post("/api/v2/products", json=body).status_code == 201


def test_patch_changes_only_what_is_given(pipedrive: httpx.Client) -> None:
    before = pipedrive.get("/api/v2/persons/5").json()["data"]
    code = code_of(pipedrive, "personFields", "varchar")
    body = {"label_ids": [1, 3], "custom_fields": {code: "00042"}}
    after = pipedrive.patch("/api/v2/persons/5", json=body).json()["data"]
    assert after["label_ids"] == [1, 3]
    assert after["custom_fields"] == {**before["custom_fields"], code: "00042"}
    assert after["update_time"] > (before["update_time"] or "")
    same = set(before) - {"label_ids", "custom_fields", "update_time"}
    assert {key: after[key] for key in same} == {key: before[key] for key in same}
    assert pipedrive.put("/api/v2/persons/5", json={}).status_code == 405


CUSTOM_VALUES: list[tuple[str, Any, int]] = [
    ("varchar", "text", 200),
    ("varchar", "x" * 256, 400),
    ("varchar", 7, 400),
    ("double", 1.5, 200),
    ("double", "1.5", 400),
    ("monetary", {"value": 10, "currency": "EUR"}, 200),
    ("monetary", {"value": 10}, 400),
    ("monetary", {"value": 10, "currency": "XXX"}, 400),
    ("monetary", 10, 400),
    ("date", "1871-01-18", 200),
    ("date", "18.01.1871", 400),
    ("date", "2023-02-30", 400),
    ("daterange", {"value": "2024-01-01", "until": "2024-02-01"}, 200),
    ("time", {"value": "10:30:00"}, 200),
    ("time", {"value": "25:30:00"}, 400),
    ("timerange", {"value": "10:30", "until": "11:30"}, 200),
    ("address", {"value": "Viru 1, Tallinn"}, 200),
    ("address", {"country": "Estonia"}, 400),
    ("user", 2, 200),
    ("user", 99, 400),
    ("org", 1, 200),
    ("people", "1", 400),
    ("phone", "+372 5", 200),
    ("enum", 424242, 400),
    ("set", [], 400),
    ("set", None, 200),
    ("enum", None, 200),
]


@pytest.mark.parametrize(("kind", "value", "status"), CUSTOM_VALUES)
def test_custom_values(pipedrive: httpx.Client, kind: str, value: Any, status: int) -> None:
    code = code_of(pipedrive, "dealFields", kind)
    answer = pipedrive.patch("/api/v2/deals/1", json={"custom_fields": {code: value}})
    assert answer.status_code == status, answer.text
    if status == 200:
        stored = pipedrive.get("/api/v2/deals/1").json()["data"]["custom_fields"][code]
        if isinstance(value, dict):
            assert value.items() <= stored.items()
        else:
            assert stored == value


def test_options_by_id(pipedrive: httpx.Client) -> None:
    fields = pipedrive.get("/api/v2/personFields?limit=500").json()["data"]
    for kind in ("enum", "set"):
        field = next(f for f in fields if f["field_type"] == kind and f["is_custom_field"])
        first, second = (option["id"] for option in field["options"][:2])
        value: Any = first if kind == "enum" else [first, second]
        body = {"custom_fields": {field["field_code"]: value}}
        changed = pipedrive.patch("/api/v2/persons/1", json=body).json()["data"]
        assert changed["custom_fields"][field["field_code"]] == value


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("persons", {}),
        ("persons", {"name": 5}),
        ("persons", {"name": " "}),
        ("persons", {"name": "A", "owner_id": "1"}),
        ("persons", {"name": "A", "owner_id": True}),
        ("persons", {"name": "A", "owner_id": 99}),
        ("persons", {"name": "A", "email": "a@example.com"}),
        ("persons", {"name": "A", "emails": ["a@example.com"]}),
        ("persons", {"name": "A", "emails": [{"value": "a", "main": True}]}),
        ("persons", {"name": "A", "label_ids": [77]}),
        ("persons", {"name": "A", "visible_to": 2}),
        ("persons", {"name": "A", "update_time": "2026-01-01T00:00:00Z"}),
        ("persons", {"name": "A", "add_time": "2026-01-01T00:00:00.5Z"}),
        ("persons", {"name": "A", "custom_fields": {"unknown": 1}}),
        ("organizations", {"name": "A", "country": "Estonia"}),
        ("organizations", {"name": "A", "industry": "Software"}),
        ("deals", {"title": "A", "user_id": 1}),
        ("deals", {"title": "A", "value": "12"}),
        ("deals", {"title": "A", "status": "deleted"}),
        ("deals", {"title": "A", "status": "won", "lost_reason": "no"}),
        ("deals", {"title": "A", "probability": 101}),
        ("activities", {"subject": "A", "person_id": 1}),
        ("activities", {"subject": "A", "done": 1}),
        ("activities", {"subject": "A", "due_time": "9 am"}),
        ("activities", {"subject": "A", "due_date": "2026-1-1"}),
        ("stages", {"name": "A"}),
        ("pipelines", {"name": "A", "active": True}),
    ],
)
def test_bodies_are_read_strictly(
    pipedrive: httpx.Client, sandbox: Sandbox, path: str, body: dict[str, Any]
) -> None:
    before = sandbox.truth("pipedrive", path)
    answer = pipedrive.post(f"/api/v2/{path}", json=body)
    assert answer.status_code == 400, answer.text
    assert answer.json()["success"] is False
    assert sandbox.truth("pipedrive", path) == before


def test_contact_sync_fields_need_the_feature(pipedrive: httpx.Client) -> None:
    answer = pipedrive.post("/api/v2/persons", json={"name": "A", "job_title": "CEO"})
    assert answer.status_code == 403
    assert answer.json()["code"]


def test_bodies_must_be_json(pipedrive: httpx.Client) -> None:
    assert pipedrive.post("/api/v2/persons", data={"name": "A"}).status_code == 415
    broken = pipedrive.post(
        "/api/v2/persons", content=b'{"name":', headers={"content-type": "application/json"}
    )
    assert broken.status_code == 400
    assert pipedrive.post("/api/v2/persons", json=["A"]).status_code == 400


def test_activity_person_comes_from_participants(pipedrive: httpx.Client) -> None:
    body = {
        "subject": "Meet",
        "type": "meeting",
        "due_time": "10:30",
        "participants": [{"person_id": 2}, {"person_id": 3, "primary": True}],
    }
    made = pipedrive.post("/api/v2/activities", json=body).json()["data"]
    assert made["person_id"] == 3
    assert made["participants"] == [
        {"person_id": 2, "primary": False},
        {"person_id": 3, "primary": True},
    ]
    assert made["due_time"] == "10:30:00"
    path = f"/api/v2/activities/{made['id']}"
    done = pipedrive.patch(path, json={"done": True, "participants": []}).json()["data"]
    assert done["person_id"] is None
    assert done["marked_as_done_time"] == done["update_time"]


def test_deal_outcome_and_stage(pipedrive: httpx.Client) -> None:
    made = pipedrive.post("/api/v2/deals", json={"title": "D", "stage_id": 7}).json()["data"]
    assert (made["pipeline_id"], made["stage_id"], made["status"]) == (2, 7, "open")
    path = f"/api/v2/deals/{made['id']}"
    lost = pipedrive.patch(path, json={"status": "lost", "lost_reason": "Price"}).json()["data"]
    assert lost["lost_time"] == lost["close_time"] == lost["update_time"]
    moved = pipedrive.patch(path, json={"status": "open", "pipeline_id": 1}).json()["data"]
    assert (moved["stage_id"], moved["lost_time"], moved["lost_reason"]) == (1, None, None)
    assert moved["stage_change_time"] == moved["update_time"]
    archived = pipedrive.patch(path, json={"is_archived": True}).json()["data"]
    assert archived["archive_time"] == archived["update_time"]


def test_a_deleted_record_is_gone(pipedrive: httpx.Client, sandbox: Sandbox) -> None:
    assert pipedrive.delete("/api/v2/persons/4").json()["data"] == {"id": 4}
    for answer in (
        pipedrive.get("/api/v2/persons/4"),
        pipedrive.patch("/api/v2/persons/4", json={"name": "A"}),
        pipedrive.delete("/api/v2/persons/4"),
    ):
        assert answer.status_code == 404
    listed = pipedrive.get("/api/v2/persons?limit=500").json()["data"]
    assert 4 not in {row["id"] for row in listed}
    (gone,) = [r for r in sandbox.truth("pipedrive", "persons", deleted=True) if r["is_deleted"]]
    assert gone["id"] == 4
    sandbox.admin("PATCH", "/pipedrive/limits", {"get_deleted": 1})
    assert pipedrive.get("/api/v2/persons/4").json()["data"] == gone


def test_merge_keeps_the_second_record(pipedrive: httpx.Client, sandbox: Sandbox) -> None:
    people = {row["id"]: row for row in sandbox.truth("pipedrive", "persons")}
    leaving = next(row for row in people.values() if row["emails"] and row["org_id"])
    staying = next(row for row in people.values() if row["id"] != leaving["id"])
    deals = [r["id"] for r in sandbox.truth("pipedrive", "deals")]
    linked = deals[0]
    pipedrive.patch(f"/api/v2/deals/{linked}", json={"person_id": leaving["id"]})
    path = f"/v1/persons/{leaving['id']}/merge"
    answer = pipedrive.put(path, json={"merge_with_id": staying["id"]})
    assert answer.status_code == 200, answer.text
    after = pipedrive.get(f"/api/v2/persons/{staying['id']}").json()["data"]
    assert pipedrive.get(f"/api/v2/persons/{leaving['id']}").status_code == 404
    assert after["name"] == staying["name"]
    assert {e["value"] for e in leaving["emails"]} <= {e["value"] for e in after["emails"]}
    assert sum(e["primary"] for e in after["emails"]) == 1
    assert after["update_time"] > (staying["update_time"] or "")
    deal = pipedrive.get(f"/api/v2/deals/{linked}").json()["data"]
    assert deal["person_id"] == staying["id"]
    assert pipedrive.put(path, json={"merge_with_id": staying["id"]}).status_code == 404
    same = f"/v1/persons/{staying['id']}/merge"
    assert pipedrive.put(same, json={"merge_with_id": staying["id"]}).status_code == 400


def test_fields_and_options_change(pipedrive: httpx.Client, sandbox: Sandbox) -> None:
    body = {"field_name": "Tier", "field_type": "enum", "options": [{"label": "A"}]}
    field = pipedrive.post("/api/v2/personFields", json=body).json()["data"]
    code = field["field_code"]
    assert len(code) == 40
    assert all(code in row["custom_fields"] for row in sandbox.truth("pipedrive", "persons"))
    path = f"/api/v2/personFields/{code}"
    (added,) = pipedrive.post(f"{path}/options", json=[{"label": "B"}]).json()["data"]
    assert added["id"] > field["options"][0]["id"]
    renamed = pipedrive.patch(f"{path}/options", json=[{"id": added["id"], "label": "C"}])
    assert renamed.json()["data"] == [{"id": added["id"], "label": "C"}]
    person = {"custom_fields": {code: added["id"]}}
    assert pipedrive.patch("/api/v2/persons/1", json=person).status_code == 200
    gone = pipedrive.request("DELETE", f"{path}/options", json=[{"id": added["id"]}])
    assert gone.status_code == 200
    labels = [o["label"] for o in pipedrive.get(path).json()["data"]["options"]]
    assert labels == ["A"]
    assert pipedrive.patch(path, json={"field_name": "Rank"}).json()["data"]["field_code"] == code
    assert pipedrive.delete(path).status_code == 200
    assert all(code not in row["custom_fields"] for row in sandbox.truth("pipedrive", "persons"))
    assert pipedrive.get(path).status_code == 404


def test_label_options(pipedrive: httpx.Client) -> None:
    path = "/api/v2/personFields/label_ids"
    names = [o["label"] for o in pipedrive.get(path).json()["data"]["options"]]
    assert names == ["Customer", "Hot lead", "Warm lead", "Cold lead"]
    (added,) = pipedrive.post(f"{path}/options", json=[{"label": "VIP"}]).json()["data"]
    body = {"label_ids": [added["id"]]}
    assert pipedrive.patch("/api/v2/persons/1", json=body).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "", {"field_name": "X", "field_type": "enum"}),
        ("POST", "", {"field_name": "X", "field_type": "varchar", "options": [{"label": "A"}]}),
        ("POST", "", {"field_name": "X", "field_type": "int"}),
        ("POST", "", {"field_type": "varchar"}),
        ("POST", "/label_ids/options", []),
        ("POST", "/name/options", [{"label": "A"}]),
        ("PATCH", "/label_ids/options", [{"id": 999, "label": "A"}]),
        ("DELETE", "/label_ids/options", [{"id": 999}]),
    ],
)
def test_field_bodies_are_read_strictly(
    pipedrive: httpx.Client, method: str, path: str, body: Any
) -> None:
    answer = pipedrive.request(method, f"/api/v2/personFields{path}", json=body)
    assert answer.status_code == 400, answer.text


def test_system_fields_stay(pipedrive: httpx.Client) -> None:
    assert pipedrive.delete("/api/v2/personFields/name").status_code == 403
    assert pipedrive.post("/api/v2/activityFields", json={}).status_code == 405


def test_admin_edits_behind_the_api(pipedrive: httpx.Client, sandbox: Sandbox) -> None:
    late = "2016-05-04T03:02:01Z"
    edited = {"name": "Late Stamp", "update_time": late}
    made = sandbox.admin("PATCH", "/pipedrive/records/persons/6", edited)
    assert made["update_time"] == late
    assert pipedrive.get("/api/v2/persons/6").json()["data"] == made
    fresh = sandbox.admin("POST", "/pipedrive/records/deals", {"title": "New", "value": 5})
    assert pipedrive.get(f"/api/v2/deals/{fresh['id']}").json()["data"] == fresh
    sandbox.admin("DELETE", "/pipedrive/records/organizations/2")
    assert pipedrive.get("/api/v2/organizations/2").status_code == 404
    merged = sandbox.admin("POST", "/pipedrive/records/persons/7/merge", {"into": 8})
    assert merged["id"] == 8
    assert pipedrive.get("/api/v2/persons/7").status_code == 404


def test_admin_says_what_was_wrong(sandbox: Sandbox) -> None:
    with httpx.Client(base_url=f"{sandbox.url}/sandbox", trust_env=False) as client:
        for method, path, body, status in (
            ("PATCH", "/pipedrive/records/persons/1", {"nme": "x"}, 400),
            ("PATCH", "/pipedrive/records/persons/999", {"name": "x"}, 404),
            ("PATCH", "/pipedrive/records/persons/x", {"name": "x"}, 400),
            ("PATCH", "/pipedrive/records/planets/1", {"name": "x"}, 404),
            ("PATCH", "/pipedrive/limits", {"brst": 1}, 400),
            ("POST", "/pipedrive/records/persons/1/merge", {"into": 1}, 400),
            ("GET", "/pipedrive/records/planets", None, 404),
            ("GET", "/hubspot/usage", None, 404),
            ("POST", "/faults", {"kind": "earthquake"}, 400),
            ("POST", "/clock", {"now": "yesterday"}, 400),
            ("PATCH", "/pipedrive/credentials", {"password": "x"}, 400),
        ):
            answer = client.request(method, path, json=body)
            assert answer.status_code == status, (path, answer.text)
            assert answer.json()["error"]


def test_edits_outlive_a_restart(pipedrive: httpx.Client, sandbox: Sandbox) -> None:
    from crm_pipelines_tests.sandbox_process import running_sandbox

    pipedrive.patch("/api/v2/persons/1", json={"name": "Kept Name"})
    with running_sandbox(sandbox.home, seed=99, persons=7) as again:
        people = again.truth("pipedrive", "persons")
    assert people[0]["name"] == "Kept Name"
    assert len(people) == 40


def test_an_option_that_was_added_can_be_chosen(pipedrive: httpx.Client) -> None:
    path = "/api/v2/organizationFields/industry/options"
    made = pipedrive.post(path, json=[{"label": "Fishing"}]).json()["data"][0]
    assert pipedrive.patch("/api/v2/organizations/1", json={"industry": 424242}).status_code == 400
    answer = pipedrive.patch("/api/v2/organizations/1", json={"industry": made["id"]})
    assert answer.json()["data"]["industry"] == made["id"]
    assert pipedrive.request("DELETE", path, json=[{"id": made["id"]}]).status_code == 200
    body = {"name": "N", "industry": made["id"]}
    assert pipedrive.post("/api/v2/organizations", json=body).status_code == 400


def test_a_plan_without_details_of_organizations(pipedrive: httpx.Client, sandbox: Sandbox) -> None:
    sandbox.admin("PATCH", "/pipedrive/limits", {"organization_details": 0})
    fields = pipedrive.get("/api/v2/organizationFields?limit=500").json()["data"]
    old = pipedrive.get("/v1/organizationFields?limit=500").json()["data"]
    assert "industry" not in {field["field_code"] for field in fields} | {f["key"] for f in old}
    assert "industry" not in pipedrive.get("/api/v2/organizations/1").json()["data"]
    assert "industry" not in pipedrive.get("/api/v2/organizations?limit=1").json()["data"][0]
    answer = pipedrive.patch("/api/v2/organizations/1", json={"industry": 100})
    assert (answer.status_code, answer.json()["code"]) == (403, "ERR_FEATURE_DISABLED")


@pytest.mark.parametrize(
    ("digits", "taken", "refused"), [(5, "10:30", "10:30:00"), (8, "10:30:00", "10:30")]
)
def test_one_spelling_of_times(
    pipedrive: httpx.Client, sandbox: Sandbox, digits: int, taken: str, refused: str
) -> None:
    sandbox.admin("PATCH", "/pipedrive/limits", {"time_digits": digits})
    for key in ("due_time", "duration"):
        assert pipedrive.patch("/api/v2/activities/1", json={key: refused}).status_code == 400
        made = pipedrive.patch("/api/v2/activities/1", json={key: taken}).json()["data"]
        assert made[key] == "10:30:00"


def test_a_plan_that_is_full_of_deals(pipedrive: httpx.Client, sandbox: Sandbox) -> None:
    sandbox.admin("PATCH", "/pipedrive/limits", {"most_deals": 1})
    answer = pipedrive.post("/api/v2/deals", json={"title": "T"})
    assert (answer.status_code, answer.json()["code"]) == (403, "feature_capping_deals_limit")
