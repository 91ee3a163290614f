"""The gateway as a process of its own: health, metrics, problems, and access granted through it."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from crm_pipelines_tests.commands import COMMAND, environment
from crm_pipelines_tests.consent import app_variables, click
from crm_pipelines_tests.integration.cli.test_auth import free_port
from crm_pipelines_tests.mirroring import Mirroring, variables
from crm_pipelines_tests.sandbox_process import Sandbox

ASK = "/auth/pipedrive/default"


@pytest.fixture
def values(sandbox: Sandbox, database_url: str, tmp_path: Path) -> dict[str, str]:
    found = variables(sandbox.url, database_url, tmp_path / "home")
    return {**found, **app_variables(sandbox.url), "CRM_GATEWAY_PORT": str(free_port())}


@pytest.fixture
def browser(tmp_path: Path, values: dict[str, str]) -> Iterator[httpx.Client]:
    """A browser that looks at the gateway."""
    address = f"http://127.0.0.1:{values['CRM_GATEWAY_PORT']}"
    with (
        subprocess.Popen(
            [*COMMAND, "gateway"],
            cwd=tmp_path,
            env=environment(values),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as process,
        httpx.Client(base_url=address, trust_env=False, timeout=30) as client,
    ):
        try:
            _await(client, process)
            yield client
        finally:
            process.terminate()


def _await(client: httpx.Client, process: subprocess.Popen[bytes]) -> None:
    for _ in range(600):
        assert process.poll() is None
        try:
            client.get("/health")
        except httpx.TransportError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError("the gateway does not answer")


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
