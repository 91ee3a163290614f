"""The embedded PostgreSQL as root and as an ordinary user."""

import os
import pwd
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import psycopg
import pytest

from crm_pipelines.local import locks, start_postgres
from crm_pipelines_tests.integration.local.conftest import ROOT, is_free, program_pid, wait_until

GRACE = 0.1
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
USER = [sys.executable, "-m", "crm_pipelines_tests.integration.local.user"]
# Python itself may lie where only root can reach it, so `become` is used to start it.
STEP_DOWN = """
import os, sys
from pathlib import Path
from crm_pipelines.local.unprivileged import become, pick_account
become(pick_account(Path(sys.argv[-1])), [Path(sys.executable), Path.cwd()])
os.execv(sys.argv[1], sys.argv[1:])
"""


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(part) for part in command],
        cwd=ROOT,
        input="",
        capture_output=True,
        text=True,
        check=False,
    )


@needs_root
def test_root_in_a_private_folder(home: Path) -> None:
    home.mkdir(mode=0o700)
    modes = [stat.S_IMODE(path.stat().st_mode) for path in home.parents]
    with start_postgres(home, grace_seconds=GRACE) as postgres:
        owner = Path(f"/proc/{program_pid(home / 'postgres')}").stat().st_uid
        assert owner == (home / "postgres" / "data").stat().st_uid != 0
        with psycopg.connect(postgres.url) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 1 AS id")
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert home.stat().st_uid == 0
    assert [stat.S_IMODE(path.stat().st_mode) for path in home.parents] == modes


@needs_root
def test_root_without_its_usual_rights_is_told_what_to_do(home: Path) -> None:
    home.mkdir(mode=0o700)
    done = run("setpriv", "--bounding-set=-dac_override,-dac_read_search", *USER, home)
    assert done.returncode == 1
    assert "PostgreSQL does not run as root" in done.stderr
    assert "CRM_DATABASE_URL" in done.stderr


@needs_root
def test_an_ordinary_user_and_root_take_turns() -> None:
    nobody = pwd.getpwnam("nobody")
    # The folders that pytest makes are closed to others.
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        os.chown(home, nobody.pw_uid, nobody.pw_gid)
        for command in ([sys.executable, "-c", STEP_DOWN, *USER], USER) * 2:
            done = run(*command, home)
            assert done.returncode == 0, done.stderr
            wait_until(lambda: is_free(home / "postgres", locks.KEEPER))
        assert {path.stat().st_uid for path in home.rglob("*")} == {nobody.pw_uid}
