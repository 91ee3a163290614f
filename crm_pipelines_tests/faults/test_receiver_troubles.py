"""What receives webhooks in trouble: no database, no room, locks, restarts, new credentials."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import httpx
import psycopg
import pytest

from crm_pipelines_tests.faults.receiving import (
    Gateways,
    absent,
    await_that,
    gateways,
    ids_in,
)
from crm_pipelines_tests.integration.cli.test_auth import free_port
from crm_pipelines_tests.servers import Databases
from crm_pipelines_tests.webhooks import (
    BY_HAND,
    PATH,
    Headers,
    basic,
    delivery,
    register,
    running_gateway,
    variables,
)


def post(port: int, body: bytes, headers: Headers = BY_HAND) -> httpx.Response:
    with httpx.Client(trust_env=False, timeout=30) as client:
        return client.post(f"http://127.0.0.1:{port}{PATH}", content=body, headers=headers)


def fresh() -> str:
    return str(uuid4())


def spool(home: Path) -> list[Path]:
    """Files that hold deliveries."""
    return [file for file in (home / "spool").glob("*.spool") if file.stat().st_size]


@dataclass
class Standing:
    """Two gateways with one home, which the tests of this file share."""

    gateways: Gateways
    ports: list[int]
    database_url: str
    folder: Path

    @property
    def home(self) -> Path:
        return self.folder / "home"

    def await_moved(self, ids: Sequence[str]) -> None:
        """Until the spool is empty and each of these was stored, once."""
        await_that(lambda: not spool(self.home), "the spool is empty")
        found = ids_in(self.database_url)
        assert [found.count(one) for one in ids] == [1] * len(ids)


@pytest.fixture(scope="module")
def standing(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standing]:
    folder = tmp_path_factory.mktemp("standing")
    with (
        databases.clone() as url,
        gateways(variables(url, folder, free_port()), folder) as made,
    ):
        ports = [free_port(), free_port()]
        for port in ports:
            made.start(port)
            made.await_answer(port)
        yield Standing(made, ports, url, folder)


def test_the_spool_of_a_dead_gateway_is_moved_by_another(standing: Standing) -> None:
    first, second = standing.ports
    ids = [fresh() for _ in range(5)]
    with absent(standing.database_url):
        assert [post(first, delivery(one)).status_code for one in ids] == [200] * 5
        assert [post(second, delivery(one)).status_code for one in ids[:2]] == [200] * 2
        standing.gateways.kill(first)
        assert spool(standing.home)
    standing.await_moved(ids)
    assert post(second, delivery(ids[0])).status_code == 200
    standing.await_moved(ids)
    with psycopg.connect(standing.database_url) as connection:
        rows = connection.execute("SELECT received_at < next_attempt_at FROM sync.inbox").fetchall()
    assert set(rows) == {(True,)}  # when it came, not when it was moved
    standing.gateways.start(first)
    standing.gateways.await_answer(first)


def test_a_locked_inbox_makes_nobody_wait(standing: Standing) -> None:
    port, ids = standing.ports[0], [fresh() for _ in range(30)]
    with psycopg.connect(standing.database_url) as other:
        other.execute("LOCK TABLE sync.inbox IN ACCESS EXCLUSIVE MODE")
        with ThreadPoolExecutor(10) as threads:
            answers = list(threads.map(lambda one: post(port, delivery(one)), ids))
        assert {answer.status_code for answer in answers} == {200}
        assert spool(standing.home)
        other.rollback()
    standing.await_moved(ids)


def test_credentials_change_while_deliveries_come(standing: Standing) -> None:
    """Made anew at the CRM, then the old ones go: no delivery is refused on the way."""
    register(standing.database_url, "user-0", "password 0")
    current, over = [basic("user-0", "password 0")], threading.Event()

    def send(port: int) -> list[int]:
        statuses = []
        while not over.is_set():
            statuses.append(post(port, delivery(fresh()), current[0]).status_code)
        return statuses

    before = len(ids_in(standing.database_url))
    with ThreadPoolExecutor(4) as threads:
        sending = [threads.submit(send, port) for port in standing.ports * 2]
        for number in range(1, 6):
            register(standing.database_url, f"user-{number}", f"password {number}")
            current[0] = basic(f"user-{number}", f"password {number}")
            with psycopg.connect(standing.database_url, autocommit=True) as connection:
                connection.execute(
                    "UPDATE sync.webhooks SET status = 'retired',"
                    " accepted_until = clock_timestamp() + interval '1 minute'"
                    " WHERE username = %s",
                    [f"user-{number - 1}"],
                )
            over.wait(0.3)
        over.set()
        statuses = [status for one in sending for status in one.result()]
    assert set(statuses) == {200}
    assert len(ids_in(standing.database_url)) - before == len(statuses)


def test_a_gateway_starts_without_its_database(standing: Standing) -> None:
    """Who may come in is known from before; nothing of what they bring is lost."""
    register(standing.database_url, "known", "from before")
    identity, port, known = fresh(), free_port(), basic("known", "from before")
    copy = standing.home / "webhook-credentials.json"
    await_that(lambda: b"known" in copy.read_bytes(), "copied")
    with (
        absent(standing.database_url),
        running_gateway(standing.database_url, standing.folder, port),
    ):
        assert post(port, delivery(identity), known).status_code == 200
        assert post(port, delivery(fresh()), basic("known", "wrong")).status_code == 401
        assert post(port, delivery(fresh()), basic("unknown", "x")).status_code == 401
        assert spool(standing.home)
    standing.await_moved([identity])


def test_the_size_of_the_spool_is_limited(database_url: str, tmp_path: Path) -> None:
    port, large = free_port(), 600_000 * b"x"
    more = {"CRM_SPOOL_BYTES": str(1 << 20)}
    with running_gateway(database_url, tmp_path, port, **more):
        with absent(database_url):
            assert post(port, b"1" + large).status_code == 200
            refused = post(port, b"2" + large)
            assert (refused.status_code, "CRM_SPOOL_BYTES" in refused.text) == (503, True)
            assert int(refused.headers["retry-after"]) > 0
            assert post(port, b"small").status_code == 200
        await_that(lambda: len(ids_in(database_url)) == 2, "moved")
        await_that(lambda: not spool(tmp_path / "home"), "the spool is empty")
        assert post(port, b"2" + large).status_code == 200


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A home on a disk of some hundred kB; needs root and Linux."""
    folder = tmp_path / "home"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)]
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("only root may mount a small disk")
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("this root may not mount a small disk")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_neither_database_nor_disk(database_url: str, tmp_path: Path, small_disk: Path) -> None:
    port, ballast = free_port(), small_disk / "ballast"
    kept, refused, late = (delivery(fresh()) for _ in range(3))
    with running_gateway(database_url, tmp_path, port):
        with absent(database_url):
            assert post(port, kept).status_code == 200
            with pytest.raises(OSError, match="No space"), ballast.open("wb", 0) as file:
                while True:
                    file.write(b"0" * 4096)
            answers = [post(port, refused * 4) for _ in range(3)]
            assert [answer.status_code for answer in answers] == [503] * 3
            assert "No space left" in answers[0].text and "CRM_HOME" in answers[0].text
            ballast.unlink()
            assert post(port, late).status_code == 200
        await_that(lambda: len(ids_in(database_url)) == 2, "moved")
        assert post(port, refused).status_code == 200
    assert len(ids_in(database_url)) == 3


