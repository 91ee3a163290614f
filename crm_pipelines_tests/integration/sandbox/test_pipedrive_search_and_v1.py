"""Search, and the parts of API v1 that have no successor."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from crm_pipelines_tests.sandbox_process import Sandbox


def found(client: httpx.Client, path: str, **query: Any) -> list[Any]:
    """Ids of what a search found, over all pages."""
    ids = []
    while True:
        answer = client.get(f"/api/v2/{path}", params=query)
        assert answer.status_code == 200, answer.text
        body = answer.json()
        items = body["data"] if isinstance(body["data"], list) else body["data"]["items"]
        ids += [hit["item"]["id"] for hit in items]
        if (following := body["additional_data"]["next_cursor"]) is None:
            return ids
        query["cursor"] = following


def test_exact_email_ignores_case(pipedrive: httpx.Client, sandbox: Sandbox) -> None:
    person = next(r for r in sandbox.truth("pipedrive", "persons") if r["emails"])
    term = person["emails"][0]["value"]
    for spelled in (term.lower(), term.upper()):
        query = {"term": spelled, "fields": "email", "exact_match": "true"}
        assert found(pipedrive, "persons/search", **query) == [person["id"]]
    assert (
        found(pipedrive, "persons/search", term=term[:-1], fields="email", exact_match="true") == []
    )
    (hit,) = pipedrive.get(
        "/api/v2/persons/search", params={"term": term, "fields": "email", "exact_match": "true"}
    ).json()["data"]["items"]
    assert hit["item"]["emails"] == [email["value"] for email in person["emails"]]
    assert hit["item"]["type"] == "person"


def test_words_inside_names(pipedrive: httpx.Client, sandbox: Sandbox) -> None:
    expected = [
        row["id"]
        for row in sandbox.truth("pipedrive", "organizations")
        if "lt" in row["name"].casefold()
    ]
    got = found(pipedrive, "organizations/search", term="LT", fields="name", limit=1)
    assert got == expected
    assert found(pipedrive, "deals/search", term="zzzz") == []
    assert pipedrive.get("/api/v2/deals/search?term=a").status_code == 400
    assert pipedrive.get("/api/v2/deals/search?fields=email&term=abc").status_code == 400


def test_narrowed_search(pipedrive: httpx.Client) -> None:
    body = {"title": "Findable thing", "person_id": 2, "org_id": 1}
    deal = pipedrive.post("/api/v2/deals", json=body).json()["data"]["id"]
    for query, expected in (
        ({"person_id": 2}, [deal]),
        ({"person_id": 3}, []),
        ({"organization_id": 1, "status": "open"}, [deal]),
        ({"status": "won"}, []),
    ):
        assert found(pipedrive, "deals/search", term="findable", **query) == expected


def test_field_search_is_case_sensitive(pipedrive: httpx.Client) -> None:
    fields = pipedrive.get("/api/v2/personFields?limit=500").json()["data"]
    code = next(f["field_code"] for f in fields if f["field_name"] == "External ID")
    pipedrive.patch("/api/v2/persons/9", json={"custom_fields": {code: "Ext-00420"}})
    base = {"entity_type": "person", "field": code}
    for term, match, expected in (
        ("Ext-00420", "exact", [9]),
        ("ext-00420", "exact", []),
        ("Ext-", "beginning", [9]),
        ("00420", "beginning", []),
        ("-004", "middle", [9]),
    ):
        query = {**base, "term": term, "match": match}
        got = [i for i in found(pipedrive, "itemSearch/field", **query) if i == 9]
        assert got == expected, (term, match)
    assert pipedrive.get("/api/v2/itemSearch/field?term=abc").status_code == 400


def test_item_search_over_kinds(pipedrive: httpx.Client) -> None:
    pipedrive.post("/api/v2/persons", json={"name": "Quux Person"})
    org = pipedrive.post("/api/v2/organizations", json={"name": "Quux Ltd"}).json()["data"]["id"]
    deal = {"title": "Other", "org_id": org}
    pipedrive.post("/api/v2/deals", json=deal)
    query = {"term": "quux", "search_for_related_items": "true"}
    data = pipedrive.get("/api/v2/itemSearch", params=query).json()["data"]
    assert {hit["item"]["type"] for hit in data["items"]} == {"person", "organization"}
    assert [hit["item"]["title"] for hit in data["related_items"]] == ["Other"]
    assert pipedrive.get("/api/v2/itemSearch?term=quux&limit=101").status_code == 400


def test_search_follows_edits_and_deletes(pipedrive: httpx.Client) -> None:
    path = pipedrive.post("/api/v2/persons", json={"name": "Firstname"}).json()["data"]["id"]
    pipedrive.patch(f"/api/v2/persons/{path}", json={"name": "Secondname"})
    assert found(pipedrive, "persons/search", term="firstname") == []
    assert found(pipedrive, "persons/search", term="secondname") == [path]
    pipedrive.delete(f"/api/v2/persons/{path}")
    assert found(pipedrive, "persons/search", term="secondname") == []


def test_search_may_lag(pipedrive: httpx.Client, sandbox: Sandbox) -> None:
    sandbox.admin("PATCH", "/pipedrive/limits", {"search_lag_seconds": 60})
    made = pipedrive.post("/api/v2/persons", json={"name": "Laggard"}).json()["data"]["id"]
    assert found(pipedrive, "persons/search", term="laggard") == []
    sandbox.admin("POST", "/clock", {"advance_seconds": 61})
    assert found(pipedrive, "persons/search", term="laggard") == [made]
    pipedrive.patch(f"/api/v2/persons/{made}", json={"name": "Other"})
    assert found(pipedrive, "persons/search", term="laggard") == [made]


def test_users(pipedrive: httpx.Client) -> None:
    users = pipedrive.get("/v1/users").json()["data"]
    assert [user["id"] for user in users] == list(range(1, 9))
    assert pipedrive.get("/api/v1/users/3").json()["data"] == users[2]
    me = pipedrive.get("/v1/users/me").json()["data"]
    assert (me["id"], me["company_domain"]) == (1, "sandbox")
    query = {"term": users[4]["email"], "search_by_email": 1}
    assert pipedrive.get("/v1/users/find", params=query).json()["data"] == [users[4]]


@pytest.mark.parametrize("name", ["currencies", "activityTypes", "leadLabels"])
def test_unpaged_lists(pipedrive: httpx.Client, sandbox: Sandbox, name: str) -> None:
    assert pipedrive.get(f"/v1/{name}").json()["data"] == sandbox.truth("pipedrive", name)


def test_numbered_pages(pipedrive: httpx.Client, sandbox: Sandbox) -> None:
    got, start = [], 0
    while True:
        body = pipedrive.get(f"/v1/notes?limit=10&start={start}").json()
        got += body["data"]
        paging = body["additional_data"]["pagination"]
        if not paging["more_items_in_collection"]:
            break
        start = paging["next_start"]
    assert got == sandbox.truth("pipedrive", "notes")
    leads = pipedrive.get("/v1/leads?limit=3").json()
    assert leads["additional_data"] == {"start": 0, "limit": 3, "more_items_in_collection": True}


def test_leads_notes_filters_and_types_are_written(pipedrive: httpx.Client) -> None:
    lead = pipedrive.post("/v1/leads", json={"title": "L", "person_id": 1})
    assert lead.status_code == 201
    path = f"/v1/leads/{lead.json()['data']['id']}"
    assert pipedrive.patch(path, json={"title": "M"}).json()["data"]["title"] == "M"
    assert pipedrive.delete(path).status_code == 200
    assert pipedrive.get(path).status_code == 404
    assert pipedrive.post("/v1/leads", json={"title": "L"}).status_code == 400
    note = pipedrive.post("/v1/notes", json={"content": "Hi", "person_id": 1}).json()["data"]
    assert pipedrive.put(f"/v1/notes/{note['id']}", json={"content": "Ho"}).status_code == 200
    assert pipedrive.get(f"/v1/notes/{note['id']}").json()["data"]["content"] == "Ho"
    kind = pipedrive.post("/v1/activityTypes", json={"name": "Site tour", "icon_key": "car"})
    assert kind.json()["data"]["key_string"] == "site_tour"
    condition = {"object": "person", "field_id": "name", "operator": "=", "value": "Solo"}
    filter_body = {
        "name": "F",
        "type": "people",
        "conditions": {"glue": "and", "conditions": [{"glue": "and", "conditions": [condition]}]},
    }
    number = pipedrive.post("/v1/filters", json=filter_body).json()["data"]["id"]
    person = pipedrive.post("/api/v2/persons", json={"name": "Solo"}).json()["data"]["id"]
    got = pipedrive.get(f"/api/v2/persons?filter_id={number}").json()["data"]
    assert [row["id"] for row in got] == [person]


def test_recents_reach_back_one_month(pipedrive: httpx.Client, sandbox: Sandbox) -> None:
    sandbox.admin("POST", "/clock", {"now": "2026-07-10T12:00:00Z", "frozen": True})
    pipedrive.patch("/api/v2/persons/2", json={"name": "Recent One"})
    query = {"since_timestamp": "2026-07-09 00:00:00", "items": "person"}
    body = pipedrive.get("/v1/recents", params=query).json()
    (entry,) = body["data"]
    assert (entry["item"], entry["id"]) == ("person", 2)
    assert entry["data"]["update_time"] == "2026-07-10 12:00:00"
    assert body["additional_data"]["last_timestamp_on_page"] == "2026-07-10 12:00:00"
    old = {"since_timestamp": "2026-06-01 00:00:00"}
    assert pipedrive.get("/v1/recents", params=old).status_code == 400
    assert pipedrive.get("/v1/recents?since_timestamp=2026-07-09").status_code == 400


def test_superseded_endpoints_are_over(pipedrive: httpx.Client, sandbox: Sandbox) -> None:
    assert pipedrive.get("/v1/persons").status_code == 410
    assert pipedrive.post("/v1/deals", json={"title": "x"}).status_code == 410
    sandbox.admin("PATCH", "/pipedrive/limits", {"deprecated_v1": 1})
    person = pipedrive.get("/v1/persons?limit=1&start=1").json()["data"][0]
    assert person["id"] == 2 and "email" in person and "T" not in person["add_time"]


def test_unknown_paths_and_methods(pipedrive: httpx.Client) -> None:
    for path in ("/api/v2/planets", "/v1/planets", "/api/v2/users"):
        answer = pipedrive.get(path)
        assert answer.status_code == 404
        assert answer.json()["success"] is False
    assert pipedrive.get("/v2/persons").status_code == 404
    assert pipedrive.delete("/api/v2/persons").status_code == 405
    assert pipedrive.get("/api/v2/persons/abc").status_code == 400
    assert pipedrive.get("/api/v2/persons/123456").status_code == 404
