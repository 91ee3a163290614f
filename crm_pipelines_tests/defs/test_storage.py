"""Dagster's storage as ``dagster.yaml`` sets it up: connections that stay, and do no harm."""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import dagster as dg
import psycopg
import pytest
from dagster._core.instance import InstanceRef
from dagster_shared.serdes import deserialize_value, serialize_value

from crm_pipelines.home import DAGSTER_YAML

CONNECTIONS = """
    SELECT count(*), count(pg_terminate_backend(pid)) FILTER (WHERE %s) FROM pg_stat_activity
    WHERE datname = current_database() AND backend_type = 'client backend'
          AND pid <> pg_backend_pid()
"""


@pytest.fixture
def url(database_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    rest, _, options = database_url.partition("://")[2].partition("?")
    found = f"postgresql+psycopg2://{rest}?{options}&options=-csearch_path%3Ddagster"
    monkeypatch.setenv("CRM_DAGSTER_DATABASE_URL", found)
    return database_url


@pytest.fixture
def instance(url: str, tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    shutil.copy(DAGSTER_YAML, tmp_path / "dagster.yaml")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with dg.DagsterInstance.from_config(str(tmp_path)) as found:
            yield found


def connections(url: str, *, end: bool = False) -> int:
    with psycopg.connect(url, autocommit=True) as other:
        row = other.execute(CONNECTIONS, (end,)).fetchone()
    assert row is not None
    return int(row[0])


def keep_a_run(instance: dg.DagsterInstance, number: int) -> None:
    run = dg.DagsterRun(f"job_{number}")
    instance.add_run(run)
    instance.report_engine_event(f"said by run {number}", run)
    assert [log.user_message for log in instance.all_logs(run.run_id)]


def test_one_connection_serves_all_three(instance: dg.DagsterInstance, url: str) -> None:
    for number in range(5):
        keep_a_run(instance, number)
        instance.all_instigator_state()
    assert connections(url) == 1
    assert instance.get_runs_count() == 5


def test_threads_have_their_own_for_the_moment(instance: dg.DagsterInstance, url: str) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: keep_a_run(instance, number), range(16)))
    assert instance.get_runs_count() == 16
    assert connections(url) == 1


def test_a_server_that_was_restarted_is_found_again(instance: dg.DagsterInstance, url: str) -> None:
    keep_a_run(instance, 1)
    assert connections(url, end=True) == 1
    keep_a_run(instance, 2)
    assert instance.get_runs_count() == 2


def test_none_is_left_when_the_instance_is_not_used_any_more(
    instance: dg.DagsterInstance, url: str
) -> None:
    keep_a_run(instance, 1)
    instance.dispose()
    assert connections(url) == 0


def test_other_processes_are_told_of_it(instance: dg.DagsterInstance, url: str) -> None:
    """Runs are started elsewhere: what describes the instance to them names this storage."""
    keep_a_run(instance, 1)
    told = deserialize_value(serialize_value(instance.get_ref()), InstanceRef)
    with dg.DagsterInstance.from_ref(told) as other:
        keep_a_run(other, 2)
        assert type(other.run_storage) is type(instance.run_storage)
        assert other.get_runs_count() == 2
        assert connections(url) == 2
    assert connections(url) == 1
