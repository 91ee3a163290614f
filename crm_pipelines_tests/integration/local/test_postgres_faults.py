"""The embedded PostgreSQL after kill -9 of anything at any time."""

import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest

from crm_pipelines.local import locks, start_postgres
from crm_pipelines_tests.integration.local.conftest import (
    ROOT,
    is_free,
    keeper_pid,
    kill_keeper,
    program_pid,
    start_user,
    wait_until,
)

GRACE = 0.1


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)


def end(user: subprocess.Popen[str]) -> None:
    user.communicate()
    assert user.returncode in (0, -signal.SIGKILL)


def test_ten_at_once_share_one_server_and_deaths_do_no_harm(home: Path) -> None:
    users = [start_user(home) for _ in range(10)]
    assert all(user.stdout for user in users)
    urls = {user.stdout.readline() for user in users if user.stdout}
    assert len(urls) == 1
    for user in users[:9]:
        user.kill()
    with psycopg.connect(urls.pop().strip()) as connection:
        time.sleep(4 * GRACE)
        assert connection.execute("SELECT 1").fetchone() == (1,)
    users[9].kill()
    for user in users:
        end(user)
    wait_until(lambda: is_free(home / "postgres", locks.PROGRAM))


def test_what_was_committed_survives_the_servers_death(home: Path) -> None:
    with start_postgres(home, grace_seconds=GRACE) as postgres:
        with psycopg.connect(postgres.url) as connection:
            connection.execute("CREATE TABLE kept AS SELECT generate_series(1, 1000) AS id")
        folder = home / "postgres"
        kill(pid := program_pid(folder))
        # a server that has lived for a while is started anew by its keeper
        wait_until(lambda: is_free(folder, locks.PROGRAM) or program_pid(folder) != pid)
        with (
            start_postgres(home, grace_seconds=GRACE) as again,
            psycopg.connect(again.url) as connection,
        ):
            assert connection.execute("SELECT count(*) FROM kept").fetchone() == (1000,)
            assert again.port == postgres.port


def test_a_keeper_killed_leaves_the_server_to_the_next_user(home: Path) -> None:
    with start_postgres(home, grace_seconds=GRACE) as postgres:
        pid = program_pid(home / "postgres")
        with psycopg.connect(postgres.url) as connection:
            kill_keeper(home / "postgres")
            with start_postgres(home, grace_seconds=GRACE) as again:
                assert again.url == postgres.url
            assert connection.execute("SELECT 1").fetchone() == (1,)
        assert keeper_pid(home / "postgres") != pid
    wait_until(lambda: is_free(home / "postgres", locks.PROGRAM))


def test_everything_killed_at_once(home: Path) -> None:
    user = start_user(home)
    assert user.stdout
    url = user.stdout.readline().strip()
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 1 AS id")
    for pid in (keeper_pid(home / "postgres"), program_pid(home / "postgres"), user.pid):
        kill(pid)
    end(user)
    with (
        start_postgres(home, grace_seconds=GRACE) as postgres,
        psycopg.connect(postgres.url) as connection,
    ):
        assert connection.execute("SELECT id FROM kept").fetchone() == (1,)


@pytest.mark.parametrize("keeper_too", [True, False])
def test_killed_while_the_cluster_is_made(home: Path, keeper_too: bool) -> None:
    folder = home / "postgres"
    user = start_user(home)
    wait_until(lambda: (folder / "data" / "18.new" / "base").exists())
    user.kill()
    if keeper_too:
        kill_keeper(folder)
        kill(program_pid(folder))
    end(user)
    with (
        start_postgres(home, grace_seconds=GRACE) as postgres,
        psycopg.connect(postgres.url) as connection,
    ):
        assert connection.execute("SELECT current_database()").fetchone() == ("crm_pipelines",)
    assert not (folder / "data" / "18.new").exists()


def test_a_full_disk_is_named(tmp_path: Path) -> None:
    script = (
        f"mount -t tmpfs -o size=20m tmpfs {tmp_path} && exec {shlex.quote(sys.executable)} "
        f"-m crm_pipelines_tests.integration.local.user {tmp_path}"
    )
    if subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False).returncode:
        pytest.skip("needs the right to mount a small disk")
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", script], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert f"The disk of {tmp_path}/postgres is full" in done.stderr
