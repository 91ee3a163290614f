"""Lists of the simulated Pipedrive: complete pages, filters, order, strict parameters."""

from __future__ import annotations

from collections import Counter
from typing import Any

import httpx
import pytest

from crm_pipelines_tests.sandbox_process import Sandbox


def pages(client: httpx.Client, path: str, **query: Any) -> list[list[dict[str, Any]]]:
    """Every page of a list."""
    got: list[list[dict[str, Any]]] = []
    while True:
        answer = client.get(path, params=query)
        assert answer.status_code == 200, answer.text
        got.append(answer.json()["data"])
        following = answer.json()["additional_data"]["next_cursor"]
        if following is None:
            return got
        query["cursor"] = following


def rows(client: httpx.Client, path: str, **query: Any) -> list[dict[str, Any]]:
    return [row for page in pages(client, path, **query) for row in page]


@pytest.mark.parametrize("sort", ["id", "update_time", "add_time"])
@pytest.mark.parametrize("direction", ["asc", "desc"])
def test_pages_are_complete_and_in_order(
    pipedrive: httpx.Client, sandbox: Sandbox, sort: str, direction: str
) -> None:
    got = pages(pipedrive, "/api/v2/persons", limit=7, sort_by=sort, sort_direction=direction)
    truth = sandbox.truth("pipedrive", "persons")
    assert [len(page) for page in got] == [7, 7, 7, 7, 7, 5]
    flat = [row for page in got for row in page]
    key = [((row[sort] or ""), row["id"]) for row in flat]
    assert key == sorted(key, reverse=direction == "desc")
    assert sorted(flat, key=lambda row: row["id"]) == truth


def test_a_full_last_page_has_no_successor(pipedrive: httpx.Client) -> None:
    assert [len(page) for page in pages(pipedrive, "/api/v2/persons", limit=20)] == [20, 20]


def test_ties_and_missing_times_are_there(sandbox: Sandbox) -> None:
    stamps = Counter(row["update_time"] for row in sandbox.truth("pipedrive", "persons"))
    assert stamps.pop(None) >= 1
    assert max(stamps.values()) > 7


