"""``crm-pipelines webhooks`` as people call it: processes of their own, exit codes and all."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from crm_pipelines_tests.commands import run
from crm_pipelines_tests.mirroring import variables
from crm_pipelines_tests.receiver import receiving
from crm_pipelines_tests.sandbox_process import Sandbox


@pytest.fixture
def values(sandbox: Sandbox, database_url: str, tmp_path: Path) -> Iterator[dict[str, str]]:
    with receiving() as receiver:
        address = {"CRM_PUBLIC_URL": f"http://127.0.0.1:{receiver.port}"}
        yield {**variables(sandbox.url, database_url, tmp_path / "home"), **address}


def test_from_nothing_to_nothing(tmp_path: Path, values: dict[str, str], sandbox: Sandbox) -> None:
    code, output, _ = run(tmp_path, values, "webhooks", "check")
    assert code == 1 and "crm-pipelines webhooks register" in output
    code, output, _ = run(tmp_path, values, "webhooks", "register", "--json")
    made = json.loads(output)
    assert code == 0 and len(made["made"]) == 10 and made["url"].endswith("/pipedrive/default")
    person = sandbox.admin("GET", "/pipedrive/webhooks")[made["made"].index("person")]
    sandbox.admin("DELETE", f"/pipedrive/webhooks/{person['id']}")
    code, output, _ = run(tmp_path, values, "webhooks", "list", "--json")
    listed = {row["object"]: row for row in json.loads(output)}
    assert code == 0 and listed["person"]["state"] == "missing"
    assert listed["deal"]["state"] == "good"
    code, output, _ = run(tmp_path, values, "webhooks", "check", "--dry-run")
    assert code == 1 and "missing" in output
    code, output, _ = run(tmp_path, values, "webhooks", "check", "--json")
    mended = json.loads(output)
    assert code == 0 and mended["made"] == ["person"] and mended["synced"]["persons"]["created"] > 0
    code, output, _ = run(tmp_path, values, "webhooks", "remove")
    assert (code, output.strip()) == (0, "10 removed")
    assert sandbox.admin("GET", "/pipedrive/webhooks") == []


@pytest.mark.parametrize(
    ("change", "code", "word"),
    [
        ({"PIPEDRIVE_DAILY_TOKENS": "5"}, 3, "goes on at"),
        ({"PIPEDRIVE_API_TOKEN": "wrong"}, 1, "PIPEDRIVE_API_TOKEN"),
        ({"PIPEDRIVE_BASE_URL": "https://acme.invalid", "CRM_PUBLIC_URL": ""}, 2, "CRM_PUBLIC_URL"),
        ({"CRM_PUBLIC_URL": "https://a.example/path"}, 2, "CRM_PUBLIC_URL"),
    ],
)
def test_what_cannot_be_is_told(
    tmp_path: Path, values: dict[str, str], change: dict[str, str], code: int, word: str
) -> None:
    found, _, told = run(tmp_path, {**values, **change}, "webhooks", "register")
    assert (found, word in told) == (code, True), told


@pytest.mark.parametrize("name", ["register", "check"])
def test_help_has_an_example(tmp_path: Path, name: str) -> None:
    code, output, _ = run(tmp_path, {}, "webhooks", name, "--help")
    assert code == 0 and "Example" in output and "--workspace" in output