def test_what_nobody_was_there_to_receive_is_a_gap(databases: Databases, tmp_path: Path) -> None:
    """Only where every gateway was away for longer than Pipedrive goes on trying."""
    gap = "SELECT gap_since, gap_until - gap_since FROM sync.webhooks"
    noted = tmp_path / "home" / "webhooks-received"

    def gap_after(away: int, elsewhere: int) -> tuple[object, timedelta] | None:
        """Of a gateway that was away for so many seconds, as others were."""
        long_ago = time.time() - away
        os.utime(noted, (long_ago, long_ago))
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("UPDATE sync.webhooks SET registered_at = '2026-01-01'")
            connection.execute(
                "UPDATE sync.receivers SET seen_at = clock_timestamp() - make_interval(secs => %s)",
                [elsewhere],
            )
        return started()

    def started() -> tuple[object, timedelta] | None:
        with running_gateway(url, tmp_path, free_port()) as gateway:
            await_that(lambda: post_known(gateway.port), "the credentials are known")
            await_that(noted.exists, "it is noted that somebody is there")
        with psycopg.connect(url, autocommit=True) as connection:
            since, length = connection.execute(gap).fetchone() or (None, None)
        return None if since is None else (since, length)

    def post_known(port: int) -> bool:
        return post(port, delivery(fresh()), basic("known", "word")).status_code == 200

    with databases.clone() as url:
        register(url, "known", "word")
        assert started() is None
        assert gap_after(100, 3600) is None
        assert gap_after(3600, 100) is None
        found = gap_after(1800, 3600)
        assert found is not None
        assert found[1] >= timedelta(minutes=30) > found[1] - timedelta(minutes=5)
