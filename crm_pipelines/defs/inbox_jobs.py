"""Jobs and the sensor of the inbox. Belongs here: when a job starts. Not: what it does."""

from collections.abc import Iterator, Sequence
from typing import Any

import dagster as dg

from crm_pipelines.defs.inbox_ops import JOB, InboxOps
from crm_pipelines.defs.names import Names
from crm_pipelines.defs.watching import Work, watch_for
from crm_pipelines.model.event import State
from crm_pipelines.store import inbox
from crm_pipelines.store.inbox.watch import waiting_mark
from crm_pipelines.store.news import News
from crm_pipelines.wiring import Wiring

SHOWN = 100


def apply_job(crm: str, title: str, names: Names) -> dg.JobDefinition:
    """The four phases, from the inbox to the mirror and the local side."""
    ops = InboxOps(crm, names)
    fetch, transform = ops.fetch().alias("fetch"), ops.transform().alias("transform")
    validate, apply = ops.validate().alias("validate"), ops.apply().alias("apply")

    @dg.job(
        name=JOB,
        description=f"What {title} told us by webhook: applied to the mirror and the local side, "
        "each delivery once. Started by the sensor `webhook_deliveries` as soon as something came; "
        "one run takes whatever comes while it lasts.",
        tags={"crm": crm},
    )
    def job() -> None:
        apply(validate(transform(fetch())))

    return job


def deliveries_sensor(
    wiring: Wiring, crm: str, workspaces: Sequence[str], job: dg.JobDefinition
) -> Any:
    """Waits for deliveries and starts one run for many of them."""

    @dg.sensor(
        name="webhook_deliveries",
        job_name=job.name,
        minimum_interval_seconds=1,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"Starts {JOB} when webhook deliveries wait in the inbox, those that were "
        "put off included. Is told by the database, in the moment of the commit.",
    )
    def watch(context: dg.SensorEvaluationContext) -> Iterator[dg.RunRequest | dg.SkipReason]:
        def look() -> Work:
            found = waiting_mark(wiring.database, crm, workspaces)
            return Work(found.deliveries, found.mark, {"inbox/waiting": str(found.deliveries)})

        with News(wiring.database, "inbox") as news:
            yield from watch_for(context, job.name, news, look, wiring.settings.sensor_seconds)

    return watch


def replay_job(crm: str) -> dg.JobDefinition:
    """A person has mended what was wrong."""

    @dg.op(
        name="dead_deliveries_again",
        description="Deliveries that were given up wait for their turn again; the log lists them "
        "with the reasons. Applying one twice changes nothing.",
        required_resource_keys={"inbox", "database"},
        out=dg.Out(dg.Nothing),
    )
    def again(context: dg.OpExecutionContext) -> None:
        for workspace in context.resources.inbox(crm):
            dead = inbox.listing(
                context.resources.database, workspace=workspace, status=State.DEAD, limit=SHOWN
            )
            for row in dead:
                what = " ".join(filter(None, (row["object"], row["action"], row["remote_id"])))
                context.log.info(f"{workspace} {row['id']} {what}: {row['error']}")
            number = inbox.replay(
                context.resources.database,
                workspace,
                status=State.DEAD,
                who=f"run {context.run_id}",
            )
            context.add_output_metadata({f"{workspace}_replayed": number})

    @dg.job(
        name="replay_dead_deliveries",
        description=f"Every dead delivery of {crm} once more, after a person mended the reason.",
        tags={"crm": crm},
    )
    def job() -> None:
        again()

    return job
