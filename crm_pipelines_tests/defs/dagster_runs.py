"""Real Dagster runs of the definitions, in an instance of the test's own."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
from dagster import DagsterEventType, ReexecutionOptions, build_reconstructable_job
from dagster._core.execution.api import create_execution_plan, execute_run
from dagster_shared.record import copy

from crm_pipelines.defs.build import build_definitions
from crm_pipelines.wiring import Wiring

RANGE = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")
"""The tags by which a backfill asks one run for many windows."""

ENDS = {
    DagsterEventType.STEP_SUCCESS: "success",
    DagsterEventType.STEP_FAILURE: "failed",
    DagsterEventType.STEP_SKIPPED: "skipped",
}


class Runs:
    """Runs of sync jobs. ``values`` name CRMs and database, up to the first run."""

    _wirings: dict[str, Wiring] = {}
    _definitions: dict[str, dg.Definitions] = {}

    def __init__(self, folder: Path, values: Mapping[str, str]) -> None:
        silent = {"telemetry": {"enabled": False}, "nux": {"enabled": False}}
        self.instance = dg.DagsterInstance.local_temp(str(folder), overrides=silent)
        self.values = dict(values)
        self._name = str(folder)

    @classmethod
    def load(cls, name: str, job_name: str) -> dg.JobDefinition:
        """A job as a code location loads it, which is done once; called by Dagster."""
        with _quiet():
            if name not in cls._definitions:
                cls._definitions[name] = build_definitions(cls._wirings[name])
            return cls._definitions[name].resolve_job_def(job_name)

    def _job(self, job_name: str) -> Any:
        if self._name not in self._wirings:
            self._wirings[self._name] = Wiring(self.values)
        names = {"name": self._name, "job_name": job_name}
        return build_reconstructable_job(__name__, load_job.__name__, reconstructable_kwargs=names)

    def close(self) -> None:
        """Give everything back."""
        if self._name in self._wirings:
            self._wirings.pop(self._name).close()
            self._definitions.pop(self._name, None)
        self.instance.dispose()

    def prepare(
        self,
        *streams: str,
        window: str = "",
        windows: tuple[str, str] | None = None,
        **options: Any,
    ) -> dg.DagsterRun:
        """A run that has not begun, of streams (``crm.stream``), for a window or a range."""
        tags = {"dagster/partition": window} if window else {}
        if windows:
            tags |= dict(zip(RANGE, windows, strict=True))
        keys = {dg.AssetKey(name.split(".")) for name in streams}
        with _quiet():
            job = self._job("sync_" + streams[0].partition(".")[0])
            whole = job.get_definition()
            checks = _checks(whole, keys)
            part = whole.get_subset(asset_selection=keys, asset_check_selection=checks)
            run = self.instance.create_run_for_job(
                job_def=part,
                execution_plan=create_execution_plan(part, _config(options), tags=tags),
                run_config=_config(options),
                tags=tags,
                asset_selection=keys,
                job_code_origin=job.get_python_origin(),
            )
            # without its checks named, a run would take those that the job leaves out
            self.instance.delete_run(run.run_id)
            return self.instance.add_run(copy(run, asset_check_selection=checks))

    def census(self, crm: str) -> dg.DagsterRun:
        """The job that compares every mirror of a CRM with it."""
        return self.whole(f"check_{crm}")

    def whole(self, job_name: str, **ops: Mapping[str, Any]) -> dg.DagsterRun:
        """A job as it is, with nothing picked; ``ops`` is the configuration of some by name."""
        with _quiet():
            job = self._job(job_name)
            run = self.instance.create_run_for_job(
                job_def=job.get_definition(),
                run_config={
                    "loggers": _config({})["loggers"],
                    "ops": {name: {"config": dict(config)} for name, config in ops.items()},
                },
                job_code_origin=job.get_python_origin(),
            )
        return self.execute(run)

    def execute(self, run: dg.DagsterRun) -> dg.DagsterRun:
        """What a launched run does."""
        with _quiet():
            execute_run(self._job(run.job_name), run, self.instance)
        return self._ended(run.run_id)

    def __call__(self, *streams: str, **more: Any) -> dg.DagsterRun:
        """Both in a row; takes what ``prepare`` takes."""
        return self.execute(self.prepare(*streams, **more))

    def execute_again(self, run: dg.DagsterRun, *, start: str = "") -> dg.DagsterRun:
        """What "re-execute from failure" does; or from a step on, and what comes after it."""
        how = ReexecutionOptions(run.run_id, [f"{start}*"])
        if not start:
            how = ReexecutionOptions.from_failure(run.run_id, self.instance)
        tags = {k: v for k, v in run.tags.items() if "partition" in k}
        with (
            _quiet(),
            dg.execute_job(
                self._job(run.job_name),
                self.instance,
                reexecution_options=how,
                tags=tags,
            ) as result,
        ):
            return self._ended(result.run_id)

    def _ended(self, run_id: str) -> dg.DagsterRun:
        run = self.instance.get_run_by_id(run_id)
        assert run is not None
        return run

    def steps(self, run: dg.DagsterRun) -> dict[str, str]:
        """How each phase (``stream.phase``) ended, in the order they did."""
        found = {}
        for event, words in ENDS.items():
            for log in self.instance.all_logs(run.run_id, of_type=event):
                step = str(log.step_key).replace("__", ".")
                found[step] = (log.timestamp, words)
        return {step: found[step][1] for step in sorted(found, key=lambda step: found[step])}

    def materialized(self, run: dg.DagsterRun) -> list[str]:
        """Assets, and windows where there are some, that a run says it has made."""
        logs = self.instance.all_logs(run.run_id, of_type=DagsterEventType.ASSET_MATERIALIZATION)
        found = []
        for log in logs:
            made = log.asset_materialization
            assert made is not None
            found.append(":".join(filter(None, [made.asset_key.to_user_string(), made.partition])))
        return found

    def metadata(self, run: dg.DagsterRun) -> Mapping[str, Any]:
        """What the last materialization of a run says of itself."""
        logs = self.instance.all_logs(run.run_id, of_type=DagsterEventType.ASSET_MATERIALIZATION)
        made = logs[-1].asset_materialization
        assert made is not None
        return made.metadata

    def checks(self, run: dg.DagsterRun) -> dict[str, bool]:
        """Asset checks that ran, and whether they passed."""
        return {key: found.passed for key, found in self.verdicts(run).items()}

    def verdicts(self, run: dg.DagsterRun) -> dict[str, Any]:
        """The same with all that the checks say; one that finds the schema known says nothing."""
        kind = DagsterEventType.ASSET_CHECK_EVALUATION
        found = {}
        for log in self.instance.all_logs(run.run_id, of_type=kind):
            assert log.dagster_event is not None
            evaluation = log.dagster_event.asset_check_evaluation_data
            name = evaluation.asset_key.to_user_string()
            if evaluation.check_name != "schema_is_known" or not evaluation.passed:
                found[name] = evaluation
        return found

    def failure(self, run: dg.DagsterRun) -> str:
        """What the first failed step says."""
        logs = self.instance.all_logs(run.run_id, of_type=DagsterEventType.STEP_FAILURE)
        assert logs[0].dagster_event is not None
        data = logs[0].dagster_event.step_failure_data
        said = data.user_failure_data.description if data.user_failure_data else None
        return said or (data.error.message if data.error else "")


def _config(options: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "resources": {"options": {"config": dict(options)}},
        "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
    }


def _checks(job: dg.JobDefinition, keys: Collection[dg.AssetKey]) -> set[dg.AssetCheckKey]:
    """The checks of some assets that the job has."""
    found = job.asset_layer.asset_graph.asset_check_keys
    return {check for check in found if check.asset_key in keys}


def load_job(name: str, job_name: str) -> dg.JobDefinition:
    """Found by its name when Dagster loads a job."""
    return Runs.load(name, job_name)


@contextmanager
def _quiet() -> Iterator[None]:
    """Dagster warns of its own doings."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
