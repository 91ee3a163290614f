"""``crm-pipelines rejected``, as people call it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from crm_pipelines_tests.commands import run
from crm_pipelines_tests.mirroring import variables
from crm_pipelines_tests.sandbox_process import Sandbox

CONTACTS = "salesforce.contacts"


@pytest.fixture
def values(sandbox: Sandbox, database_url: str, tmp_path: Path) -> dict[str, str]:
    return variables(sandbox.url, database_url, tmp_path / "home")


@pytest.mark.long
def test_reject_list_and_retry(sandbox: Sandbox, tmp_path: Path, values: dict[str, str]) -> None:
    strict = {**values, "CRM_VALIDATION": f"{CONTACTS}=strict"}
    code, output, _ = run(tmp_path, strict, "sync", CONTACTS, "--json")
    assert code == 1
    number = json.loads(output)[0]["rejected"]
    assert 0 < number < 30

    code, output, _ = run(tmp_path, strict, "rejected", CONTACTS, "--json")
    listed = json.loads(output)
    assert code == 0
    assert len(listed) == number
    truth = {contact["Id"]: contact for contact in sandbox.truth("salesforce", "Contact")}
    for record in listed:
        assert (record["crm"], record["stream"]) == ("salesforce", "contacts")
        assert record["raw"]["LastName"] == truth[record["record_id"]]["LastName"]
        assert record["reasons"]

    code, output, _ = run(tmp_path, strict, "rejected", CONTACTS, "--limit", "1")
    assert code == 0
    assert f"{number} rejected" in output
    assert listed[0]["record_id"][:12] in output.replace("\n", "")

    assert run(tmp_path, strict, "rejected", CONTACTS, "--retry")[0] == 1
    before = len(sandbox.journal())
    code, output, _ = run(tmp_path, values, "rejected", CONTACTS, "--retry", "--json")
    assert code == 0
    (line,) = json.loads(output)
    assert (line["retried"], line["created"], line["rejected"]) == (number, number, 0)
    assert len(sandbox.journal()) == before

    code, output, _ = run(tmp_path, values, "rejected", CONTACTS)
    assert (code, "no rejected records" in output) == (0, True)


def test_a_stream_that_is_not_there(tmp_path: Path, values: dict[str, str]) -> None:
    code, _, told = run(tmp_path, values, "rejected", "salesforce.nothing")
    assert code == 2
    assert "contacts" in told


def test_a_setting_that_makes_no_sense(tmp_path: Path, values: dict[str, str]) -> None:
    code, _, told = run(tmp_path, {**values, "CRM_VALIDATION": "severe"}, "sync")
    assert code == 2
    assert "CRM_VALIDATION" in told
    assert "strict" in told
