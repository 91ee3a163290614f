"""``crm-pipelines sync`` killed, doubled, and left without its database: what people see."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from crm_pipelines_tests.commands import COMMAND, run
from crm_pipelines_tests.commands import environment as environment_of
from crm_pipelines_tests.faults.runs import await_that
from crm_pipelines_tests.mirroring import Mirroring
from crm_pipelines_tests.sandbox_process import Sandbox
from crm_pipelines_tests.truths import differences

pytestmark = pytest.mark.long
PERSONS, CONTACTS = "pipedrive.persons", "salesforce.contacts"
LIST = "/api/v2/persons"


@contextmanager
def started(
    folder: Path, values: Mapping[str, str], *arguments: str
) -> Iterator[subprocess.Popen[str]]:
    """The command while it runs; it does not outlive the block."""
    process = subprocess.Popen(
        [*COMMAND, *arguments],
        cwd=folder,
        env=environment_of(values),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def pages(sandbox: Sandbox) -> Counter[str]:
    """How often each page of persons was answered."""
    return Counter(
        entry["query"]
        for entry in sandbox.journal()
        if entry["path"] == LIST and entry["status"] == 200
    )


def lines(output: str) -> dict[str, Any]:
    return {f"{line['crm']}.{line['stream']}": line for line in json.loads(output)}


def are_right(sandbox: Sandbox, mirror: Mirroring, *names: str) -> None:
    for name in names:
        mirror(name, dry_run=True)
        assert differences(sandbox, mirror, name) == {}
    assert mirror.query("SELECT key FROM sync.checkpoints") == []


def test_the_same_command_after_a_kill_goes_on(
    sandbox: Sandbox, environment: dict[str, str], mirror: Mirroring, tmp_path: Path
) -> None:
    sandbox.admin("POST", "/latency", {"milliseconds": 150})
    command = ("sync", PERSONS, CONTACTS, "--batch-size", "4", "--json")
    with started(tmp_path, environment, *command) as process:
        await_that(lambda: len(pages(sandbox)) >= 3, "three pages")
        process.kill()
    sandbox.admin("POST", "/latency", {"milliseconds": 0})
    code, output, _ = run(tmp_path, environment, *command)
    told = lines(output)
    assert code == 0
    assert {line["status"] for line in told.values()} == {"success"}
    assert told[PERSONS]["created"] == len(mirror.rows(PERSONS))
    assert sum(pages(sandbox).values()) - len(pages(sandbox)) <= 1
    are_right(sandbox, mirror, PERSONS, CONTACTS)
    states = mirror.query("SELECT status FROM dagster.runs ORDER BY id")
    assert [row["status"] for row in states] == ["FAILURE", "SUCCESS", "SUCCESS"]


def test_two_commands_at_once(
    sandbox: Sandbox, environment: dict[str, str], mirror: Mirroring, tmp_path: Path
) -> None:
    sandbox.admin("POST", "/latency", {"milliseconds": 60})
    command = ("sync", PERSONS, "--batch-size", "3", "--json", "--full")
    with (
        started(tmp_path, environment, *command) as first,
        started(tmp_path, environment, *command) as second,
    ):
        outputs = [process.communicate(timeout=120) for process in (first, second)]
    assert [first.returncode, second.returncode] == [0, 0], outputs
    told = [lines(output)[PERSONS] for output, _ in outputs]
    assert [line["status"] for line in told] == ["success", "success"]
    assert sum(line["created"] for line in told) == len(mirror.rows(PERSONS))
    are_right(sandbox, mirror, PERSONS)


@pytest.mark.parametrize("trouble", ["database", "staging"])
def test_the_ground_gives_way(
    sandbox: Sandbox,
    environment: dict[str, str],
    mirroring: Callable[..., Mirroring],
    tmp_path: Path,
    trouble: str,
) -> None:
    """One clear line, exit code 1, no stack of frames; then the same command goes on."""
    command = ("sync", PERSONS, "--batch-size", "4", "--json")
    mirror = mirroring()
    staging = Path(environment["CRM_HOME"]) / "staging"
    sandbox.admin("POST", "/latency", {"milliseconds": 150})
    with started(tmp_path, environment, *command) as process:
        await_that(lambda: len(pages(sandbox)) >= 2, "two pages")
        if trouble == "database":
            mirror.query(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                " AND query LIKE '%%sync.checkpoints%%'"
            )
        else:
            block_chunks(staging)
        output, told = process.communicate(timeout=120)
    sandbox.admin("POST", "/latency", {"milliseconds": 0})
    assert process.returncode == 1
    line = lines(output)[PERSONS]
    assert line["status"] == "failed"
    assert {"database": "PostgreSQL", "staging": "staging store"}[trouble] in line["error"]
    assert "Traceback" not in told and "\n" not in line["error"]
    unblock_chunks(staging)
    code, output, _ = run(tmp_path, environment, *command)
    assert (code, lines(output)[PERSONS]["status"]) == (0, "success")
    assert sum(pages(sandbox).values()) - len(pages(sandbox)) <= 1
    are_right(sandbox, mirror, PERSONS)


def block_chunks(staging: Path) -> None:
    """Folders where the next chunks would be put."""
    for fetched in staging.glob("*/*/fetch"):
        for number in range(20):
            with suppress(FileExistsError):  # it is being written at this moment
                (fetched / f"{number:06d}-0.arrow.part").mkdir()


def unblock_chunks(staging: Path) -> None:
    for place in staging.glob("*/*/fetch/*.arrow.part"):
        if place.is_dir():
            place.rmdir()
