"""``crm-pipelines check``: what people see of accounts that work, and of those that do not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import psycopg
import pytest

from crm_pipelines_tests.commands import run
from crm_pipelines_tests.mirroring import variables
from crm_pipelines_tests.sandbox_process import Sandbox


@pytest.fixture
def values(sandbox: Sandbox, database_url: str, tmp_path: Path) -> dict[str, str]:
    return variables(sandbox.url, database_url, tmp_path / "home")


def _found(output: str) -> dict[str, Any]:
    return {one["crm"]: one for one in json.loads(output)}


def test_tells_login_limits_sample_and_estimate(
    tmp_path: Path, sandbox: Sandbox, values: dict[str, str]
) -> None:
    code, output, _ = run(tmp_path, values, "check", "--json")
    assert code == 0
    found = _found(output)
    pipedrive, salesforce = found["pipedrive"], found["salesforce"]
    assert "Sandbox company" in pipedrive["who"]
    assert pipedrive["budget"]["left"] == 30_000 - pipedrive["budget"]["spent"] > 29_000
    truth = {record["id"]: record for record in sandbox.truth("pipedrive", "persons")}
    persons = next(one for one in pipedrive["streams"] if one["stream"] == "persons")
    assert persons["records"] == max(truth) >= len(truth)
    assert pipedrive["sample"]["name"] == truth[max(truth)]["name"]
    counted = {one["stream"]: one["records"] for one in salesforce["streams"]}
    assert counted["contacts"] == len(sandbox.truth("salesforce", "Contact"))
    assert salesforce["sample"]["Id"].startswith("003")
    assert salesforce["full_sync"]["cost"] == sum(o["cost"] for o in salesforce["streams"])
    code, output, _ = run(tmp_path, values, "check", "salesforce")
    assert code == 0
    assert "pipedrive" not in output
    assert "full sync" in output


@pytest.mark.long
def test_estimates_hold(tmp_path: Path, values: dict[str, str]) -> None:
    """A full sync costs what was said, to the token, where pages decide."""
    _, output, _ = run(tmp_path, values, "check", "pipedrive", "--json")
    said = {one["stream"]: one["cost"] for one in _found(output)["pipedrive"]["streams"]}
    code, output, _ = run(tmp_path, values, "sync", "pipedrive", "--full", "--json")
    assert code == 0
    assert {one["stream"]: one["tokens"] for one in json.loads(output)} == said


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"PIPEDRIVE_API_TOKEN": "wrong"}, "PIPEDRIVE_API_TOKEN"),
        ({"PIPEDRIVE_BASE_URL": "http://127.0.0.1:9"}, "cannot be reached"),
        ({"PIPEDRIVE_BASE_URL": "http://nowhere.invalid"}, "check the address"),
        ({"SALESFORCE_CLIENT_SECRET": "wrong"}, "SALESFORCE_"),
        ({"SALESFORCE_LOGIN_URL": "http://127.0.0.1:9"}, "SALESFORCE_LOGIN_URL"),
    ],
)
def test_what_is_wrong_is_one_line_and_the_others_are_checked(
    tmp_path: Path, values: dict[str, str], change: dict[str, str], words: str
) -> None:
    code, output, told = run(tmp_path, {**values, **change}, "check", "--json")
    assert code == 2
    assert len(_found(output)) == 1
    lines = told.strip().splitlines()
    assert len(lines) == 1
    assert words in lines[0]
    assert "Traceback" not in told


def test_an_object_that_is_not_there_hides_no_other(tmp_path: Path, values: dict[str, str]) -> None:
    objects = {"SALESFORCE_OBJECTS": "Nothing__c,Contact", "SALESFORCE_API_VERSION": "50.0"}
    code, output, told = run(tmp_path, {**values, **objects}, "check", "salesforce", "--json")
    assert code == 2
    found = _found(output)["salesforce"]
    assert [one["stream"] for one in found["streams"]] == ["contacts"]
    assert found["sample"]["Id"].startswith("003")  # by other means than versions from 51.0 on
    assert list(found["refused"]) == ["nothing__c"]
    (line,) = told.strip().splitlines()
    assert line.startswith("salesforce: nothing__c: ")


@pytest.mark.parametrize("kind", ["html_403", "malformed_json"])
def test_a_login_that_may_not_say_whose_it_is(
    tmp_path: Path, sandbox: Sandbox, values: dict[str, str], kind: str
) -> None:
    sandbox.fault(kind, path="/userinfo", times=0)
    assert "a user of http" in _salesforce(tmp_path, values)["who"]


def test_a_mended_address_is_tried_at_once(tmp_path: Path, values: dict[str, str]) -> None:
    wrong = {**values, "PIPEDRIVE_BASE_URL": "http://127.0.0.1:9"}
    for _ in range(2):
        code, _, told = run(tmp_path, wrong, "check", "pipedrive")
        assert code == 2
        assert "cannot be reached" in told
    code, _, told = run(tmp_path, values, "check", "pipedrive")
    assert (code, told) == (0, "")


def test_plain_http_behind_https(tmp_path: Path, values: dict[str, str]) -> None:
    address = values["PIPEDRIVE_BASE_URL"].replace("http://", "https://")
    code, _, told = run(
        tmp_path, {**values, "PIPEDRIVE_BASE_URL": address}, "check", "pipedrive", "--json"
    )
    assert code == 2
    assert "certificate" in told


def test_wrong_names(tmp_path: Path, values: dict[str, str]) -> None:
    code, _, told = run(tmp_path, values, "check", "nothing")
    assert code == 2
    assert "pipedrive" in told
    code, _, told = run(tmp_path, values, "check", "--workspace", "nobody")
    assert code == 2
    assert "CRM_WORKSPACES" in told


def test_a_spent_budget_says_when_it_goes_on(tmp_path: Path, values: dict[str, str]) -> None:
    spent = {**values, "PIPEDRIVE_DAILY_TOKENS": "1"}
    code, _, told = run(tmp_path, spent, "check", "pipedrive", "--json")
    assert code == 3
    assert "goes on at" in told


def test_the_speed_of_earlier_syncs_counts(
    tmp_path: Path, sandbox: Sandbox, values: dict[str, str], database_url: str
) -> None:
    """Contacts a second as ``sync.runs`` has them; other streams are taken for no faster."""
    guessed = _salesforce(tmp_path, values)
    assert not any(one["speed_seen"] for one in guessed["streams"])
    with psycopg.connect(database_url) as connection:
        connection.execute(
            "INSERT INTO sync.runs (workspace_id, crm, stream, run_id, mode, status, processed,"
            " started_at, ended_at) VALUES ('default', 'salesforce', 'contacts', 'r', 'full',"
            " 'success', 5000, now() - interval '1000 s', now())"
        )
    found = _salesforce(tmp_path, values)
    assert all(one["speed_seen"] for one in found["streams"])
    for one in found["streams"]:
        assert one["seconds"] == pytest.approx(one["records"] / 5)
    assert found["full_sync"]["seconds"] > guessed["full_sync"]["seconds"]


def _salesforce(tmp_path: Path, values: dict[str, str]) -> dict[str, Any]:
    code, output, _ = run(tmp_path, values, "check", "salesforce", "--json")
    assert code == 0
    found: dict[str, Any] = _found(output)["salesforce"]
    return found


@pytest.mark.long
def test_salesforce_costs_what_was_said(
    tmp_path: Path, sandbox: Sandbox, values: dict[str, str]
) -> None:
    """Few records, read by plain queries: to the call."""
    said = {one["stream"]: one["calls"] for one in _salesforce(tmp_path, values)["streams"]}
    code, output, _ = run(tmp_path, values, "sync", "salesforce", "--full", "--json")
    assert code == 0
    assert {one["stream"]: one["api_calls"] for one in json.loads(output)} == said
