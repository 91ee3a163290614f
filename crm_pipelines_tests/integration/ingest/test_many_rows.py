"""Many rows by a program that is killed again and again, against the truth.

``CRM_TEST_INGEST_ROWS`` says how many; 20,000 take a minute or two.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from crm_pipelines_tests.integration.ingest.people import person, stored
from crm_pipelines_tests.integration.ingest.writers import calls, truth
from crm_pipelines_tests.sandbox_process import Sandbox

COUNT = int(os.environ.get("CRM_TEST_INGEST_ROWS", "1000"))
MODULE = "crm_pipelines_tests.integration.ingest.worker"
CHECKOUT = Path(__file__).parents[3]


def run(environment: Mapping[str, str], arguments: list[str], last_line: int) -> bool:
    """Kill the program when it has said so many lines; whether it was still there."""
    command = [sys.executable, "-m", MODULE, *arguments]
    values = {**os.environ, **environment}
    with subprocess.Popen(
        command, cwd=CHECKOUT, env=values, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        for number, _ in enumerate(process.stdout, 1):
            if number == last_line:
                process.send_signal(signal.SIGKILL)
                break
    return process.returncode == -signal.SIGKILL


def test_killed_programs_write_every_row(
    sandbox: Sandbox, environment: dict[str, str], tmp_path: Path
) -> None:
    accounts = {key: record["Id"] for key, record in truth(sandbox, "Account").items()}
    before = truth(sandbox)
    values = {**environment, "SALESFORCE_INGEST_BYTES": str(COUNT * 90)}
    arguments = [str(tmp_path / "writing"), str(COUNT), *accounts]
    # the first file while its job is made, while Salesforce works on it, and when it was told
    for last_line in (2, 3, 3, 4):
        assert run(values, arguments, last_line)
    assert not run(values, arguments, -1)
    there = truth(sandbox)
    for number in range(COUNT):
        wanted = stored(person(number, list(accounts)), accounts)
        found = there.pop(wanted["External_Id__c"])
        assert {name: found[name] for name in wanted} == wanted
    assert there == before
    told = [json.loads(line) for line in (tmp_path / "told.jsonl").read_text().splitlines()]
    assert {row["fate"] for row in told} <= {"created", "updated"}
    assert len({row["key"] for row in told}) == COUNT
    assert len(set(calls(sandbox, "PUT"))) >= 3
    assert list((tmp_path / "writing").iterdir()) == []
