"""The audit log takes lines and never gives one back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import LiteralString

import psycopg
import pytest

from crm_pipelines.audit.log import AuditLog
from crm_pipelines.model.audit import Entry
from crm_pipelines.store.database import Database
from crm_pipelines_tests.servers import Databases, installed_server, oldest_installed

CHANGES: tuple[LiteralString, ...] = (
    "UPDATE sync.audit_log SET who = 'nobody'",
    "UPDATE sync.audit_log SET who = 'nobody' WHERE false",
    "DELETE FROM sync.audit_log",
    "TRUNCATE sync.audit_log",
    "TRUNCATE sync.audit_log CASCADE",
    "MERGE INTO sync.audit_log USING (SELECT 1) AS s ON true WHEN MATCHED THEN DELETE",
    "INSERT INTO sync.audit_log (id, who, action) OVERRIDING SYSTEM VALUE "
    "SELECT id, 'nobody', 'x' FROM sync.audit_log ON CONFLICT (id) DO UPDATE SET who = 'nobody'",
)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = Database(database_url)
    AuditLog(database, "tester").note(Entry("record.update", subject="persons/17"))
    yield database
    database.close()


def is_intact(database: Database) -> bool:
    rows = database.run_text("SELECT who, subject FROM sync.audit_log")
    return [tuple(row.values()) for row in rows] == [("tester", "persons/17")]


@pytest.mark.parametrize("statement", CHANGES)
def test_a_line_cannot_be_changed_by_the_owner(
    database: Database, statement: LiteralString
) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        database.run_text(statement)
    assert is_intact(database)


@pytest.mark.parametrize("statement", CHANGES)
def test_nor_after_giving_oneself_the_right(database: Database, statement: LiteralString) -> None:
    database.run_text("GRANT ALL ON sync.audit_log TO CURRENT_USER")
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="append-only"):
        database.run_text(statement)
    assert is_intact(database)


def test_superusers_replicas_and_roles_of_their_own(tmp_path: Path) -> None:
    """The second role is as the documentation proposes for who wants the owner out of reach."""
    binaries = oldest_installed()
    if binaries is None:
        pytest.skip("no PostgreSQL is installed that has a superuser to log in as")
    with installed_server(binaries) as server:
        databases = Databases(server)
        with databases.clone() as url:
            database = Database(url)
            database.run_text("CREATE ROLE app LOGIN")
            database.run_text("GRANT USAGE ON SCHEMA sync TO app")
            database.run_text("GRANT SELECT, INSERT ON sync.audit_log TO app")
            theirs = Database(url.replace("//postgres@", "//app@"))
            AuditLog(theirs, "tester").note(Entry("record.update", subject="persons/17"))
            for statement in (*CHANGES, "ALTER TABLE sync.audit_log DISABLE TRIGGER ALL"):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    theirs.run_text(statement)
            for mode in ("origin", "replica"):
                for statement in CHANGES:
                    with database.connection() as connection:
                        connection.execute(f"SET session_replication_role = {mode}")
                        with pytest.raises(psycopg.errors.InsufficientPrivilege):
                            connection.execute(statement)
            assert is_intact(database)
            assert [line["role"] for line in AuditLog(database).latest()] == ["app"]
            theirs.close()
            database.close()
        databases.close()


def test_lines_are_found_by_what_they_tell_of(database: Database) -> None:
    log = AuditLog(database)
    log.note(Entry("credential.refresh", workspace="acme", crm="pipedrive"))
    log.note(
        Entry(
            "record.update",
            workspace="acme",
            crm="salesforce",
            subject="contacts/003",
            before={"email": "a@example.com"},
            after={"email": "b@example.com"},
            run="run-1",
        )
    )
    assert [line["action"] for line in log.latest(1)] == ["record.update"]
    assert [line["crm"] for line in log.latest(action="credential")] == ["pipedrive"]
    assert [line["crm"] for line in log.latest(crm="salesforce")] == ["salesforce"]
    assert [line["who"] for line in log.latest(subject="persons/17")] == ["tester"]
    found = log.latest(subject="contacts/003")[0]
    assert (found["before"], found["after"]) == (
        {"email": "a@example.com"},
        {"email": "b@example.com"},
    )
    assert "@" in found["who"]


def test_a_line_goes_with_its_transaction(database: Database) -> None:
    log = AuditLog(database)
    with pytest.raises(RuntimeError), database.transaction() as connection:
        log.note(Entry("record.update", subject="persons/18"), connection)
        raise RuntimeError
    assert log.latest(subject="persons/18") == []
