"""Logins, token costs and limits of the simulated Pipedrive."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from crm_pipelines_tests.sandbox_process import TOKEN, Sandbox, plain_client


def test_token_in_header_or_query(sandbox: Sandbox) -> None:
    with plain_client(base_url=sandbox.url) as client:
        assert client.get("/api/v2/stages", headers={"x-api-token": TOKEN}).status_code == 200
        assert client.get(f"/api/v2/stages?api_token={TOKEN}").status_code == 200
        for answer in (
            client.get("/api/v2/stages"),
            client.get("/api/v2/stages", headers={"x-api-token": "wrong"}),
            client.get("/api/v2/stages", headers={"authorization": "Bearer wrong"}),
        ):
            assert answer.status_code == 401
            assert answer.json()["error"] == "unauthorized access"
            assert answer.json()["errorCode"] == 401
            assert "x-correlation-id" in answer.headers
    assert any("api_token" in entry["query"] for entry in sandbox.journal())


def test_a_new_token_kills_the_old_one(pipedrive: httpx.Client, sandbox: Sandbox) -> None:
    sandbox.admin("PATCH", "/pipedrive/credentials", {"api_token": "fresh"})
    assert pipedrive.get("/v1/users/me").status_code == 401
    assert pipedrive.get("/v1/users/me", headers={"x-api-token": "fresh"}).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "cost"),
    [
        ("GET", "/api/v2/persons", 10),
        ("GET", "/api/v2/persons/1", 1),
        ("GET", "/api/v2/deals/archived", 20),
        ("GET", "/api/v2/stages", 5),
        ("GET", "/api/v2/personFields", 10),
        ("GET", "/api/v2/personFields/name", 1),
        ("GET", "/api/v2/persons/search?term=anna", 20),
        ("GET", "/api/v2/itemSearch?term=anna", 20),
        ("POST", "/api/v2/persons", 5),
        ("PATCH", "/api/v2/persons/1", 5),
        ("DELETE", "/api/v2/persons/2", 3),
        ("GET", "/v1/users", 20),
        ("GET", "/api/v1/users/1", 2),
        ("GET", "/v1/users/me", 2),
        ("GET", "/v1/users/find?term=user1", 40),
        ("GET", "/v1/webhooks", 10),
        ("GET", "/v1/leads/archived", 40),
        ("GET", "/v1/notes", 20),
        ("PUT", "/v1/persons/3/merge", 40),
        ("GET", "/v1/persons", 20),
    ],
)
def test_costs(
    pipedrive: httpx.Client, sandbox: Sandbox, method: str, path: str, cost: int
) -> None:
    bodies = {"POST": {"name": "New One"}, "PATCH": {}, "PUT": {"merge_with_id": 4}}
    answer = pipedrive.request(method, path, json=bodies.get(method))
    left = int(answer.headers["x-daily-ratelimit-token-remaining"])
    assert 30_000 - left == cost
    assert sandbox.journal()[-1]["cost"] == cost
    assert sandbox.admin("GET", "/pipedrive/usage")["tokens"] == cost


def test_burst_is_refused_and_recovers(pipedrive: httpx.Client, sandbox: Sandbox) -> None:
    sandbox.admin("PATCH", "/pipedrive/limits", {"burst": 3})
    answers = [pipedrive.get("/api/v2/stages/1") for _ in range(5)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
    assert [int(a.headers["x-ratelimit-remaining"]) for a in answers] == [2, 1, 0, 0, 0]
    assert answers[-1].json()["success"] is False
    assert 1 <= int(answers[-1].headers["x-ratelimit-reset"]) <= 2
    assert "retry-after" in answers[-1].headers
    assert sandbox.admin("GET", "/pipedrive/usage")["tokens"] == 3


def test_search_has_its_own_window(pipedrive: httpx.Client, sandbox: Sandbox) -> None:
    sandbox.admin("PATCH", "/pipedrive/limits", {"burst_search": 2})
    path = "/api/v2/persons/search?term=anna"
    assert [pipedrive.get(path).status_code for _ in range(3)] == [200, 200, 429]
    assert pipedrive.get("/api/v2/stages/1").status_code == 200


def test_the_day_ends_at_midnight(pipedrive: httpx.Client, sandbox: Sandbox) -> None:
    sandbox.admin("POST", "/clock", {"now": "2026-07-01T23:00:00Z", "frozen": True})
    sandbox.admin("PATCH", "/pipedrive/limits", {"daily_tokens": 25})
    path = "/api/v2/persons"
    assert [pipedrive.get(path).status_code for _ in range(3)] == [200, 200, 429]
    refused = pipedrive.get(path)
    assert refused.json()["error"] == "daily request budget exceeded"
    assert refused.json()["errorCode"] == 429
    assert int(refused.headers["retry-after"]) == 3600
    sandbox.admin("PATCH", "/pipedrive/limits", {"daily_retry_after_seconds": 3})
    assert pipedrive.get(path).headers["retry-after"] == "3"
    sandbox.admin("POST", "/clock", {"advance_seconds": 3600})
    assert pipedrive.get(path).status_code == 200


def test_failures_cost_unless_told_otherwise(pipedrive: httpx.Client, sandbox: Sandbox) -> None:
    pipedrive.get("/api/v2/persons?nonsense=1")
    assert sandbox.admin("GET", "/pipedrive/usage")["tokens"] == 10
    sandbox.admin("PATCH", "/pipedrive/limits", {"failures_cost": 0})
    pipedrive.get("/api/v2/persons?nonsense=1")
    assert sandbox.admin("GET", "/pipedrive/usage")["tokens"] == 10


def test_ignored_refusals_end_at_a_wall(pipedrive: httpx.Client, sandbox: Sandbox) -> None:
    sandbox.admin("PATCH", "/pipedrive/limits", {"burst": 1, "cloudflare_after": 4})
    answers = [pipedrive.get("/api/v2/stages/1") for _ in range(7)]
    assert [answer.status_code for answer in answers] == [200, 429, 429, 429, 429, 403, 403]
    assert "html" in answers[-1].headers["content-type"]


def test_spent_tokens_outlive_a_restart(pipedrive: httpx.Client, sandbox: Sandbox) -> None:
    from crm_pipelines.sandbox.pipedrive import Pipedrive
    from crm_pipelines.sandbox.world import World

    pipedrive.get("/api/v2/persons")
    again = World(sandbox.home)
    try:
        assert Pipedrive(again).usage()["tokens"] == 10
    finally:
        again.database.close()


def login(client: httpx.Client) -> dict[str, object]:
    """The whole way: consent, code, tokens."""
    target = "http://127.0.0.1:1/back"
    query = {"client_id": "sandbox-client", "redirect_uri": target, "state": "s1"}
    page = client.get("/oauth/authorize", params=query)
    assert page.status_code == 200 and "decision=allow" in page.text
    back = client.get("/oauth/authorize", params={**query, "decision": "allow"})
    assert back.status_code == 302
    given = parse_qs(urlsplit(back.headers["location"]).query)
    assert given["state"] == ["s1"]
    form = {"grant_type": "authorization_code", "code": given["code"][0], "redirect_uri": target}
    answer = client.post("/oauth/token", data=form, auth=("sandbox-client", "sandbox-secret"))
    assert answer.status_code == 200, answer.text
    again = client.post("/oauth/token", data=form, auth=("sandbox-client", "sandbox-secret"))
    assert again.status_code == 400
    tokens: dict[str, object] = answer.json()
    return tokens


def test_oauth_from_consent_to_revocation(sandbox: Sandbox) -> None:
    auth = ("sandbox-client", "sandbox-secret")
    with plain_client(base_url=sandbox.url) as client:
        tokens = login(client)
        assert tokens["api_domain"] == sandbox.url
        bearer = {"authorization": f"Bearer {tokens['access_token']}"}
        answer = client.get("/v1/users/me", headers=bearer)
        assert answer.status_code == 200
        assert answer.headers["x-ratelimit-limit"] == "40000"
        sandbox.admin("POST", "/clock", {"advance_seconds": 3600})
        assert client.get("/v1/users/me", headers=bearer).status_code == 401
        form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
        renewed = client.post("/oauth/token", data=form, auth=auth).json()
        assert renewed["refresh_token"] == tokens["refresh_token"]
        sandbox.admin("PATCH", "/pipedrive/limits", {"rotate_refresh_token": 1})
        rotated = client.post("/oauth/token", data=form, auth=auth).json()
        assert rotated["refresh_token"] != tokens["refresh_token"]
        assert client.post("/oauth/token", data=form, auth=auth).status_code == 400
        bearer = {"authorization": f"Bearer {rotated['access_token']}"}
        assert client.get("/v1/users/me", headers=bearer).status_code == 200
        client.post("/oauth/revoke", data={"token": rotated["refresh_token"]}, auth=auth)
        assert client.get("/v1/users/me", headers=bearer).status_code == 401
        wrong = client.post("/oauth/token", data=form, auth=("sandbox-client", "no"))
        assert wrong.status_code == 401
        assert client.get("/oauth/authorize?client_id=other").status_code == 400


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("burst_429", 429),
        ("daily_429", 429),
        ("html_403", 403),
        ("server_error", 503),
        ("expired_login", 401),
    ],
)
def test_ordered_refusals(
    pipedrive: httpx.Client, sandbox: Sandbox, kind: str, status: int
) -> None:
    sandbox.fault(kind, system="pipedrive")
    answer = pipedrive.get("/api/v2/persons")
    assert answer.status_code == status
    if kind == "html_403":
        assert answer.text.startswith("<!DOCTYPE html>")
    else:
        assert answer.json()["success"] is False
    if kind == "daily_429":
        assert answer.headers["x-daily-ratelimit-token-remaining"] == "0"
    assert pipedrive.get("/api/v2/persons").status_code == 200
    assert sandbox.journal()[0]["fault"] == kind
