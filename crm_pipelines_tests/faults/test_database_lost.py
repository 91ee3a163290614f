"""PostgreSQL goes away in the middle of a run: one clear line, nothing half-written, then on."""

from __future__ import annotations

import os
import signal
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from crm_pipelines.local import start_postgres
from crm_pipelines.model.errors import SystemTrouble
from crm_pipelines.model.window import Mode
from crm_pipelines.store.migrations import migrate
from crm_pipelines_tests.faults.runs import await_that
from crm_pipelines_tests.mirroring import Mirroring, variables
from crm_pipelines_tests.sandbox_process import Sandbox
from crm_pipelines_tests.truths import differences

PERSONS, CONTACTS = "pipedrive.persons", "salesforce.contacts"
LISTS = {PERSONS: "/api/v2/persons", CONTACTS: "/results"}
both = pytest.mark.parametrize("name", [PERSONS, CONTACTS])
FULL: dict[str, Any] = {"mode": Mode.FULL, "batch_size": 7}


def pages(sandbox: Sandbox, name: str) -> Counter[str]:
    """How often each page was answered."""
    return Counter(
        f"{entry['path']}?{entry['query']}"
        for entry in sandbox.journal()
        if entry["path"].endswith(LISTS[name]) and entry["status"] == 200
    )


def end_sessions(url: str, condition: str) -> int:
    """End other sessions of a database; how many there were."""
    with psycopg.connect(url, autocommit=True) as connection:
        statement = sql.SQL(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid() AND ({})"
        ).format(sql.SQL(condition))
        return len(connection.execute(statement).fetchall())


def is_right(sandbox: Sandbox, mirror: Mirroring, name: str) -> None:
    mirror(name, dry_run=True)
    assert differences(sandbox, mirror, name) == {}
    assert mirror.query("SELECT key FROM sync.checkpoints") == []


@both
def test_the_session_is_ended_in_the_middle_of_the_merge(
    sandbox: Sandbox, mirror: Mirroring, database_url: str, name: str
) -> None:
    mirror(name, mode=Mode.FULL)
    before = mirror.rows(name)
    mirror.query("UPDATE sync.watermarks SET watermark = watermark - interval '1 day'")
    mark = mirror.watermark(name)
    edit_all(sandbox, name)
    locked = sql.SQL("SELECT 1 FROM {} WHERE id = %s FOR UPDATE").format(
        sql.Identifier(*name.split("."))
    )
    manifest = mirror.fetch(name, key="root", **FULL)
    with psycopg.connect(database_url) as other, ThreadPoolExecutor(1) as thread:
        other.execute(locked, (list(before)[len(before) // 2],))
        merging = thread.submit(mirror.finish, name, manifest)
        await_that(lambda: end_sessions(database_url, "wait_event_type = 'Lock'"), "it waits")
        with pytest.raises(SystemTrouble, match="PostgreSQL") as caught:
            merging.result()
        other.rollback()
    assert "\n" not in str(caught.value)
    assert mirror.rows(name) == before
    assert mirror.watermark(name) == mark
    assert [line["status"] for line in mirror.history(name)] == ["success", "failed"]
    calls = sandbox.journal()
    outcome = mirror(name, key="root", **FULL)
    assert (outcome.updated, outcome.created) == (len(before), 0)
    assert sandbox.journal() == calls
    is_right(sandbox, mirror, name)


@both
def test_every_session_is_ended_while_pages_come(
    sandbox: Sandbox, mirror: Mirroring, database_url: str, name: str
) -> None:
    """As a restart of the server does; what is paid for is not paid for again."""

    def restart(page: int) -> None:
        if page == 2:
            assert end_sessions(database_url, "true")

    with pytest.raises(SystemTrouble, match="PostgreSQL") as caught:
        mirror.fetch(name, key="root", on_page=restart, **FULL)
    assert "\n" not in str(caught.value)
    outcome = mirror(name, key="root", **FULL)
    assert outcome.created == outcome.fetched == len(mirror.rows(name))
    assert sum(pages(sandbox, name).values()) - len(pages(sandbox, name)) <= 1
    is_right(sandbox, mirror, name)


def test_sessions_that_ended_between_two_syncs_are_not_noticed(
    sandbox: Sandbox, mirror: Mirroring, database_url: str
) -> None:
    """The server was restarted while nobody worked: a process that lives on goes on."""
    mirror(PERSONS)
    with ThreadPoolExecutor(3) as threads:
        for _ in threads.map(lambda _: mirror.query("SELECT pg_sleep(0.1)"), range(3)):
            continue
    assert end_sessions(database_url, "true") >= 2
    assert mirror(PERSONS).fetched == 0
    assert [line["status"] for line in mirror.history(PERSONS)] == ["success", "success"]


def test_the_server_crashes_and_comes_back(sandbox: Sandbox, tmp_path: Path) -> None:
    """One backend dies by kill -9: PostgreSQL ends them all, recovers, and answers again."""
    with start_postgres(tmp_path / "pg", grace_seconds=0.1) as postgres:
        values = variables(sandbox.url, postgres.url, tmp_path / "home")
        mirror = Mirroring(values)
        try:
            migrate(mirror.wiring.database)

            def crash(page: int) -> None:
                if page == 2:
                    (row,) = mirror.query("SELECT pg_backend_pid() AS pid")
                    os.kill(row["pid"], signal.SIGKILL)

            with pytest.raises(SystemTrouble, match="PostgreSQL"):
                mirror.fetch(PERSONS, key="root", on_page=crash, **FULL)
            outcome = mirror(PERSONS, key="root", **FULL)
            assert outcome.created == len(mirror.rows(PERSONS))
            assert sum(pages(sandbox, PERSONS).values()) - len(pages(sandbox, PERSONS)) <= 1
            is_right(sandbox, mirror, PERSONS)
        finally:
            mirror.close()


@both
def test_the_disk_of_the_server_is_full(sandbox: Sandbox, mirror: Mirroring, name: str) -> None:
    """The server says so in the middle of the merge; all of it is undone."""
    mirror(name, mode=Mode.FULL)
    before = mirror.rows(name)
    edit_all(sandbox, name)
    table, last = sql.Identifier(*name.split(".")), list(before)[-1]
    with mirror.wiring.database.transaction() as connection:
        connection.execute(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN RAISE 'no space left on device' USING ERRCODE = 'disk_full'; END $$"
        )
        connection.execute(
            sql.SQL(
                "CREATE TRIGGER refuse BEFORE UPDATE ON {} FOR EACH ROW WHEN (old.id = {})"
                " EXECUTE FUNCTION refuse()"
            ).format(table, sql.Literal(last))
        )
    with pytest.raises(SystemTrouble, match="no space left"):
        mirror(name, key="root", **FULL)
    assert mirror.rows(name) == before
    calls = sandbox.journal()
    mirror.query("DROP FUNCTION refuse CASCADE")
    assert mirror(name, key="root", **FULL).updated == len(before)
    assert sandbox.journal() == calls
    is_right(sandbox, mirror, name)


def edit_all(sandbox: Sandbox, name: str) -> None:
    crm, collection, key, text = {
        PERSONS: ("pipedrive", "persons", "id", "name"),
        CONTACTS: ("salesforce", "Contact", "Id", "LastName"),
    }[name]
    for record in sandbox.truth(crm, collection):
        path = f"/{crm}/records/{collection}/{record[key]}"
        sandbox.admin("PATCH", path, {text: "Edited"})
