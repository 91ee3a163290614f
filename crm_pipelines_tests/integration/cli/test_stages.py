"""``crm-pipelines stages``, as people call it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from crm_pipelines_tests.commands import run
from crm_pipelines_tests.integration.stages.staging import Staging
from crm_pipelines_tests.sandbox_process import Sandbox


@pytest.fixture
def world(environment: dict[str, str], sandbox: Sandbox) -> Staging:
    one = Staging(environment, sandbox)
    one.sync()
    one.close()
    return one


@pytest.mark.long
def test_mapping_stages(tmp_path: Path, world: Staging, environment: dict[str, str]) -> None:
    def stages(*arguments: str) -> tuple[int, str, str]:
        return run(tmp_path, environment, "stages", *arguments)

    code, output, _ = stages()
    assert (code, output.count("not mapped")) == (0, 10)
    spring = 'start_campaign={"campaign": "Spring", "days": 5}'
    wanted = ("--probability", "60", "--status", "Hot", "--action", spring, "--action")
    code, output, _ = stages("set", "3", *wanted, "update_lead_score", "--json")
    assert code == 0
    [mapped] = json.loads(output)
    assert (mapped["name"], mapped["local_status"], mapped["probability"]) == ("Demo", "Hot", 60)
    assert [one["action"] for one in mapped["actions"]] == ["start_campaign", "update_lead_score"]
    code, output, _ = stages("list")
    assert "start_campaign" in output and "60 %" in output
    for wrong, words in (
        (("set", "3", "--probability", "101"), "probability: Input should be less than or equal"),
        (("set", "99", "--probability", "1"), "the mirror has no stage 99; there are 1 Qualified"),
        (("set", "3", "--probability", "1", "--action", "sing"), "there is no action 'sing'"),
        (("set", "3", "--probability", "1", "--action", "stop_campaign={x"), "are not JSON"),
        (("set", "3", "--probability", "1", "--workspace", "no"), "no workspace 'no'"),
        (("retry",), "say which"),
    ):
        code, _, error = stages(*wrong)
        assert (code, words in error) == (2, True), error
    assert stages("remove", "3")[0] == 0
    code, output, _ = stages("remove", "3", "--json")
    assert (code, json.loads(output)) == (1, {"removed": False})
    code, output, _ = run(tmp_path, environment, "audit", "--json")
    assert [line["action"] for line in json.loads(output)][:2] == [
        "stage_mapping.remove",
        "stage_mapping.put",
    ]


def test_history_and_backfill(
    tmp_path: Path, world: Staging, environment: dict[str, str], sandbox: Sandbox
) -> None:
    def stages(*arguments: str) -> tuple[int, str, str]:
        return run(tmp_path, environment, "stages", *arguments)

    code, output, _ = stages("history", "1")
    assert (code, "is not read yet" in output, "still there" in output) == (0, True, True)
    code, output, _ = stages("backfill", "--most", "5", "--json")
    assert (code, json.loads(output)["deals"]) == (0, 5)
    sandbox.admin("POST", "/faults", {"kind": "daily_429", "path": "changelog", "times": 1})
    code, output, _ = stages("backfill")
    assert (code, "Paused: the budget's share is spent" in output) == (3, True)
    code, output, _ = stages("history", "77")
    assert (code, "Nothing is known of deal 77" in output) == (0, True)
    code, output, _ = stages("actions")
    assert (code, "There are no such actions" in output) == (0, True)
    code, output, _ = stages("retry", "5", "--json")
    assert (code, json.loads(output)["passed_over"]) == (1, 1)
