"""The commands as people call them: processes of their own, exit codes and all."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import BaseModel

from crm_pipelines import connectors
from crm_pipelines.flows.push.rules import PushRules
from crm_pipelines.gateway.webhooks.settings import WebhookSettings
from crm_pipelines.settings import Settings
from crm_pipelines_tests.commands import CHECKOUT, COMMAND, environment, run
from crm_pipelines_tests.mirroring import variables
from crm_pipelines_tests.sandbox_process import Sandbox


@pytest.fixture
def values(sandbox: Sandbox, database_url: str, tmp_path: Path) -> dict[str, str]:
    return variables(sandbox.url, database_url, tmp_path / "a home")


def _lines(output: str) -> dict[str, Any]:
    return {f"{line['crm']}.{line['stream']}": line for line in json.loads(output)}


@pytest.mark.long
def test_sync_twice_then_one_that_fails_beside_another(
    tmp_path: Path, values: dict[str, str]
) -> None:
    code, output, _ = run(tmp_path, values, "sync", "--json")
    first = _lines(output)
    assert code == 0
    assert first["pipedrive.persons"]["created"] == 30
    assert first["salesforce.contacts"]["created"] == 30
    code, output, told = run(tmp_path, values, "sync", "--json")
    second = _lines(output)
    assert code == 0
    assert "Delta" in told
    assert all(line["created"] == line["updated"] == 0 for line in second.values())
    assert second["pipedrive.persons"]["api_calls"] == 1
    broken = {**values, "PIPEDRIVE_API_TOKEN": "wrong"}
    code, output, _ = run(
        tmp_path, broken, "sync", "pipedrive.persons", "salesforce.users", "--json"
    )
    third = _lines(output)
    assert code == 1
    assert "PIPEDRIVE_API_TOKEN" in third["pipedrive.persons"]["error"]
    assert third["salesforce.users"]["status"] == "success"


def test_spent_budget_pauses(tmp_path: Path, values: dict[str, str]) -> None:
    code, output, _ = run(
        tmp_path, {**values, "PIPEDRIVE_DAILY_TOKENS": "5"}, "sync", "pipedrive.persons", "--json"
    )
    assert code == 3
    line = _lines(output)["pipedrive.persons"]
    assert line["status"] == "paused"
    assert line["resumes_at"]


@pytest.mark.parametrize(
    ("arguments", "change", "word"),
    [
        (("sync", "pipedrive.nothing"), {}, "persons"),
        (("sync", "--since", "soon"), {}, "--since"),
        (("sync",), {"PIPEDRIVE_BASE_URL": "http://127.0.0.1:1/api"}, "PIPEDRIVE_BASE_URL"),
        (("sync",), {"PIPEDRIVE_API_TOKEN": ""}, "PIPEDRIVE_API_TOKEN"),
        (("sync",), {"CRM_UI_PORT": "99999"}, "CRM_UI_PORT"),
    ],
)
def test_wrong_use_is_named(
    tmp_path: Path,
    values: dict[str, str],
    arguments: tuple[str, ...],
    change: dict[str, str],
    word: str,
) -> None:
    code, _, told = run(tmp_path, {**values, **change}, *arguments)
    assert code == 2
    assert word in told


@pytest.mark.parametrize("name", ["sync", "check", "migrate", "dev", "gateway", "sandbox"])
def test_help_has_an_example(tmp_path: Path, name: str) -> None:
    code, output, _ = run(tmp_path, {}, name, "--help")
    assert code == 0
    assert "Example" in output


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _answers(url: str, process: subprocess.Popen[str]) -> bool:
    for _ in range(600):
        try:
            return httpx.get(url, timeout=5).status_code == 200
        except httpx.TransportError:
            if process.poll() is not None:
                return False
            time.sleep(0.2)
    return False


@pytest.mark.long
def test_dev_runs_until_interrupted_and_leaves_nothing(
    tmp_path: Path, values: dict[str, str]
) -> None:
    ui, gateway = _free_port(), _free_port()
    ports = {"CRM_UI_PORT": str(ui), "CRM_GATEWAY_PORT": str(gateway)}
    log = tmp_path / "dev.log"
    with log.open("w") as out:
        process = subprocess.Popen(
            [*COMMAND, "dev"],
            cwd=tmp_path,
            env=environment({**values, **ports}),
            stdout=out,
            stderr=out,
            text=True,
        )
    try:
        assert _answers(f"http://127.0.0.1:{gateway}/health", process), log.read_text()
        assert _answers(f"http://127.0.0.1:{ui}/server_info", process), log.read_text()
        code, _, told = run(tmp_path, {**values, **ports}, "dev")
        assert code == 2
        assert "CRM_UI_PORT" in told
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait()
    for port in (ui, gateway):
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", port)) != 0


def test_example_environment_is_complete() -> None:
    text = (CHECKOUT / ".env.example").read_text()
    kinds: list[type[BaseModel]] = [
        Settings,
        PushRules,
        WebhookSettings,
        *(c.settings for c in connectors.discover().values()),
    ]
    names = {info.alias for kind in kinds for info in kind.model_fields.values()}
    shown = {line[2:].partition("=")[0] for line in text.splitlines() if "=" in line}
    assert names == {name for name in shown if name.isupper()}
