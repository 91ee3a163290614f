"""Lists that only v1 has: their pages, orders, limits and shapes in the simulated Pipedrive."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest

from crm_pipelines_tests.sandbox_process import Sandbox

FILES = 15


def numbered(client: httpx.Client, path: str, **query: Any) -> list[dict[str, Any]]:
    """Every page of a v1 list."""
    got: list[dict[str, Any]] = []
    start = 0
    while True:
        body = client.get(f"/api/v1/{path}", params={**query, "start": start}).json()
        assert body["success"], body
        got += body["data"] or []
        extra = body["additional_data"]
        paging = extra.get("pagination", extra)
        if not paging["more_items_in_collection"]:
            return got
        start = paging.get("next_start", paging["start"] + paging["limit"])


@pytest.mark.parametrize(
    ("path", "collection"),
    [("notes", "notes"), ("files", "files"), ("leads", "leads"), ("leads/archived", "leads")],
)
def test_pages_are_complete(
    pipedrive: httpx.Client, sandbox: Sandbox, path: str, collection: str
) -> None:
    truth = sandbox.truth("pipedrive", collection)
    if collection == "leads":
        truth = [lead for lead in truth if lead["is_archived"] is path.endswith("archived")]
    assert truth
    assert numbered(pipedrive, path, limit=3, sort="id ASC") == truth


@pytest.mark.parametrize("path", ["notes", "files", "leads", "leads/archived"])
def test_newest_first(pipedrive: httpx.Client, path: str) -> None:
    got = numbered(pipedrive, path, limit=4, sort="update_time DESC, id DESC")
    keys = [(row["update_time"] or "", row["id"]) for row in got]
    assert keys == sorted(keys, reverse=True)
    assert keys


@pytest.mark.parametrize("path", ["notes", "leads"])
def test_changed_since(pipedrive: httpx.Client, sandbox: Sandbox, path: str) -> None:
    one = sandbox.truth("pipedrive", path)[3]["id"]
    sandbox.admin("POST", "/clock", {"now": "2026-08-01T12:00:00Z", "frozen": True})
    sandbox.admin("PATCH", f"/pipedrive/records/{path}/{one}", {})
    since = "2026-08-01T12:00:00Z"
    assert [row["id"] for row in numbered(pipedrive, path, updated_since=since)] == [one]
    assert numbered(pipedrive, path, updated_since="2026-08-01T12:00:01Z") == []


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("files", {"limit": "101"}),
        ("files", {"sort": "add_time ASC"}),
        ("files", {"updated_since": "2026-08-01T12:00:00Z"}),
        ("leads/archived", {"updated_since": "2026-08-01T12:00:00Z"}),
        ("notes", {"updated_since": "2026-08-01T12:00:00.5Z"}),
        ("notes", {"limit": "501"}),
        ("notes", {"start": "-1"}),
        ("notes", {"sort": "content ASC"}),
        ("notes", {"sort": "update_time DESC, id ASC"}),
        ("filters", {"limit": "10"}),
        ("filters", {"type": "planets"}),
        ("currencies", {"start": "0"}),
        ("activityTypes", {"start": "0"}),
        ("leadLabels", {"limit": "1"}),
        ("leadFields", {"sort": "id ASC"}),
    ],
)
def test_parameters_a_list_has_not(
    pipedrive: httpx.Client, path: str, query: dict[str, str]
) -> None:
    answer = pipedrive.get(f"/api/v1/{path}", params=query)
    assert answer.status_code == 400
    assert answer.json()["success"] is False


def test_products_know_no_end_of_a_window(pipedrive: httpx.Client) -> None:
    query = {"updated_until": "2026-08-01T12:00:00Z"}
    assert pipedrive.get("/api/v2/products", params=query).status_code == 400


def test_a_full_page_of_files_is_a_hundred(pipedrive: httpx.Client, sandbox: Sandbox) -> None:
    for number in range(101 - FILES):
        sandbox.admin("POST", "/pipedrive/records/files", {"name": f"{number}.txt"})
    body = pipedrive.get("/api/v1/files?limit=100").json()
    assert len(body["data"]) == 100
    assert body["additional_data"]["pagination"]["next_start"] == 100


def test_the_list_of_filters_keeps_their_conditions_to_itself(
    pipedrive: httpx.Client, sandbox: Sandbox
) -> None:
    truth = sandbox.truth("pipedrive", "filters")
    listed = pipedrive.get("/api/v1/filters").json()["data"]
    assert listed == [{k: v for k, v in one.items() if k != "conditions"} for one in truth]
    assert pipedrive.get(f"/api/v1/filters/{truth[0]['id']}").json()["data"] == truth[0]
    kind = truth[0]["type"]
    one = pipedrive.get("/api/v1/filters", params={"type": kind}).json()["data"]
    assert {row["type"] for row in one} == {kind}


def test_leads_show_custom_fields_of_deals_where_they_are_set(
    pipedrive: httpx.Client, sandbox: Sandbox
) -> None:
    codes = {
        field["field_code"]
        for field in pipedrive.get("/api/v2/dealFields?limit=500").json()["data"]
        if field["is_custom_field"]
    }
    leads = numbered(pipedrive, "leads")
    shown = {key for lead in leads for key in lead if re.match("[0-9a-f]{40}", key)}
    assert shown
    assert {key.partition("_")[0] for key in shown} <= codes
    assert any("_" in key for key in shown)
    assert all(lead[code] is not None for lead in leads for code in codes & set(lead))
    code = sorted(codes)[0]
    path = f"/pipedrive/records/leads/{leads[0]['id']}"
    assert sandbox.admin("PATCH", path, {code: "set by hand"})[code] == "set by hand"
    with pytest.raises(AssertionError, match="leads have no"):
        sandbox.admin("PATCH", path, {"0" * 40: "no such field"})


@pytest.mark.parametrize(
    ("collection", "path", "fields"),
    [
        ("notes", "notes", {"content": "By hand"}),
        ("files", "files", {"name": "hand.pdf"}),
        ("filters", "filters", {"name": "By hand"}),
        ("currencies", "currencies", {"code": "XXX", "name": "By hand"}),
        ("activityTypes", "activityTypes", {"name": "By hand", "key_string": "by_hand"}),
        ("leadLabels", "leadLabels", {"name": "By hand"}),
        ("leads", "leads", {"title": "By hand"}),
        ("products", "products", {"name": "By hand"}),
    ],
)
def test_levers_create_change_and_delete(
    pipedrive: httpx.Client, sandbox: Sandbox, collection: str, path: str, fields: dict[str, str]
) -> None:
    prefix = "/api/v2" if collection == "products" else "/api/v1"
    records = f"/pipedrive/records/{collection}"

    def seen() -> dict[Any, dict[str, Any]]:
        listed = pipedrive.get(f"{prefix}/{path}").json()["data"]
        return {row["id"]: row for row in listed}

    made = sandbox.admin("POST", records, fields)["id"]
    assert fields.items() <= seen()[made].items()
    name = next(iter(fields))
    sandbox.admin("PATCH", f"{records}/{made}", {name: "Changed"})
    assert seen()[made][name] == "Changed"
    sandbox.admin("DELETE", f"{records}/{made}")
    assert made not in seen()
    assert made not in {row["id"] for row in sandbox.truth("pipedrive", collection)}
