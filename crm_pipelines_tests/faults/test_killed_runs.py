"""Runs killed with -9 in every phase, then executed again: same result, no page paid twice."""

from __future__ import annotations

import os
from collections import Counter
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from crm_pipelines.model.window import Mode
from crm_pipelines_tests.faults.runs import await_that, execute, running, staged
from crm_pipelines_tests.mirroring import Mirroring
from crm_pipelines_tests.sandbox_process import Sandbox
from crm_pipelines_tests.truths import differences

STREAMS = ["pipedrive.persons", "salesforce.contacts"]
PAGE = {"pipedrive.persons": 4, "salesforce.contacts": 5}
LISTS = {"pipedrive.persons": "/api/v2/persons", "salesforce.contacts": "/results"}
KEY = "root"
both = pytest.mark.parametrize("name", STREAMS)


class Ground:
    """What a killed run is measured by."""

    def __init__(self, sandbox: Sandbox, mirror: Mirroring, name: str) -> None:
        self.sandbox, self.mirror, self.name = sandbox, mirror, name
        self.values = mirror.values
        self.table = sql.Identifier(*name.split("."))
        self.options: dict[str, Any] = {"mode": "full", "batch_size": PAGE[name]}

    def start(self, hold: str = "") -> Any:
        return running(self.values, self.name, KEY, "killed", hold=hold, **self.options)

    def execute_again(self) -> dict[str, Any]:
        return execute(self.values, self.name, KEY, "again", **self.options)

    def pages(self) -> Counter[str]:
        """How often each page of the list was answered."""
        return Counter(
            f"{entry['path']}?{entry['query']}"
            for entry in self.sandbox.journal()
            if entry["path"].endswith(LISTS[self.name]) and entry["status"] == 200
        )

    def records(self) -> int:
        crm, _, stream = self.name.partition(".")
        collection = {"contacts": "Contact"}.get(stream, stream)
        return len(self.sandbox.truth(crm, collection))

    def check(self) -> None:
        """The mirror is right, and nothing of the killed run is left."""
        seen = self.mirror(self.name, mode=Mode.FULL, dry_run=True)
        assert (seen.created, seen.updated, seen.deleted, seen.rejected) == (0, 0, 0, 0)
        assert differences(self.sandbox, self.mirror, self.name) == {}
        assert self.mirror.query("SELECT key FROM sync.checkpoints") == []
        assert _advisory_locks(self.mirror) == []
        home = Path(self.values["CRM_HOME"])
        assert [path for path in home.rglob("*.arrow*") if path.is_file()] == []

    def history(self) -> list[tuple[str, str, int]]:
        lines = self.mirror.history(self.name)
        return [(line["run_id"], line["status"], line["processed"]) for line in lines]


