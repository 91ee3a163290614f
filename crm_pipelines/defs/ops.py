"""The four ops of a mirror. They name run and window for the core, and report what it did."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import dagster as dg

from crm_pipelines.defs.metadata import describe_outcome
from crm_pipelines.defs.resume import PAUSED, root_of
from crm_pipelines.flows.mirror.flow import Mirror
from crm_pipelines.model.connector import Account
from crm_pipelines.model.errors import BudgetSpent, ConfigurationError, CrmError, SystemTrouble
from crm_pipelines.model.manifest import Manifest
from crm_pipelines.model.stream import Stream
from crm_pipelines.reports import progress
from crm_pipelines.reports.progress import StreamName

NEEDS = {"database", "budget", "staging", "checkpoints"}
PHASES = ("fetch", "transform", "validate", "upsert")


def _priority(phase: str) -> dict[str, str]:
    """Later phases go first, so that a run brings one stream home before it fetches the next."""
    return {"dagster/priority": str(PHASES.index(phase))}


class PhaseOps:
    """Ops for one stream; their names are unique, their node names in the graph are the phases."""

    def __init__(self, account: Account, stream: Stream) -> None:
        self._account, self._stream = account, stream
        self._name = StreamName(account.workspace, account.crm, stream.name)
        self._prefix = f"{account.workspace}__{account.crm}__{stream.name}"

    @property
    def sources(self) -> tuple[str, ...]:
        """Where rows come from: the CRM, and the inbox where webhooks tell of the stream."""
        events = self._account.connector.events
        heard = {one.stream for one in events.streams.values()} if events else set()
        tables = {stream.table_name for stream in self._account.streams if stream.name in heard}
        told = self._stream.table_name in tables
        return ("source", "inbox") if told else ("source",)

    def fetch(self) -> dg.OpDefinition:
        """The only op that calls the CRM."""

        def compute(context: dg.OpExecutionContext) -> Manifest:
            with self._reported(context) as mirror:
                manifest = mirror.fetch(
                    context.resources.options,
                    _window(context, self._stream),
                    key=root_of(context.run),
                    run=context.run_id,
                )
                context.add_output_metadata(
                    {
                        "slice": manifest.slice.describe(),
                        "records": manifest.rows,
                        "chunks": len(manifest.chunks),
                        "api_calls": manifest.notes["api_calls"],
                        "tokens": manifest.notes["tokens"],
                        "went_on_from_checkpoint": manifest.notes["resumed"],
                    }
                )
                return manifest

        return dg.op(
            name=f"{self._prefix}__fetch",
            description=f"Pages of {self._stream.title.lower()} from the CRM into the staging "
            "store, untouched. Goes on where an interrupted run stopped.",
            ins={source: dg.In(dg.Nothing) for source in self.sources},
            out=dg.Out(io_manager_key="manifests", description="Which chunks were fetched."),
            required_resource_keys=NEEDS | {"options", self._account.crm},
            tags=_priority("fetch"),
        )(compute)

    def transform(self) -> dg.OpDefinition:
        """Casting."""

        def compute(context: dg.OpExecutionContext, manifest: Manifest) -> Manifest:
            with self._reported(context) as mirror:
                done = mirror.transform(manifest, run=context.run_id)
                context.add_output_metadata(
                    {
                        "records": done.rows,
                        "unchanged": sum(chunk.rows for chunk in done.unchanged),
                        "columns": len(done.fields),
                        "nul_bytes_removed": done.notes["nul_bytes_removed"],
                    }
                )
                return done

        return self._middle("transform", "Raw records to typed columns.", compute)

    def validate(self) -> dg.OpDefinition:
        """Checking."""

        def compute(context: dg.OpExecutionContext, manifest: Manifest) -> Manifest:
            with self._reported(context) as mirror:
                done = mirror.validate(manifest, run=context.run_id)
                context.add_output_metadata(
                    {
                        "valid": done.rows,
                        "rejected": sum(chunk.rows for chunk in done.rejected),
                        "mode": "strict" if done.notes["strict"] else "lenient",
                        "warnings": done.notes["warnings"],
                        "rejected_by_reason": done.notes["rejected_by_reason"],
                    }
                )
                return done

        return self._middle("validate", "Splits valid records from rejected ones.", compute)

    def upsert(self) -> dg.OpDefinition:
        """Merging. Ends without an output on a dry run, so nothing counts as materialized."""

        def compute(
            context: dg.OpExecutionContext, manifest: Manifest
        ) -> Iterator[dg.Output[None]]:
            with self._reported(context) as mirror:
                outcome, done = mirror.upsert(manifest, run=context.run_id)
                progress.tell_finished(self._name, outcome)
                if manifest.options.dry_run:
                    context.log.info(f"Dry run, nothing written: {outcome}")
                    return
                metadata = describe_outcome(mirror, outcome, done, context.run_id)
            yield dg.Output(None, metadata=metadata)

        return dg.op(
            name=f"{self._prefix}__upsert",
            description="Merges the valid records into the mirror; data, history and watermark "
            "commit together.",
            ins={"manifest": dg.In(input_manager_key="manifests")},
            out=dg.Out(dg.Nothing, is_required=False, io_manager_key="manifests"),
            required_resource_keys=NEEDS | {self._account.crm},
            tags=_priority("upsert"),
        )(compute)

    def _middle(self, phase: str, description: str, compute: Any) -> dg.OpDefinition:
        return dg.op(
            name=f"{self._prefix}__{phase}",
            description=description,
            ins={"manifest": dg.In(input_manager_key="manifests")},
            out=dg.Out(io_manager_key="manifests"),
            required_resource_keys=NEEDS | {self._account.crm},
            tags=_priority(phase),
        )(compute)

    @contextmanager
    def _reported(self, context: dg.OpExecutionContext) -> Iterator[Mirror]:
        """The flow; its errors become one clear line in the run, without a stack of frames."""

        def tell(phase: str, words: str) -> None:
            progress.tell_phase(self._name, phase, words)

        mirror = Mirror(
            account=getattr(context.resources, self._account.crm)[self._account.workspace],
            stream=self._stream,
            database=context.resources.database,
            budget=context.resources.budget,
            staging=context.resources.staging,
            checkpoints=context.resources.checkpoints,
            progress=tell,
            log=context.log,
        )
        try:
            yield mirror
        except BudgetSpent as error:
            words = f"{error}; goes on at {error.resumes_at:%Y-%m-%d %H:%M} UTC"
            progress.tell_failed(self._name, words, error.resumes_at)
            until = error.resumes_at.isoformat(timespec="seconds")
            context.instance.add_run_tags(context.run_id, {PAUSED: until})
            raise dg.Failure(f"Paused: {words}", {"goes_on_at": str(error.resumes_at)}) from error
        except (CrmError, ConfigurationError, SystemTrouble) as error:
            progress.tell_failed(self._name, str(error))
            raise dg.Failure(str(error)) from error
        except Exception as error:
            progress.tell_failed(self._name, f"{type(error).__name__}: {error}")
            raise


def _window(context: dg.OpExecutionContext, stream: Stream) -> tuple[datetime, datetime] | None:
    """The sync windows picked at launch; ``None`` for all of them, or none at all."""
    if not stream.windowed or not (context.has_partition_key or context.has_partition_key_range):
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        picked = context.partition_key_range
        span = context.partition_time_window
    windows = context.assets_def.partitions_def
    if windows is not None:
        first, last = windows.get_first_partition_key(), windows.get_last_partition_key()
        if picked.start == first and picked.end == last:
            return None
    return span.start, span.end
