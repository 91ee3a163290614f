"""What holds for every local program, tried with a small one."""

import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

from crm_pipelines.local import LocalProgramError, Running, ensure_running, locks
from crm_pipelines_tests.integration.local.bell import RECORD, bell
from crm_pipelines_tests.integration.local.conftest import (
    is_free,
    keeper_pid,
    kill_keeper,
    program_pid,
    wait_until,
)

GRACE = 0.1


def ring(running: Running) -> int:
    port = int(running.details["ports"]["bell"])
    socket.create_connection(("127.0.0.1", port)).close()
    return port


def test_found_again_while_in_use_and_stopped_afterwards(home: Path) -> None:
    with ensure_running(home, bell(home), grace_seconds=GRACE) as first:
        with ensure_running(home, bell(home, "broken")) as second:
            assert ring(second) == ring(first)
            assert second.argv == bell(home).argv
        assert ring(first)
    wait_until(lambda: is_free(home / "bell", locks.PROGRAM))


def test_a_new_user_within_the_grace_time_keeps_it_up(home: Path) -> None:
    first = ensure_running(home, bell(home), grace_seconds=0.5)
    pid = program_pid(home / "bell")
    first.close()
    with ensure_running(home, bell(home)) as second:
        time.sleep(0.8)
        ring(second)
        assert program_pid(home / "bell") == pid


def test_closing_can_stop_it_at_once_unless_others_use_it(home: Path) -> None:
    first = ensure_running(home, bell(home), grace_seconds=60)
    second = ensure_running(home, bell(home))
    first.close(stop=True)
    ring(second)
    second.close(stop=True)
    assert is_free(home / "bell", locks.PROGRAM)
    assert is_free(home / "bell", locks.KEEPER)


def test_programs_started_by_a_user_do_not_keep_it_up(home: Path) -> None:
    running = ensure_running(home, bell(home), grace_seconds=GRACE)
    with subprocess.Popen(["sleep", "60"], close_fds=False) as other:
        running.close()
        wait_until(lambda: is_free(home / "bell", locks.PROGRAM))
        other.kill()


def test_one_that_dies_while_in_use_is_started_again(home: Path) -> None:
    with ensure_running(home, bell(home), grace_seconds=GRACE) as running:
        pid = program_pid(home / "bell")
        time.sleep(0.6)
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: program_pid(home / "bell") != pid)
        with ensure_running(home, bell(home)) as again:
            assert ring(again) != running.details["ports"]["bell"]


def test_an_orphan_is_adopted(home: Path) -> None:
    with ensure_running(home, bell(home), grace_seconds=GRACE):
        pid = program_pid(home / "bell")
        kill_keeper(home / "bell")
    with ensure_running(home, bell(home), grace_seconds=GRACE) as running:
        ring(running)
        assert program_pid(home / "bell") == pid


def test_one_that_was_killed_with_its_keeper_is_started_anew(home: Path) -> None:
    ensure_running(home, bell(home), grace_seconds=60).close()
    kill_keeper(home / "bell")
    os.kill(program_pid(home / "bell"), signal.SIGKILL)
    wait_until(lambda: is_free(home / "bell", locks.PROGRAM))
    with ensure_running(home, bell(home), grace_seconds=GRACE) as running:
        ring(running)


def test_a_keeper_that_is_told_to_end_takes_the_program_along(home: Path) -> None:
    with ensure_running(home, bell(home), grace_seconds=60):
        os.kill(keeper_pid(home / "bell"), signal.SIGTERM)
        wait_until(lambda: is_free(home / "bell", locks.PROGRAM))


def test_one_that_ignores_a_polite_request_is_killed(home: Path) -> None:
    ensure_running(home, bell(home, "stubborn"), grace_seconds=GRACE).close()
    wait_until(lambda: is_free(home / "bell", locks.PROGRAM))


def test_a_deleted_home_ends_it(home: Path) -> None:
    with ensure_running(home, bell(home), grace_seconds=GRACE) as running:
        pid = program_pid(home / "bell")
        shutil.rmtree(home)
        ring(running)
    wait_until(lambda: not Path(f"/proc/{pid}").exists() if Path("/proc").exists() else True)


def test_a_long_log_is_moved_aside(home: Path) -> None:
    with ensure_running(home, bell(home, "chatty"), grace_seconds=GRACE):
        log = home / "bell" / "server.log"
        wait_until(lambda: log.stat().st_size == 0)
        assert log.with_name("server.log.1").stat().st_size == len("Ding dong.\n") * 1_000_000


@pytest.mark.parametrize("damaged", ["{", '{"pid": "no"}', None])
def test_one_that_lost_its_record_is_replaced(home: Path, damaged: str | None) -> None:
    with ensure_running(home, bell(home), grace_seconds=GRACE):
        pid = program_pid(home / "bell")
        record = home / "bell" / RECORD
        record.unlink() if damaged is None else record.write_text(damaged)
        with ensure_running(home, bell(home, start_seconds=0.5), grace_seconds=GRACE) as running:
            ring(running)
            assert program_pid(home / "bell") != pid


@pytest.mark.parametrize("damaged", ["{", None])
def test_the_state_file_is_not_needed(home: Path, damaged: str | None) -> None:
    with ensure_running(home, bell(home), grace_seconds=GRACE) as running:
        state = home / "bell" / "state.json"
        state.unlink() if damaged is None else state.write_text(damaged)
        kill_keeper(home / "bell")
        with ensure_running(home, bell(home), grace_seconds=GRACE) as again:
            assert ring(again) == ring(running)


def test_one_that_fails_says_why(home: Path) -> None:
    with pytest.raises(LocalProgramError, match=r"did not start(.|\n)*no bell today"):
        ensure_running(home, bell(home, "broken"), grace_seconds=GRACE)


def test_one_that_never_becomes_ready_is_ended(home: Path) -> None:
    with pytest.raises(LocalProgramError, match="bell"):
        ensure_running(home, bell(home, "mute", start_seconds=0.3), grace_seconds=GRACE)


def test_a_file_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "bell").write_text("")
    with pytest.raises(LocalProgramError, match="in the way"):
        ensure_running(tmp_path, bell(tmp_path))