def _advisory_locks(mirror: Mirroring) -> list[Any]:
    return mirror.query(
        "SELECT classid, objid FROM pg_locks WHERE locktype = 'advisory'"
        " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    )


@pytest.fixture
def ground(sandbox: Sandbox, mirror: Mirroring, name: str) -> Ground:
    return Ground(sandbox, mirror, name)


@contextmanager
def stuck_at(chunk: Path) -> Any:
    """A chunk that cannot be written for the time being: whoever tries, waits."""
    chunk.parent.mkdir(parents=True)
    part = chunk.with_name(chunk.name + ".part")
    os.mkfifo(part)
    try:
        yield
    finally:
        part.unlink()


@both
def test_killed_between_two_pages(ground: Ground) -> None:
    with ground.start("fetch:3") as run:
        run.await_words("held fetch")
        run.kill()
    assert len(ground.pages()) == 2
    outcome = ground.execute_again()
    assert outcome["created"] == ground.records()
    assert outcome["resumed"]
    assert len(ground.pages()) == -(-ground.records() // PAGE[ground.name])
    assert set(ground.pages().values()) == {1}
    assert ground.history() == [("again", "success", ground.records())]
    ground.check()


@both
def test_killed_while_a_page_is_on_its_way(ground: Ground) -> None:
    """What was asked for and never arrived is asked for again; nothing else is."""
    with ground.start() as run:
        run.await_words(f"fetch {2 * PAGE[ground.name]} records")
        ground.sandbox.admin("POST", "/latency", {"milliseconds": 300})
        run.await_words(f"fetch {3 * PAGE[ground.name]} records")
        run.kill()
    ground.sandbox.admin("POST", "/latency", {"milliseconds": 0})
    assert ground.execute_again()["created"] == ground.records()
    assert sum(ground.pages().values()) - len(ground.pages()) <= 1
    ground.check()


@both
def test_killed_while_a_page_is_stored(ground: Ground) -> None:
    third = staged(ground.values, ground.name, KEY, "fetch", 2).with_name("000002-0.arrow")
    with stuck_at(third), ground.start() as run:
        run.await_words(f"fetch {2 * PAGE[ground.name]} records")
        await_that(lambda: len(ground.pages()) == 3, "the third page")
        run.kill()
    assert ground.execute_again()["created"] == ground.records()
    assert sorted(ground.pages().values())[-2:] == [1, 2]
    ground.check()


@both
def test_killed_while_chunks_are_cast(ground: Ground) -> None:
    _kill_when_stuck(ground, "transform")
    pages = ground.pages()
    outcome = ground.execute_again()
    assert outcome["created"] == ground.records()
    assert ground.pages() == pages
    assert set(pages.values()) == {1}
    assert ground.history() == [("again", "success", ground.records())]
    ground.check()


@both
def test_killed_while_records_are_judged(ground: Ground) -> None:
    with ground.start("validate:1") as run:
        run.await_words("held validate")
        run.kill()
    pages = ground.pages()
    assert ground.execute_again()["created"] == ground.records()
    assert ground.pages() == pages
    ground.check()


@pytest.mark.parametrize("name", STREAMS[:1])
def test_killed_while_records_are_rejected(ground: Ground) -> None:
    before = _edit_all(ground, {"add_time": "some time"})
    _kill_when_stuck(ground, "validate")
    pages = ground.pages()
    outcome = ground.execute_again()
    assert (outcome["created"], outcome["rejected"]) == (0, ground.records())
    assert ground.pages() == pages
    assert set(pages.values()) == {1}
    _edit_all(ground, {"add_time": before[0]["add_time"]})
    assert ground.mirror(ground.name, mode=Mode.FULL).created == ground.records()
    ground.check()


def _kill_when_stuck(ground: Ground, phase: str) -> None:
    """In the middle of a phase: its third chunk is there, the fourth is not."""
    chunks = [staged(ground.values, ground.name, KEY, phase, number) for number in range(4)]
    with stuck_at(chunks[3]), ground.start() as run:
        run.await_words(phase)
        await_that(chunks[2].exists, "the chunk before")
        run.kill()
    assert not chunks[3].exists()


@both
def test_killed_in_the_middle_of_the_merge(ground: Ground, database_url: str) -> None:
    """Half of the chunks are merged, the next one waits for a row somebody else has locked."""
    ground.mirror(ground.name, mode=Mode.FULL)
    before = ground.mirror.rows(ground.name)
    identity = list(before)[len(before) // 2]
    text = {"pipedrive.persons": "name", "salesforce.contacts": "LastName"}[ground.name]
    _edit_all(ground, {text: "Edited"})
    mark = ground.mirror.watermark(ground.name)
    paid = sum(ground.pages().values())
    with psycopg.connect(database_url) as other:
        locked = sql.SQL("SELECT 1 FROM {} WHERE id = %s FOR UPDATE").format(ground.table)
        other.execute(locked, (identity,))
        with ground.start() as run:
            run.await_words("upsert")
            await_that(lambda: _waiting(ground.mirror), "the merge waits")
            run.kill()
        assert ground.mirror.rows(ground.name) == before
    assert ground.mirror.watermark(ground.name) == mark
    outcome = ground.execute_again()
    assert (outcome["created"], outcome["updated"]) == (0, ground.records())
    assert sum(ground.pages().values()) - paid == -(-ground.records() // PAGE[ground.name])
    assert ground.history()[1:] == [("again", "success", ground.records())]
    ground.check()


@both
def test_killed_while_it_waits_for_its_turn_to_merge(ground: Ground, database_url: str) -> None:
    with psycopg.connect(database_url) as other:
        turn = f"default {ground.name}"
        other.execute("SELECT pg_advisory_xact_lock(7421003, hashtext(%s))", (turn,))
        with ground.start() as run:
            run.await_words("upsert")
            await_that(lambda: _waiting(ground.mirror), "the merge waits")
            run.kill()
        assert ground.mirror.rows(ground.name) == {}
    pages = ground.pages()
    assert ground.execute_again()["created"] == ground.records()
    assert ground.pages() == pages
    assert ground.history() == [("again", "success", ground.records())]
    ground.check()


@pytest.mark.parametrize("name", STREAMS[:1])
def test_killed_after_the_commit(ground: Ground, database_url: str) -> None:
    """Data, history and watermark are there; what is left lying about goes with the next run."""
    ground.mirror("pipedrive.person_fields")
    with psycopg.connect(database_url) as other:
        other.execute("LOCK TABLE pipedrive.person_fields IN ACCESS EXCLUSIVE MODE")
        with ground.start() as run:
            run.await_words("upsert")
            await_that(lambda: _waiting(ground.mirror), "the view waits")
            run.kill()
    assert ground.history() == [("killed", "success", ground.records())]
    assert ground.mirror.watermark(ground.name) is not None
    outcome = ground.execute_again()
    assert (outcome["created"], outcome["updated"]) == (0, 0)
    assert outcome["unchanged"] == ground.records()
    ground.check()


def test_another_run_goes_on_where_a_dead_one_stopped(sandbox: Sandbox, mirror: Mirroring) -> None:
    """Nobody executes the dead run again; the next sync of the same slice takes over its pages."""
    ground = Ground(sandbox, mirror, "pipedrive.persons")
    with ground.start("fetch:4") as run:
        run.await_words("held fetch")
        run.kill()
    outcome = execute(ground.values, ground.name, "other root", "other", **ground.options)
    assert outcome["resumed"]
    assert set(ground.pages().values()) == {1}
    ground.check()


def test_two_executions_of_one_run_do_not_mix(sandbox: Sandbox, mirror: Mirroring) -> None:
    ground = Ground(sandbox, mirror, "pipedrive.persons")
    with ground.start("fetch:3") as run:
        run.await_words("held fetch")
        refused = ground.execute_again()
        assert refused["error"] == "SystemTrouble"
        assert "another process is executing the run" in refused["words"]
        run.kill()
    assert ground.execute_again()["created"] == ground.records()
    ground.check()


def _edit_all(ground: Ground, changes: dict[str, Any]) -> list[dict[str, Any]]:
    """Change every record in the CRM; what they were before."""
    crm, collection, key = {
        "pipedrive.persons": ("pipedrive", "persons", "id"),
        "salesforce.contacts": ("salesforce", "Contact", "Id"),
    }[ground.name]
    before = ground.sandbox.truth(crm, collection)
    for record in before:
        path = f"/{crm}/records/{collection}/{record[key]}"
        ground.sandbox.admin("PATCH", path, changes)
    return before


def _waiting(mirror: Mirroring) -> bool:
    """Whether a session of this database waits for a lock."""
    return bool(
        mirror.query(
            "SELECT pid FROM pg_stat_activity"
            " WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
    )
