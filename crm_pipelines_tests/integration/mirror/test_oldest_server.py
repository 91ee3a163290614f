"""The mirror on the oldest PostgreSQL we support, where this machine has its binaries."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from crm_pipelines.model.window import Mode
from crm_pipelines.store.database import Database
from crm_pipelines.store.migrations import migrate
from crm_pipelines.store.queries import FOLDER, load
from crm_pipelines_tests.commands import run
from crm_pipelines_tests.mirroring import Mirroring, variables
from crm_pipelines_tests.sandbox_process import Sandbox
from crm_pipelines_tests.servers import Databases, installed_server, oldest_installed
from crm_pipelines_tests.truths import differences

STATEMENTS = [
    pytest.param(f"{path.stem}.{name}", id=f"{path.stem}.{name}")
    for path in sorted((FOLDER / "queries").glob("*.sql"))
    for name, text in load(path.stem).items()
    if "{" not in text.replace("'{", "")
]
"""Statements that are whole as they stand; those with parts to fill in are run by the syncs."""


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Databases]:
    """Databases of a server of that version."""
    binaries = oldest_installed()
    if binaries is None:
        pytest.skip("no PostgreSQL is installed on this machine")
    with installed_server(binaries) as url:
        found = Databases(url)
        yield found
        found.close()


@pytest.mark.long
def test_every_stream_from_an_empty_database(
    old: Databases,
    sandbox: Sandbox,
    mirroring: Callable[..., Mirroring],
    tmp_path: Path,
) -> None:
    """Migrations, Dagster's storage and all: the command, and then row by row."""
    with old.empty() as url:
        values = variables(sandbox.url, url, tmp_path / "home")
        code, output, told = run(tmp_path, values, "sync", "--json")
        lines = json.loads(output)
        assert (code, {line["status"] for line in lines}) == (0, {"success"}), told
        mirror = mirroring(CRM_DATABASE_URL=url)
        for line in lines:
            name = f"{line['crm']}.{line['stream']}"
            seen = mirror(name, mode=Mode.FULL, dry_run=True)
            assert (seen.created, seen.updated, seen.deleted) == (0, 0, 0), name
            assert differences(sandbox, mirror, name) == {}, name
        assert migrate(mirror.wiring.database) == []
        mirror.close()


@pytest.mark.parametrize(
    ("name", "collection", "key", "text"),
    [
        ("pipedrive.persons", "pipedrive/records/persons", "id", "name"),
        ("salesforce.contacts", "salesforce/records/Contact", "Id", "LastName"),
    ],
)
def test_edits_and_deletes(
    old: Databases,
    sandbox: Sandbox,
    mirroring: Callable[..., Mirroring],
    name: str,
    collection: str,
    key: str,
    text: str,
) -> None:
    with old.clone() as url:
        mirror = mirroring(CRM_DATABASE_URL=url)
        mirror(name, batch_size=7)
        crm, _, kind = collection.split("/")
        ids = [record[key] for record in sandbox.truth(crm, kind)]
        for identity in ids[:5]:
            sandbox.admin("PATCH", f"/{collection}/{identity}", {text: "Edited"})
        sandbox.admin("DELETE", f"/{collection}/{ids[7]}")
        assert mirror(name).updated == 5
        mirror(name, mode=Mode.FULL, batch_size=7)
        assert mirror.rows(name, deleted=True)[ids[7]]["_deleted_at"] is not None
        assert mirror(name, mode=Mode.FULL, force_overwrite=True).updated >= len(ids) - 1
        assert differences(sandbox, mirror, name) == {}
        mirror.close()


@pytest.fixture(scope="module")
def sessions(
    old: Databases, databases: Databases
) -> Iterator[tuple[psycopg.Connection[Any], psycopg.Connection[Any]]]:
    """A session on a migrated database of the old server, and one on the server of all tests."""
    with (
        old.clone() as theirs,
        databases.clone() as ours,
        psycopg.connect(theirs) as first,
        psycopg.connect(ours) as second,
    ):
        yield first, second


@pytest.mark.parametrize("name", STATEMENTS)
def test_a_statement_is_understood_as_by_the_newest(
    sessions: tuple[psycopg.Connection[Any], psycopg.Connection[Any]], name: str
) -> None:
    found = [understood(session, name) for session in sessions]
    assert found[0] == found[1]


def understood(session: psycopg.Connection[Any], name: str) -> str | None:
    """``None``, or the code by which the server refuses to plan a statement."""
    area, _, statement = name.partition(".")
    names: list[str] = []

    def number(found: re.Match[str]) -> str:
        if found[1] not in names:
            names.append(found[1])
        return f"${names.index(found[1]) + 1}"

    text = re.sub(r"%\((\w+)\)s", number, load(area)[statement]).replace("%%", "%")
    try:
        session.execute(f"PREPARE planned AS {text}")
    except psycopg.Error as error:
        return error.sqlstate
    finally:
        session.rollback()
    return None


def test_the_older_server_is_the_one_that_is_tested(old: Databases) -> None:
    with old.clone() as url:
        database = Database(url)
        version = database.run_text("SHOW server_version_num")[0]["server_version_num"]
        database.close()
    assert 150000 <= int(version) < 180000
