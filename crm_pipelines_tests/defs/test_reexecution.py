"""Runs that failed after fetch, executed again from there: not one API call, same result."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from crm_pipelines.defs.ops import PHASES
from crm_pipelines.model.window import Mode
from crm_pipelines_tests.defs.dagster_runs import Runs
from crm_pipelines_tests.faults.runs import staged
from crm_pipelines_tests.mirroring import Mirroring
from crm_pipelines_tests.sandbox_process import Sandbox
from crm_pipelines_tests.truths import differences

STREAMS = ["pipedrive.persons", "salesforce.contacts"]
WINDOW = "2026-01-01"
both = pytest.mark.parametrize("name", STREAMS)


class Ground:
    """A run of one stream, before and after."""

    def __init__(self, sandbox: Sandbox, runs: Runs, mirror: Mirroring, name: str) -> None:
        self.sandbox, self.runs, self.mirror, self.name = sandbox, runs, mirror, name
        self.run = runs.prepare(name, window=WINDOW, mode="full", batch_size=7)

    def block(self, phase: str) -> Path:
        """Something lies where the chunks of a phase would be put."""
        folder = staged(self.mirror.values, self.name, self.run.run_id, phase, 0).parent
        folder.parent.mkdir(parents=True)
        folder.write_text("in the way")
        return folder

    def phases(self, run: object = None) -> dict[str, str]:
        found = self.runs.steps(run or self.run)  # type: ignore[arg-type]
        named = {step.rpartition(".")[2]: how for step, how in found.items()}
        return {phase: how for phase, how in named.items() if phase in PHASES}

    def history(self) -> list[str]:
        return [line["status"] for line in self.mirror.history(self.name)]

    def check(self) -> None:
        self.mirror(self.name, dry_run=True)
        assert differences(self.sandbox, self.mirror, self.name) == {}
        assert self.mirror.query("SELECT key FROM sync.checkpoints") == []


@pytest.fixture
def ground(sandbox: Sandbox, runs: Runs, mirror: Mirroring, name: str) -> Ground:
    return Ground(sandbox, runs, mirror, name)


@pytest.mark.parametrize(
    ("name", "phase"), [*((name, "transform") for name in STREAMS), (STREAMS[0], "validate")]
)
def test_failed_where_chunks_are_written(ground: Ground, phase: str) -> None:
    """Validate writes only where it rejects a record."""
    spoilt = phase == "validate"
    if spoilt:
        before = ground.sandbox.truth("pipedrive", "persons")[0]
        path = f"/pipedrive/records/persons/{before['id']}"
        ground.sandbox.admin("PATCH", path, {"add_time": "some time"})
    obstacle = ground.block(phase)
    failed = ground.runs.execute(ground.run)
    assert ground.phases(failed)[phase] == "failed"
    assert "the staging store" in ground.runs.failure(failed)
    calls = ground.sandbox.journal()
    still_failing = ground.runs.execute_again(failed)
    assert ground.phases(still_failing)[phase] == "failed"
    assert "fetch" not in ground.phases(still_failing)
    obstacle.unlink()
    again = ground.runs.execute_again(still_failing)
    wanted = ["transform", "validate", "upsert"]
    assert list(ground.phases(again)) == wanted[wanted.index(phase) :]
    assert again.is_success
    assert ground.sandbox.journal() == calls
    assert ground.history() == ["failed", "failed", "partial" if spoilt else "success"]
    if spoilt:
        ground.sandbox.admin("PATCH", path, {"add_time": before["add_time"]})
        ground.mirror(ground.name)
    ground.check()


@both
def test_failed_in_the_merge(ground: Ground, database_url: str) -> None:
    ground.mirror(ground.name, mode=Mode.FULL)
    table = sql.Identifier(*ground.name.split("."))
    with psycopg.connect(database_url, autocommit=True) as other:
        name = sql.Identifier(other.info.dbname)
        other.execute(sql.SQL("ALTER DATABASE {} SET lock_timeout = '300ms'").format(name))
        lost = sql.SQL("DELETE FROM {0} WHERE id = (SELECT min(id) FROM {0})").format(table)
        other.execute(lost)  # else there is nothing to write
        with other.transaction():
            other.execute(sql.SQL("LOCK TABLE {} IN EXCLUSIVE MODE").format(table))
            failed = ground.runs.execute(ground.run)
    assert ground.phases(failed)["upsert"] == "failed"
    assert "PostgreSQL" in ground.runs.failure(failed)
    calls = ground.sandbox.journal()
    again = ground.runs.execute_again(failed)
    assert ground.phases(again) == {"upsert": "success"}
    assert ground.sandbox.journal() == calls
    assert ground.history() == ["success", "failed", "success"]
    ground.check()


@both
def test_all_of_a_failed_run_again(ground: Ground) -> None:
    """Fetch is executed, too, and finds all it needs."""
    obstacle = ground.block("transform")
    failed = ground.runs.execute(ground.run)
    calls = ground.sandbox.journal()
    obstacle.unlink()
    again = ground.runs.execute_again(failed, start=ground.name.replace(".", "__") + ".fetch")
    assert list(ground.phases(again)) == ["fetch", "transform", "validate", "upsert"]
    assert ground.sandbox.journal() == calls
    ground.check()


@pytest.mark.parametrize("name", STREAMS[:1])
def test_chunks_that_another_run_used_up_are_missed_in_words(ground: Ground) -> None:
    obstacle = ground.block("transform")
    failed = ground.runs.execute(ground.run)
    obstacle.unlink()
    other = ground.runs(ground.name, window=WINDOW, mode="full", batch_size=7)
    assert other.is_success
    assert ground.history() == ["failed", "success"]
    late = ground.runs.execute_again(failed)
    assert not late.is_success
    assert "Launch the sync anew" in ground.runs.failure(late)
    ground.check()