def test_window_takes_its_start_and_leaves_its_end(
    pipedrive: httpx.Client, sandbox: Sandbox
) -> None:
    stamped = [r for r in sandbox.truth("pipedrive", "persons") if r["update_time"]]
    times = sorted({row["update_time"] for row in stamped})
    since, until = times[len(times) // 3], times[2 * len(times) // 3]
    got = rows(pipedrive, "/api/v2/persons", updated_since=since, updated_until=until, limit=3)
    assert {r["id"] for r in got} == {
        row["id"] for row in stamped if since <= row["update_time"] < until
    }
    assert since in {row["update_time"] for row in got}


def test_window_understands_offsets(pipedrive: httpx.Client, sandbox: Sandbox) -> None:
    stamp = max(r["update_time"] for r in sandbox.truth("pipedrive", "persons") if r["update_time"])
    east = stamp.replace("Z", "+00:00")
    got = rows(pipedrive, "/api/v2/persons", updated_since=east)
    assert got and all(row["update_time"] == stamp for row in got)


@pytest.mark.parametrize(
    ("path", "key"),
    [
        ("persons", "owner_id"),
        ("persons", "org_id"),
        ("organizations", "owner_id"),
        ("deals", "person_id"),
        ("deals", "stage_id"),
        ("deals", "pipeline_id"),
        ("activities", "deal_id"),
        ("activities", "person_id"),
        ("stages", "pipeline_id"),
    ],
)
def test_filters(pipedrive: httpx.Client, sandbox: Sandbox, path: str, key: str) -> None:
    truth = [r for r in sandbox.truth("pipedrive", path) if not r.get("is_archived")]
    value = next(row[key] for row in truth if row[key] is not None)
    got = rows(pipedrive, f"/api/v2/{path}", **{key: value})
    assert {row["id"] for row in got} == {row["id"] for row in truth if row[key] == value}


def test_done_and_ids_and_persons_of_a_deal(pipedrive: httpx.Client, sandbox: Sandbox) -> None:
    done = rows(pipedrive, "/api/v2/activities", done="true")
    assert done and all(row["done"] is True for row in done)
    assert [r["id"] for r in rows(pipedrive, "/api/v2/persons", ids="3,1,999")] == [1, 3]
    deal = next(r for r in sandbox.truth("pipedrive", "deals") if r["person_id"])
    got = rows(pipedrive, "/api/v2/persons", deal_id=deal["id"])
    assert [row["id"] for row in got] == [deal["person_id"]]


def test_archived_deals_have_their_own_list(pipedrive: httpx.Client, sandbox: Sandbox) -> None:
    truth = sandbox.truth("pipedrive", "deals")
    plain, archived = (rows(pipedrive, f"/api/v2/deals{p}", limit=4) for p in ("", "/archived"))
    assert {r["id"] for r in archived} == {r["id"] for r in truth if r["is_archived"]}
    assert {r["id"] for r in plain} == {r["id"] for r in truth if not r["is_archived"]}
    assert archived


def test_status_takes_a_list_and_deleted_deals_are_asked_for(pipedrive: httpx.Client) -> None:
    won = rows(pipedrive, "/api/v2/deals", status="won,lost")
    assert {row["status"] for row in won} == {"won", "lost"}
    victim = won[0]["id"]
    assert pipedrive.delete(f"/api/v2/deals/{victim}").json()["data"] == {"id": victim}
    assert victim not in {row["id"] for row in rows(pipedrive, "/api/v2/deals")}
    (gone,) = rows(pipedrive, "/api/v2/deals", status="deleted")
    assert gone["id"] == victim
    assert gone["is_deleted"] is True


def test_deleted_deals_are_purged_after_thirty_days(
    pipedrive: httpx.Client, sandbox: Sandbox
) -> None:
    pipedrive.delete("/api/v2/deals/1")
    sandbox.admin("POST", "/clock", {"advance_seconds": 31 * 86_400})
    assert rows(pipedrive, "/api/v2/deals", status="deleted") == []


def test_saved_filter_overrides_the_others(pipedrive: httpx.Client, sandbox: Sandbox) -> None:
    got = rows(pipedrive, "/api/v2/persons", filter_id=2, owner_id=5)
    truth = sandbox.truth("pipedrive", "persons")
    assert {row["id"] for row in got} == {r["id"] for r in truth if r["owner_id"] == 1}
    big = rows(pipedrive, "/api/v2/deals", filter_id=1)
    assert big and all(row["value"] > 50_000 for row in big)
    assert pipedrive.get("/api/v2/deals?filter_id=2").status_code == 400
    assert pipedrive.get("/api/v2/deals?filter_id=77").status_code == 404


def test_custom_fields_are_all_shown_or_the_chosen_ones(pipedrive: httpx.Client) -> None:
    fields = rows(pipedrive, "/api/v2/personFields", limit=9)
    codes = [field["field_code"] for field in fields if field["is_custom_field"]]
    assert len(codes) > 12 and all(len(code) == 40 for code in codes)
    for person in rows(pipedrive, "/api/v2/persons"):
        assert list(person["custom_fields"]) == codes
    chosen = rows(pipedrive, "/api/v2/persons", custom_fields=f"{codes[0]},{codes[3]}")
    assert all(list(row["custom_fields"]) == [codes[0], codes[3]] for row in chosen)
    assert pipedrive.get("/api/v2/persons?custom_fields=" + ",".join(["a"] * 16)).status_code == 400


def test_labels_on_request(pipedrive: httpx.Client) -> None:
    fields = rows(pipedrive, "/api/v2/personFields")
    enum = next(f for f in fields if f["field_type"] == "enum" and f["is_custom_field"])
    names = {option["id"]: option["label"] for option in enum["options"]}
    plain = rows(pipedrive, "/api/v2/persons")
    rich = rows(pipedrive, "/api/v2/persons", include_option_labels="true", include_labels="true")
    for before, after in zip(plain, rich, strict=True):
        value = before["custom_fields"][enum["field_code"]]
        expected = None if value is None else {"id": value, "label": names[value]}
        assert after["custom_fields"][enum["field_code"]] == expected
        assert [label["id"] for label in after["labels"]] == before["label_ids"]


def test_optional_fields_on_request(pipedrive: httpx.Client, sandbox: Sandbox) -> None:
    activities = sandbox.truth("pipedrive", "activities")
    got = rows(pipedrive, "/api/v2/persons", include_fields="activities_count,next_activity_id")
    for person in got:
        mine = [row for row in activities if row["person_id"] == person["id"]]
        assert person["activities_count"] == len(mine)
    assert all("attendees" not in row for row in rows(pipedrive, "/api/v2/activities"))
    shown = rows(pipedrive, "/api/v2/activities", include_fields="attendees")
    assert all("attendees" in row for row in shown)


@pytest.mark.parametrize(
    "query",
    [
        "type=call",
        "updated_since=2024-01-01T00:00:00.000Z",
        "updated_since=2024-01-01",
        "updated_since=2024-02-30T00:00:00Z",
        "limit=501",
        "limit=0",
        "limit=ten",
        "limit=5&limit=6",
        "sort_by=subject",
        "sort_direction=up",
        "done=1",
        "owner_id=-3",
        "ids=" + ",".join(map(str, range(1, 102))),
        "ids=1,1",
        "include_fields=note",
    ],
)
def test_what_does_not_fit_is_refused(pipedrive: httpx.Client, query: str) -> None:
    answer = pipedrive.get(f"/api/v2/activities?{query}")
    assert answer.status_code == 400
    body = answer.json()
    assert body["success"] is False
    assert body["data"] is None
    assert body["code"] == "ERR_SCHEMA_VALIDATION_FAILED"


def test_limit_above_the_maximum_may_be_clamped(pipedrive: httpx.Client, sandbox: Sandbox) -> None:
    sandbox.admin("PATCH", "/pipedrive/limits", {"clamp_page_limit": 1})
    assert len(pipedrive.get("/api/v2/persons?limit=9999").json()["data"]) == 40


def test_cursor_belongs_to_its_query(pipedrive: httpx.Client) -> None:
    page = pipedrive.get("/api/v2/persons?limit=2&owner_id=1").json()
    cursor = page["additional_data"]["next_cursor"]
    assert pipedrive.get(f"/api/v2/persons?limit=5&owner_id=1&cursor={cursor}").status_code == 200
    for other in ("persons?limit=2", "persons?owner_id=2", "deals?owner_id=1"):
        assert pipedrive.get(f"/api/v2/{other}&cursor={cursor}").status_code == 400
    for broken in ("x", "eyJ9", cursor[:-3] + "@@@", "bm90IGpzb24"):
        assert pipedrive.get(f"/api/v2/persons?owner_id=1&cursor={broken}").status_code == 400


def test_a_short_page_hides_its_end(pipedrive: httpx.Client, sandbox: Sandbox) -> None:
    sandbox.fault("short_page", path="^/api/v2/persons")
    got = pages(pipedrive, "/api/v2/persons", limit=20)
    assert [len(page) for page in got] == [18, 20]


def test_changes_while_paging_by_id_are_seen_once(
    pipedrive: httpx.Client, sandbox: Sandbox
) -> None:
    first = pipedrive.get("/api/v2/persons?limit=20").json()
    sandbox.admin("PATCH", "/pipedrive/records/persons/30", {"name": "Changed Now"})
    cursor = first["additional_data"]["next_cursor"]
    rest = rows(pipedrive, "/api/v2/persons", limit=20, cursor=cursor)
    assert [r["id"] for r in (*first["data"], *rest)] == list(range(1, 41))
    assert next(row for row in rest if row["id"] == 30)["name"] == "Changed Now"
