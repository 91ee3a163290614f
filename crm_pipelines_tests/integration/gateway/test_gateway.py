"""The gateway as a process of its own: health, metrics, problems, and access granted through it."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
import pytest

from crm_pipelines_tests.consent import click
from crm_pipelines_tests.mirroring import Mirroring

ASK = "/auth/pipedrive/default"


@pytest.fixture(scope="module")
def app() -> bool:
    return True


def test_health_metrics_and_problems(browser: httpx.Client, mirror: Mirroring) -> None:
    mirror("salesforce.users")
    health = browser.get("/health").json()
    states = {(one["crm"], one["stream"]): one["status"] for one in health["streams"]}
    assert states["salesforce", "users"] == "success"
    assert states["pipedrive", "users"] == "never"
    assert health["budgets"]
    metrics = browser.get("/metrics").text
    assert 'crm_sync_rows{crm="salesforce",outcome="created",stream="users"' in metrics
    missing = browser.get("/nothing")
    assert missing.status_code == 404
    assert missing.headers["content-type"] == "application/problem+json"
    assert missing.json()["status"] == 404
    assert set(browser.get("/openapi.json").json()["paths"]) >= {"/health", "/metrics"}


def test_the_document_is_shown_without_anybody_elses_server(browser: httpx.Client) -> None:
    page = browser.get("/docs").text
    parts = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert len(parts) >= 2
    for part in parts:
        assert part.startswith("/"), part
        assert browser.get(part).status_code == 200


def test_access_is_granted_in_a_browser(
    browser: httpx.Client, values: dict[str, str], tmp_path: Path
) -> None:
    asked = browser.get(ASK)
    assert asked.status_code == 303
    came_back = browser.get(click(asked.headers["location"]))
    assert (came_back.status_code, "Access granted" in came_back.text) == (200, True)
    again = browser.get(str(came_back.url))
    assert again.status_code == 400  # the state is used up
    mirror = Mirroring(values)
    assert mirror("pipedrive.stages").created > 0
    mirror.close()


def test_answers_that_nobody_asked_for(browser: httpx.Client) -> None:
    assert browser.get(f"{ASK}/callback?code=guessed&state=x").status_code == 400
    location = click(browser.get(ASK).headers["location"])
    browser.cookies.clear()
    assert browser.get(location).status_code == 400
    denied = browser.get(click(browser.get(ASK).headers["location"], "deny"))
    assert denied.status_code == 403
    browser.get(ASK)
    (state,) = browser.cookies.values()
    worthless = browser.get(f"{ASK}/callback", params={"code": "<b>", "state": state})
    assert worthless.status_code == 502
    assert "does not take the code" in worthless.text
    assert browser.get("/auth/salesforce/default").status_code == 400
    assert browser.get("/auth/nothing/default").status_code == 404
    assert browser.get("/auth/pipedrive/nobody").status_code == 404
