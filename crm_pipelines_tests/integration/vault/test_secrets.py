"""Nothing secret is printed, logged, or stored in clear, whatever goes wrong."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus, urlsplit

import pytest
from psycopg import sql

from crm_pipelines.store.database import Database
from crm_pipelines.wiring import Wiring
from crm_pipelines_tests.commands import run
from crm_pipelines_tests.consent import app_variables, grant
from crm_pipelines_tests.mirroring import variables
from crm_pipelines_tests.sandbox_process import Sandbox

API_TOKEN = "0123456789abcdef0123456789abcdef01234567"
CLIENT_SECRET = "f00dfeed+/=f00dfeed f00dfeed"


@pytest.fixture
def values(sandbox: Sandbox, database_url: str, tmp_path: Path) -> dict[str, str]:
    pipedrive = {"api_token": API_TOKEN, "client_secret": CLIENT_SECRET}
    sandbox.admin("PATCH", "/pipedrive/credentials", pipedrive)
    found = variables(sandbox.url, database_url, tmp_path / "home")
    return {
        **found,
        **app_variables(sandbox.url),
        "PIPEDRIVE_API_TOKEN": API_TOKEN,
        "PIPEDRIVE_CLIENT_SECRET": CLIENT_SECRET,
    }


def tokens(values: dict[str, str]) -> set[str]:
    """Every token that lies in the vault now."""
    with closing(Wiring(values)) as wiring:
        stored = [account.tokens().read() for account in wiring.accounts]
    found = [(one.access_token, one.refresh_token) for one in stored if one]
    return {token for pair in found for token in pair if token}


def disguises(secret: str) -> Iterator[str]:
    """The ways a secret may be written."""
    yield from (secret, quote_plus(secret), repr(secret)[1:-1])
    for text in (secret, f"sandbox-client:{secret}"):
        yield base64.b64encode(text.encode()).decode().rstrip("=")


def everything_stored(url: str) -> Iterator[tuple[str, str]]:
    """Every row of every table: ours, and Dagster's runs, events and configurations."""
    with closing(Database(url)) as database:
        tables: list[dict[str, Any]] = list(
            database.run_text(
                "SELECT schemaname AS schema, tablename AS name FROM pg_tables "
                "WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
            )
        )
        for table in tables:
            name = sql.Identifier(table["schema"], table["name"])
            with database.connection() as connection:
                rows = connection.execute(sql.SQL("SELECT t::text AS t FROM {} t").format(name))
                yield f"{table['schema']}.{table['name']}", "\n".join(r["t"] for r in rows)


def everything_written(home: Path) -> Iterator[tuple[str, str]]:
    """Every file of the home: logs, Dagster's folder, staged chunks."""
    for path in home.rglob("*"):
        if path.is_file():
            yield str(path), path.read_bytes().decode("latin-1")


@pytest.mark.long
def test_nothing_secret_leaves(tmp_path: Path, sandbox: Sandbox, values: dict[str, str]) -> None:
    secrets = {API_TOKEN, CLIENT_SECRET, "sandbox-secret", values["CRM_ENCRYPTION_KEYS"]}
    secrets |= {"wrong-secret", "wrong0token", urlsplit(values["CRM_DATABASE_URL"]).password or "-"}
    app = {**values, "PIPEDRIVE_API_TOKEN": ""}
    with closing(Wiring(app)) as wiring:
        grant(wiring)
    secrets |= tokens(app)
    names = ("pipedrive.persons", "salesforce.users")
    told: list[tuple[str, str]] = []

    def do(given: dict[str, str], *arguments: str, code: int = 0) -> None:
        found, output, errors = run(tmp_path, given, *arguments)
        assert found == code, output + errors
        told.append((" ".join(arguments), output + errors))

    do(values, "sync", *names, "--debug")
    sandbox.admin("POST", "/clock", {"advance_seconds": 2 * 86_400})
    do(app, "sync", *names, "--debug", "--full")
    secrets |= tokens(app)
    sandbox.fault("malformed_json", path="/api/v2/persons", times=0)
    do(app, "sync", *names, "--debug", "--full", code=1)
    sandbox.admin("DELETE", "/faults")
    wrong = {
        **values,
        "PIPEDRIVE_API_TOKEN": "wrong0token",
        "SALESFORCE_CLIENT_SECRET": "wrong-secret",
    }
    do(wrong, "sync", *names, "--debug", code=1)
    do(wrong, "check", code=2)
    do({**values, "PIPEDRIVE_API_TOKEN": API_TOKEN + "\nx"}, "check", code=2)
    do({**values, "CRM_ENCRYPTION_KEYS": "wrong-secret"}, "sync", code=2)
    do({**wrong, "SALESFORCE_LOGIN_URL": "https://127.0.0.1:9"}, "check", code=2)
    do(values, "audit", "--json")
    told += everything_stored(values["CRM_DATABASE_URL"])
    told += everything_written(tmp_path / "home")
    assert any(where == "dagster.event_logs" for where, _ in told)
    assert [word for where, word in told if where == "sync.credentials"] != [""]
    leaks = {
        (where, secret)
        for where, text in told
        for secret in secrets
        for shape in disguises(secret)
        if shape in text
    }
    assert leaks == set()


def test_secrets_are_never_in_an_address(sandbox: Sandbox, values: dict[str, str]) -> None:
    app = {**values, "PIPEDRIVE_API_TOKEN": ""}
    with closing(Wiring(app)) as wiring:
        grant(wiring)
        wiring.account("default", "salesforce").open(
            wiring.budget.purse(
                "default",
                "salesforce",
                "test",
                wiring.account("default", "salesforce").limits,
            )
        ).close()
    secrets = tokens(app) | {API_TOKEN, CLIENT_SECRET, "sandbox-secret"}
    asked = [entry for entry in sandbox.journal() if entry["query"]]
    assert not [entry for entry in asked for secret in secrets if secret in entry["query"]]
