"""The vault on a real database: nothing in clear, rotation, locks, what is noted."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest

from crm_pipelines.audit.log import AuditLog
from crm_pipelines.model.tokens import SealedByOthers, Tokens
from crm_pipelines.store.database import Database
from crm_pipelines.vault.keys import Keys, make_key
from crm_pipelines.vault.vault import Vault

TOKENS = Tokens(
    "access-secret",
    "refresh-secret",
    renew_at=datetime(2026, 5, 1, 12, 30, tzinfo=UTC),
    address="https://acme.example.com",
    scope="base deals:full",
    made_with="print",
)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = Database(database_url)
    yield database
    database.close()


def open_vault(database: Database, *keys: str) -> Vault:
    return Vault(database, Keys(",".join(keys), Path("unused")), AuditLog(database, "tester").note)


def stored(database: Database) -> dict[str, dict[str, Any]]:
    rows = database.run_text("SELECT * FROM sync.credentials")
    return {f"{row['workspace_id']}/{row['crm']}/{row['kind']}": row for row in rows}


def noted(database: Database) -> list[str]:
    return [line["action"] for line in reversed(AuditLog(database).latest(100))]


def test_tokens_come_back_as_they_went_in_and_nothing_lies_in_clear(database: Database) -> None:
    vault = open_vault(database, make_key().text)
    assert vault.account("acme", "pipedrive").read() is None
    vault.account("acme", "pipedrive").write(TOKENS, "login")
    assert vault.account("acme", "pipedrive").read() == TOKENS
    assert vault.account("globex", "pipedrive").read() is None
    everything = str(database.run_text("SELECT c::text FROM sync.credentials c"))
    everything += str(database.run_text("SELECT a::text FROM sync.audit_log a"))
    assert not [word for word in ("access-secret", "refresh-secret", "print") if word in everything]
    assert noted(database) == ["credential.login"]
    assert "https://acme.example.com" in everything


def test_rotation_seals_every_row_anew(database: Database) -> None:
    old, new = make_key(), make_key()
    before = open_vault(database, old.text)
    before.account("acme", "pipedrive").write(TOKENS, "login")
    before.account("acme", "salesforce").used("SALESFORCE_PASSWORD", "print")
    done = open_vault(database, new.text, old.text).rotate()
    assert (len(done.resealed), len(done.fresh), len(done.forgotten)) == (2, 0, 0)
    assert {row["key_id"] for row in stored(database).values()} == {new.id}
    assert open_vault(database, new.text).account("acme", "pipedrive").read() == TOKENS
    with pytest.raises(SealedByOthers, match=new.id):
        before.account("acme", "pipedrive").read()
    again = open_vault(database, new.text).rotate()
    assert (len(again.resealed), len(again.fresh)) == (0, 2)
    assert noted(database).count("credential.reseal") == 2


def test_a_row_that_no_key_opens_stops_rotation_and_may_be_given_up(database: Database) -> None:
    lost, old, new = make_key(), make_key(), make_key()
    open_vault(database, old.text).account("acme", "pipedrive").write(TOKENS, "login")
    open_vault(database, lost.text).account("globex", "pipedrive").write(TOKENS, "login")
    vault = open_vault(database, new.text, old.text)
    with pytest.raises(SealedByOthers, match=f"'globex' are sealed with the key {lost.id}"):
        vault.rotate()
    assert stored(database)["acme/pipedrive/tokens"]["key_id"] == old.id
    done = vault.rotate(forget_unreadable=True)
    assert [slot.workspace for slot in done.forgotten] == ["globex"]
    assert list(stored(database)) == ["acme/pipedrive/tokens"]
    assert stored(database)["acme/pipedrive/tokens"]["key_id"] == new.id
    assert "credential.forget" in noted(database)


def test_a_row_copied_to_another_tenant_does_not_open(database: Database) -> None:
    vault = open_vault(database, make_key().text)
    vault.account("acme", "pipedrive").write(TOKENS, "login")
    database.run_text(
        "INSERT INTO sync.credentials (workspace_id, crm, kind, sealed, key_id) "
        "SELECT 'globex', crm, kind, sealed, key_id FROM sync.credentials"
    )
    with pytest.raises(SealedByOthers, match="sealed for another account"):
        vault.account("globex", "pipedrive").read()


def test_uses_are_noted_once_for_each_program_and_changes_are_seen(database: Database) -> None:
    key = make_key().text
    for value in ("one", "one", "two"):
        account = open_vault(database, key).account("acme", "pipedrive")
        account.used("PIPEDRIVE_API_TOKEN", value)
        account.used("PIPEDRIVE_API_TOKEN", value)
    assert noted(database) == [
        "credential.first_use",
        "credential.use",
        "credential.use",
        "credential.change",
        "credential.use",
    ]
    line = AuditLog(database).latest(1)[0]
    assert (line["who"], line["workspace"], line["crm"]) == ("tester", "acme", "pipedrive")
    assert line["details"] == {"variable": "PIPEDRIVE_API_TOKEN"}


def test_one_at_a_time_across_connections(database: Database) -> None:
    """Each of many makers reads, adds one and writes: without the lock some would be lost."""
    key = make_key().text
    vaults = [open_vault(database, key) for _ in range(4)]

    def add(number: int) -> None:
        account = vaults[number % 4].account("acme", "pipedrive")
        with account.alone():
            held = account.read()
            count = int(held.access_token) if held else 0
            account.write(Tokens(str(count + 1)), "login")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add, range(24)))
    final = vaults[0].account("acme", "pipedrive").read()
    assert final is not None
    assert final.access_token == "24"


def test_a_database_that_drops_everybody_does_not_cost_fresh_tokens(database: Database) -> None:
    """A refresh token is given once: it is in no other place than in the hands of the writer."""
    account = open_vault(database, make_key().text).account("acme", "pipedrive")
    with account.alone(), psycopg.connect(database.url, autocommit=True) as admin:
        assert account.read() is None
        admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        account.write(TOKENS, "refresh")
    assert account.read() == TOKENS
    assert noted(database) == ["credential.refresh"]


def test_every_process_tells_whether_a_login_is_another_one(database: Database) -> None:
    """A known one is told without opening what is sealed; nothing else may pass for it."""
    key, newer = make_key().text, make_key().text

    def use(fingerprint: str, *keys: str) -> list[str]:
        before = len(noted(database))
        open_vault(database, *keys).account("acme", "pipedrive").used("TOKEN", fingerprint)
        return [action.partition(".")[2] for action in noted(database)[before:]]

    assert use("one", key) == ["first_use", "use"]
    assert use("one", key) == ["use"]
    assert use("two", key) == ["change", "use"]
    assert use("one", key) == ["change", "use"]
    assert use("one", newer, key) == ["use"]
    open_vault(database, newer, key).rotate()
    assert use("one", newer) == ["use"]
    database.run_text("DELETE FROM sync.credentials")
    assert use("one", newer) == ["first_use", "use"]
    others = make_key().text
    assert use("one", others) == ["first_use", "use"]
    assert "one" not in str(database.run_text("SELECT value FROM sync.memory"))
