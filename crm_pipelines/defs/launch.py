"""Running a sync job in this process, recorded like any other run of the code location."""

from __future__ import annotations

import os
import socket
import warnings
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.execution.api import execute_run_iterator
from dagster._core.remote_origin import RemoteRepositoryOrigin
from dagster._core.workspace.load import location_origins_from_yaml_paths
from dagster_postgres.utils import DagsterPostgresException
from sqlalchemy.exc import DBAPIError

from crm_pipelines.model.errors import SystemTrouble

REPOSITORY = "__repository__"
PROCESS = "sync/process"
"""Tag of a run that names machine and process which execute it."""


@dataclass(frozen=True)
class Launched:
    """A run that has ended."""

    run_id: str
    succeeded: bool


def run_job(
    definitions: dg.Definitions,
    job_name: str,
    keys: Collection[dg.AssetKey],
    *,
    workspace: Path,
    run_config: Mapping[str, Any],
    tags: Mapping[str, str],
) -> Launched:
    """Run a job for some of its assets. In the UI it can be looked at and executed again.

    Raises ``SystemTrouble`` when the database goes away in which Dagster keeps its runs.

    Dagster has no public call that executes here *and* names the code location the run belongs
    to (without which the UI cannot repeat it), hence the private imports.
    """
    with _grounded(), warnings.catch_warnings(), dg.DagsterInstance.get() as instance:
        warnings.simplefilter("ignore")
        _end_dead_runs(instance)
        job = definitions.resolve_job_def(job_name)
        checks = {
            check
            for check in job.asset_layer.asset_graph.asset_check_keys
            if check.asset_key in keys
        }
        part = job.get_subset(asset_selection=set(keys), asset_check_selection=checks)
        origins = location_origins_from_yaml_paths([str(workspace)])
        location = next(iter(origins.values())) if isinstance(origins, dict) else origins[0]
        run = instance.create_run_for_job(
            job_def=part,
            run_config=run_config,
            tags={**tags, PROCESS: _process()},
            asset_selection=frozenset(keys),
            remote_job_origin=RemoteRepositoryOrigin(location, REPOSITORY).get_job_origin(job_name),
            job_code_origin=None,
        )
        for _ in execute_run_iterator(InMemoryJob(part), run, instance):
            pass
        ended = instance.get_run_by_id(run.run_id)
        return Launched(run.run_id, ended is not None and ended.is_success)


def _process(pid: int | None = None) -> str:
    return f"{socket.gethostname()}:{pid or os.getpid()}"


def _end_dead_runs(instance: dg.DagsterInstance) -> None:
    """Runs of processes of this machine that were killed would count as started for ever."""
    states = [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED]
    for run in instance.get_runs(dg.RunsFilter(statuses=states)):
        host, _, pid = run.tags.get(PROCESS, "").rpartition(":")
        if host == socket.gethostname() and not _is_alive(int(pid)):
            instance.report_run_failed(
                run, "The process of this run was killed. Sync again, or re-execute it from "
                "failure: it goes on where it was."
            )  # fmt: skip


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


@contextmanager
def _grounded() -> Iterator[None]:
    try:
        yield
    except (DagsterPostgresException, DBAPIError) as error:
        raise SystemTrouble(
            "PostgreSQL does not answer, so the run could not be kept in Dagster. Nothing is "
            "lost: bring it back, then run the same command again; it goes on where it stopped."
        ) from error
