"""The spool: torn ends, damaged lines, several writers, no room."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from zlib import crc32

import pytest

from crm_pipelines.model.errors import SystemTrouble
from crm_pipelines.store.inbox.arrivals import Arrival
from crm_pipelines.store.inbox.spool import MOST, Load, Spool, load_of

AT = datetime(2026, 11, 21, 12, 0, 0, 123_456, UTC)


def arrival(number: int, body: bytes = b"\x00\xff\n body") -> Arrival:
    return Arrival("default", "pipedrive", f"id-{number}", body, number or None, AT)


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "spool", 1 << 20)


def emptied(spool: Spool) -> list[Arrival]:
    found: list[Arrival] = []
    assert spool.empty(found.extend) == len(found)
    return found


def test_what_went_in_comes_out(spool: Spool) -> None:
    all_of_it = [arrival(number) for number in range(MOST + 10)]
    spool.append(all_of_it[:3])
    spool.append(all_of_it[3:])
    assert emptied(spool) == []  # it is being written to
    spool.leave()
    sizes: list[int] = []
    assert spool.empty(lambda some: sizes.append(len(some))) == MOST + 10
    assert sizes == [MOST, 10]
    assert spool.files() == []
    spool.append(all_of_it[:1])
    spool.leave()
    assert emptied(spool) == all_of_it[:1]


def test_its_load_is_told(spool: Spool, tmp_path: Path) -> None:
    folder = tmp_path / "spool"
    assert load_of(folder) == Load()
    for number in range(2):
        spool.append([arrival(number)])
        spool.leave()
    sizes = [file.stat().st_size for file in spool.files()]
    os.utime(spool.files()[0], (1, 1))
    found = load_of(folder)
    assert (found.files, found.bytes) == (2, sum(sizes)) and found.idle_seconds > 1e9
    emptied(spool)
    assert load_of(folder) == Load()


def test_only_the_owner_may_read_it(spool: Spool) -> None:
    spool.append([arrival(1)])
    [file] = spool.files()
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)


def test_a_torn_end_is_dropped_and_no_more(spool: Spool) -> None:
    spool.append([arrival(1), arrival(2)])
    spool.leave()
    [file] = spool.files()
    whole = file.read_bytes()
    first = whole.index(b"\n") + 1
    for cut in (len(whole) - 1, first + 1, first):
        file.write_bytes(whole[:cut])
        assert emptied(spool) == [arrival(1)]
        assert list(file.parent.iterdir()) == []
    file.write_bytes(whole[: first - 1])
    assert emptied(spool) == []


def test_damage_in_the_middle_is_put_aside(spool: Spool) -> None:
    spool.append([arrival(1), arrival(2), arrival(3)])
    spool.leave()
    [file] = spool.files()
    lines = file.read_bytes().splitlines(keepends=True)
    spoilt = lines[1].replace(b"id-2", b"id-9")
    file.write_bytes(lines[0] + spoilt + b"\0\0\n" + lines[2])
    assert emptied(spool) == [arrival(1), arrival(3)]
    [aside] = file.parent.iterdir()
    assert aside.read_bytes() == spoilt + b"\0\0\n"


def test_a_line_of_another_release_is_put_aside(spool: Spool) -> None:
    spool.append([arrival(1)])
    spool.leave()
    [file] = spool.files()
    text = b'{"workspace": "default"}'
    line = b"%08x %s\n" % (crc32(text), text)
    file.write_bytes(line + file.read_bytes())
    assert emptied(spool) == [arrival(1)]
    [aside] = file.parent.iterdir()
    assert aside.read_bytes() == line


def test_what_could_not_be_moved_stays(spool: Spool) -> None:
    spool.append([arrival(number) for number in range(MOST + 1)])
    spool.leave()
    seen: list[int] = []

    def take(some: Sequence[Arrival]) -> None:
        seen.append(len(some))
        if len(seen) == 2:
            raise SystemTrouble("gone")

    with pytest.raises(SystemTrouble):
        spool.empty(take)
    assert len(emptied(spool)) == MOST + 1


def test_two_writers_leave_each_other_alone(spool: Spool, tmp_path: Path) -> None:
    other = Spool(tmp_path / "spool", 1 << 20)
    spool.append([arrival(1)])
    other.append([arrival(2)])
    spool.leave()
    assert emptied(other) == [arrival(1)]
    other.leave()
    assert emptied(spool) == [arrival(2)]


def test_a_killed_writer_lets_go(spool: Spool, tmp_path: Path) -> None:
    script = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from crm_pipelines.store.inbox.spool import Spool\n"
        "from crm_pipelines_tests.unit.test_spool import arrival\n"
        "Spool(Path(sys.argv[1]), 1 << 20).append([arrival(7)])\n"
        "print('there', flush=True)\n"
        "time.sleep(600)\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "spool")]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"there\n"
        assert emptied(spool) == []
        process.send_signal(signal.SIGKILL)
    assert emptied(spool) == [arrival(7)]


def test_no_more_than_is_allowed(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool", 1000)
    spool.append([arrival(1)])
    with pytest.raises(SystemTrouble, match="CRM_SPOOL_BYTES"):
        spool.append([arrival(2, b"x" * 2000)])
    spool.append([arrival(3)])
    spool.leave()
    assert emptied(spool) == [arrival(1), arrival(3)]


def test_half_a_line_is_taken_back(spool: Spool, tmp_path: Path) -> None:
    """The disk takes some bytes of a delivery and no more; the next one is whole."""
    spool.append([arrival(1)])
    [file] = spool.files()
    size = file.stat().st_size
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    quiet = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 50, limits[1]))
    try:
        with pytest.raises(SystemTrouble, match="CRM_HOME"):
            spool.append([arrival(2)])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, quiet)
    assert file.stat().st_size == size
    spool.append([arrival(3)])
    spool.leave()
    assert emptied(spool) == [arrival(1), arrival(3)]


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SystemTrouble, match="CRM_HOME"):
        Spool(tmp_path / "file" / "spool", 1000).append([arrival(1)])
    assert Spool(tmp_path / "nothing", 1000).files() == []
    assert list(tmp_path.iterdir()) == [tmp_path / "file"]
