"""The vendor's own client, npm ``pipedrive`` 33.7.0, unmodified, against the sandbox."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from crm_pipelines_tests.conformance.node_packages import installed, run
from crm_pipelines_tests.sandbox_process import Sandbox, running_sandbox

FOLDER = Path(__file__).parent / "pipedrive_client"
SIZES: dict[str, Any] = {"persons": 40, "organizations": 12, "deals": 30, "activities": 25}

Client = Callable[..., Any]


@pytest.fixture(scope="module")
def modules() -> Path:
    return installed(FOLDER)


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    with running_sandbox(tmp_path, contacts=1, accounts=1, opportunities=1, **SIZES) as running:
        running.admin("PATCH", "/pipedrive/limits", {"burst": 1000, "burst_search": 1000})
        yield running


@pytest.fixture
def client(modules: Path, sandbox: Sandbox) -> Client:
    """Runs a scenario of ``drive.cjs`` against the sandbox."""

    def drive(scenario: str, **given: Any) -> Any:
        return run(FOLDER / "drive.cjs", modules, sandbox.url, scenario, given=given)

    return drive


def without_attendees(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{key: value for key, value in row.items() if key != "attendees"} for row in rows]


def test_lists_with_several_pages(client: Client, sandbox: Sandbox) -> None:
    got = client("lists", query={"limit": 9})
    assert [len(page) for page in got["persons"]] == [9, 9, 9, 9, 4]
    assert len(got["stages"]) == 3
    flat = {name: [row for page in pages for row in page] for name, pages in got.items()}
    for name in ("persons", "organizations", "products", "pipelines", "stages"):
        assert flat[name] == sandbox.truth("pipedrive", name)
    deals = sandbox.truth("pipedrive", "deals")
    assert flat["deals"] == [row for row in deals if not row["is_archived"]]
    assert flat["archived"] == [row for row in deals if row["is_archived"]]
    assert flat["activities"] == without_attendees(sandbox.truth("pipedrive", "activities"))


def test_filters_and_windows(client: Client, sandbox: Sandbox) -> None:
    since = "2020-01-01T00:00:00Z"
    query = {
        "updated_since": since,
        "owner_id": 2,
        "sort_by": "update_time",
        "sort_direction": "desc",
        "include_option_labels": True,
        "limit": 500,
    }
    expected = [
        row["id"]
        for row in sandbox.truth("pipedrive", "persons")
        if row["owner_id"] == 2 and (row["update_time"] or "") >= since
    ]
    got = client("filtered", query=query)
    assert sorted(row["id"] for row in got) == expected
    assert [r["update_time"] for r in got] == sorted((r["update_time"] for r in got), reverse=True)


def test_a_person_from_creation_to_deletion(client: Client, sandbox: Sandbox) -> None:
    create = {
        "name": "Conny Form",
        "emails": [{"value": "Conny@example.com", "primary": True, "label": "work"}],
        "label_ids": [2],
    }
    got = client("persons", create=create, change={"org_id": 3, "phones": [{"value": "12"}]})
    made = got["made"]
    assert (made["name"], made["last_name"]) == ("Conny Form", "Form")
    assert made["emails"] == create["emails"]
    assert got["changed"]["org_id"] == 3
    assert got["got"] == got["changed"]
    assert [hit["item"]["id"] for hit in got["found"]] == [made["id"]]
    assert got["removed"] == {"id": made["id"]}
    assert got["missing"]["success"] is False
    gone = sandbox.truth("pipedrive", "persons", deleted=True)[-1]
    assert (gone["id"], gone["is_deleted"]) == (made["id"], True)


def test_organizations_deals_and_activities(client: Client, sandbox: Sandbox) -> None:
    got = client("others")
    assert got["deal"]["org_id"] == got["org"]["id"]
    assert got["won"]["status"] == "won" and got["won"]["won_time"]
    assert got["activity"]["person_id"] == 1
    assert got["done"]["done"] is True
    assert [hit["item"]["id"] for hit in got["dealsFound"]] == [got["deal"]["id"]]
    assert [hit["item"]["name"] for hit in got["items"]["items"]] == ["Conform Ltd"]
    assert sandbox.truth("pipedrive", "deals")[-1] == got["won"]


def test_fields_and_options(client: Client) -> None:
    create = {"field_name": "Tier", "field_type": "enum", "options": [{"label": "Silver"}]}
    got = client("fields", create=create)
    assert len(got["pages"]) > 2
    names = [field["field_name"] for page in got["pages"] for field in page]
    assert "External ID" in names
    assert [o["label"] for o in got["got"]["options"]] == ["Silver", "Gold"]
    assert got["options"][0]["id"] == got["got"]["options"][1]["id"]
    assert got["byField"] == []
    assert {"title", "status"} <= {field["field_code"] for field in got["deals"]}
    assert {"name", "address"} <= {field["field_code"] for field in got["organizations"]}


def test_v1_users_webhooks_and_lists(client: Client, sandbox: Sandbox) -> None:
    got = client("old")
    assert got["users"] == sandbox.truth("pipedrive", "users")
    assert got["me"]["company_domain"] == "sandbox"
    assert [user["id"] for user in got["found"]] == [3]
    assert got["hooks"] == [got["hook"]]
    assert got["hook"]["version"] == "2.0"
    assert got["hooksAfter"] == []
    assert got["currencies"] == sandbox.truth("pipedrive", "currencies")
    assert got["types"] == sandbox.truth("pipedrive", "activityTypes")
    assert len(got["leads"]) == len(got["notes"]) == 5
    assert [one["type"] for one in got["filters"]] == ["deals"]
    assert got["merged"]["id"] == 6
    assert 5 not in [row["id"] for row in sandbox.truth("pipedrive", "persons")]


def test_refusals_reach_the_caller(client: Client) -> None:
    got = client("refused")
    assert got["token"]["errorCode"] == 401
    assert got["limit"]["code"] == "ERR_SCHEMA_VALIDATION_FAILED"
    assert "value" in got["body"]["error"]


def test_oauth_login_refresh_and_revocation(client: Client, sandbox: Sandbox) -> None:
    redirect = "http://127.0.0.1:9/back"
    query = {"client_id": "sandbox-client", "redirect_uri": redirect, "decision": "allow"}
    answer = httpx.get(f"{sandbox.url}/oauth/authorize", params=query, trust_env=False)
    code = parse_qs(urlsplit(answer.headers["location"]).query)["code"][0]
    got = client("oauth", code=code, redirect=redirect)
    assert got["basePath"] == f"{sandbox.url}/api/v2"
    assert got["person"]["id"] == got["again"]["id"] == 1
    assert got["second"]["access_token"] != got["first"]["access_token"]
    assert got["second"]["refresh_token"] == got["first"]["refresh_token"]
    assert got["revoked"]["errorCode"] == 401
    page = httpx.get(got["url"], trust_env=False)
    assert page.status_code == 200 and "allow" in page.text
