"""The benchmark at its smallest: what it measures is there, whatever the figures are."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import psycopg
import pytest

from crm_pipelines_tests.benchmarks import floor, sandbox_work
from crm_pipelines_tests.benchmarks.contacts import WAYS
from crm_pipelines_tests.benchmarks.ground import Ground, Server, running_sandbox
from crm_pipelines_tests.benchmarks.measured import Measured
from crm_pipelines_tests.benchmarks.syncs import measure, run
from crm_pipelines_tests.servers import Databases

CONTACTS, CHANGED = 40, 4


@pytest.fixture
def server(databases: Databases, tmp_path: Path) -> Iterator[Server]:
    with databases.clone() as url:
        yield Server(url, tmp_path)


@pytest.fixture
def ground(server: Server) -> Iterator[Ground]:
    with running_sandbox(server, "few", None, contacts=CONTACTS) as found:
        yield found


def test_the_pieces_of_a_round(server: Server, ground: Ground) -> None:
    first, path = Measured("first load", CONTACTS), server.folder / "rows.csv"
    measure(ground, server.url, "salesforce.contacts", "full", first)
    summary = json.loads(json.dumps(first.summary()))
    assert list(summary["phases"]) == ["fetch", "transform", "validate", "upsert"]
    assert summary["written"] == CONTACTS
    assert summary["peak_mb"] >= summary["before_mb"] > 0
    assert summary["wal_mb"] > 0
    assert floor.save_rows(server.url, path) > 1_000
    assert floor.copy_rows(server.url, path) > 0
    took, size, columns = sandbox_work.download(ground.sandbox.url)
    assert took > 0
    assert size > 1_000
    assert columns > 90
    sandbox_work.change_contacts(ground.sandbox.url, CHANGED, "changed")
    departments = [each["Department"] for each in ground.sandbox.truth("salesforce", "Contact")]
    assert departments.count("changed") == CHANGED
    if find_spec("pandas"):
        for way in WAYS:
            found = run("obvious", [way, ground.sandbox.url, server.url, "20"])
            assert found["rows"] == 20


def test_persons_change(ground: Ground) -> None:
    sandbox_work.change_persons(ground.sandbox.url, 1, "Somebody Else")
    (person,) = ground.sandbox.truth("pipedrive", "persons")
    assert person["name"] == "Somebody Else"


def test_a_database_of_its_own_is_gone_afterwards(server: Server) -> None:
    with server.database() as url, psycopg.connect(url) as connection:
        (name,) = connection.execute("SELECT current_database()").fetchone() or ("",)
    with psycopg.connect(server.url) as connection:
        found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,))
        assert found.fetchone() is None


@pytest.mark.skipif("CRM_BENCHMARK" not in os.environ, reason="a gateway more: CRM_BENCHMARK=1")
def test_webhooks_are_taken(server: Server) -> None:
    module = "crm_pipelines_tests.benchmarks.receiver"
    done = subprocess.run(
        [sys.executable, "-m", module, "--deliveries", "50", "--rounds", "1", "--signed"],
        env={**os.environ, "CRM_DATABASE_URL": server.url},
        check=True,
        capture_output=True,
        text=True,
    )
    row = [cell.strip() for cell in done.stdout.splitlines()[-2].split("│")]
    assert (row[1], row[6], row[7]) == ("1", "0", "50")


@pytest.mark.skipif("CRM_BENCHMARK" not in os.environ, reason="takes minutes: CRM_BENCHMARK=1")
def test_a_whole_run(tmp_path: Path) -> None:
    output = tmp_path / "figures.json"
    sizes = ["--contacts", "40", "--contacts", "3000", "--persons", "600", "--rounds", "1"]
    more = ["--obvious-rows", "1000", "--changed", "10", "--output", str(output)]
    module = "crm_pipelines_tests.benchmarks"
    subprocess.run([sys.executable, "-m", module, *sizes, *more], check=True, capture_output=True)
    found = json.loads(output.read_text())
    assert [size["contacts"] for size in found["contacts"]] == [40, 3000]
    for size in (*found["contacts"], *found["persons"]):
        rows = size["measured"]
        assert rows["first"]["written"] == size.get("contacts", size.get("persons"))
        assert rows["same"]["written"] == 0
        assert rows["some"]["written"] == rows["delta"]["written"] == size["changed"]
    assert output.with_suffix(".svg").read_text().startswith("<svg")
