"""The embedded PostgreSQL: one server for all, nothing lost, nobody else let in."""

import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from crm_pipelines.local import LocalPostgres, LocalProgramError, locks, start_postgres
from crm_pipelines_tests.integration.local.conftest import is_free, wait_until

GRACE = 0.1


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One home for all tests here, as making a database costs most of their time."""
    return tmp_path_factory.mktemp("a home")


@pytest.fixture(autouse=True)
def nothing_is_left_running(home: Path) -> Iterator[None]:
    yield
    wait_until(lambda: is_free(home / "postgres", locks.KEEPER))


def ask(postgres: LocalPostgres, statement: str) -> list[Any]:
    with psycopg.connect(postgres.url) as connection:
        cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


def test_data_and_port_stay_over_a_restart(home: Path) -> None:
    with start_postgres(home, grace_seconds=GRACE) as first:
        ask(first, "CREATE TABLE kept AS SELECT 'Ünïcode' AS name")
        with start_postgres(home) as second:
            assert second.url == first.url
    wait_until(lambda: is_free(home / "postgres", locks.PROGRAM))
    with start_postgres(home, grace_seconds=GRACE) as later:
        assert ask(later, "SELECT upper(name) FROM kept") == [("ÜNÏCODE",)]
        assert later.port == first.port


def test_it_is_durable_and_listens_on_loopback_only(home: Path) -> None:
    expected = {
        "fsync": "on",
        "full_page_writes": "on",
        "synchronous_commit": "on",
        "data_checksums": "on",
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": "",
        "server_encoding": "UTF8",
        "TimeZone": "UTC",
        "jit": "off",
    }
    names = ", ".join(f"'{name}'" for name in expected)
    with start_postgres(home, grace_seconds=GRACE) as postgres:
        found = ask(postgres, f"SELECT name, setting FROM pg_settings WHERE name IN ({names})")
        assert dict(found) == expected
        assert ask(postgres, "SELECT usesuper, usecreatedb FROM pg_user WHERE usename = user") == [
            (False, True)
        ]


def test_only_who_can_read_the_password_gets_in(home: Path) -> None:
    with start_postgres(home, grace_seconds=GRACE) as postgres:
        for user, password in [("crm", "guess"), ("crm", ""), ("postgres", ""), ("postgres", "x")]:
            with pytest.raises(psycopg.OperationalError):
                psycopg.connect(postgres.url, user=user, password=password)
        data = home / "postgres" / "data"
        assert stat.S_IMODE((data / "password").stat().st_mode) == 0o600
        assert stat.S_IMODE(data.stat().st_mode) == 0o700
        for path in (home / "postgres").iterdir():
            assert path == data or stat.S_IMODE(path.stat().st_mode) == 0o600, path


def test_a_port_taken_meanwhile_is_left_alone(home: Path) -> None:
    former = start_postgres(home, grace_seconds=GRACE)
    former.close(stop=True)
    with (
        socket.create_server(("127.0.0.1", former.port)),
        start_postgres(home, grace_seconds=GRACE) as postgres,
    ):
        assert postgres.port != former.port
        assert ask(postgres, "SELECT 1") == [(1,)]


def test_a_pid_file_naming_somebody_else_is_no_hindrance(home: Path) -> None:
    start_postgres(home, grace_seconds=GRACE).close(stop=True)
    pid_file = home / "postgres" / "data" / "18" / "postmaster.pid"
    pid_file.write_text(f"{os.getpid()}\n{pid_file.parent}\n1\n1\n\n127.0.0.1\n\nready\n")
    with start_postgres(home, grace_seconds=GRACE) as postgres:
        assert ask(postgres, "SELECT 1") == [(1,)]


def test_a_lost_password_is_replaced(home: Path) -> None:
    start_postgres(home, grace_seconds=GRACE).close(stop=True)
    (home / "postgres" / "data" / "password").unlink()
    with start_postgres(home, grace_seconds=GRACE) as postgres:
        assert ask(postgres, "SELECT 1") == [(1,)]


def test_a_server_without_free_connections_is_found_all_the_same(home: Path) -> None:
    taken: list[psycopg.Connection] = []
    with start_postgres(home, grace_seconds=GRACE) as postgres:
        with pytest.raises(psycopg.OperationalError, match="connection slots"):
            while True:
                taken.append(psycopg.connect(postgres.url))
        with start_postgres(home) as second:
            assert second.url == postgres.url
        for connection in taken:
            connection.close()


def test_data_of_another_version_is_not_replaced(home: Path) -> None:
    start_postgres(home, grace_seconds=GRACE).close(stop=True)
    data = home / "postgres" / "data"
    (data / "18").rename(data / "17")
    with pytest.raises(LocalProgramError, match=r"holds the data of PostgreSQL 17"):
        start_postgres(home, grace_seconds=GRACE)
    (data / "17").rename(data / "18")


def test_the_users_own_postgres_variables_do_not_matter(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    variables = {"PGPASSWORD": "theirs", "PGPORT": "1", "PGSSLMODE": "require", "PGDATA": "/none"}
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with start_postgres(home, grace_seconds=GRACE) as postgres:
        assert ask(postgres, "SELECT 1") == [(1,)]
