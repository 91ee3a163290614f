"""Paused syncs go on by themselves. Belongs here: which runs are asked for anew, and how."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import dagster as dg

from crm_pipelines.defs.jobs import Job
from crm_pipelines.model.connector import Account
from crm_pipelines.model.stream import Stream
from crm_pipelines.store import pauses
from crm_pipelines.store.pauses import Pause
from crm_pipelines.wiring import Wiring

ROOT = "sync/root"
"""Tag: the run whose checkpoints this run goes on from."""

PAUSED = "sync/paused_until"
"""Tag: when a run that paused is gone on with."""

SECONDS = 30


def root_of(run: dg.DagsterRun) -> str:
    """The run that checkpoints are named for: the first of all that went on from each other."""
    return run.tags.get(ROOT) or run.root_run_id or run.run_id


def resume_sensor(
    wiring: Wiring,
    jobs: Mapping[str, Job],
    mirrors: Mapping[dg.AssetKey, tuple[Account, Stream]],
) -> dg.SensorDefinition:
    """Starts what paused again, from the same page, when the budget is there."""
    keys = {(a.workspace, a.crm, stream.name): key for key, (a, stream) in mirrors.items()}

    @dg.sensor(
        name="resume_paused_syncs",
        jobs=list(jobs.values()),
        minimum_interval_seconds=SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Syncs that paused because the day's budget was spent go on after the reset, "
        "with the same windows and options, from the page they had come to.",
    )
    def resume(context: dg.SensorEvaluationContext) -> Iterator[dg.RunRequest]:
        found: dict[tuple[str, str, str], list[dg.AssetKey]] = defaultdict(list)
        for pause in pauses.due(wiring.database, wiring.budget.now()):
            key = keys.get((pause.workspace, pause.crm, pause.stream))
            if key is not None and pause.crm in jobs:
                found[_group(pause)].append(key)
        for (run_id, crm, root), streams in found.items():
            run = context.instance.get_run_by_id(run_id)
            if run is not None and run.is_finished:
                yield _request(run, crm, root, streams)

    return resume


def _group(pause: Pause) -> tuple[str, str, str]:
    return pause.run_id, pause.crm, pause.root


def _request(
    run: dg.DagsterRun, crm: str, root: str, streams: Sequence[dg.AssetKey]
) -> dg.RunRequest:
    """``run_key`` sees to it that a paused run is gone on with once."""
    kept = {
        name: value
        for name, value in run.tags.items()
        if "partition" in name or name.startswith("sync")
    }
    kept.pop(PAUSED, None)
    return dg.RunRequest(
        run_key=f"{run.run_id}/{crm}",
        job_name=f"sync_{crm}",
        run_config=_options(run.run_config),
        tags={**kept, ROOT: root},
        asset_selection=list(streams),
    )


def _options(run_config: Mapping[str, Any]) -> dict[str, Any]:
    options = run_config.get("resources", {}).get("options")
    return {"resources": {"options": options}} if options else {}
