"""Jobs, sensors and schedules of the push. Belongs here: when a job starts. Not: what it does."""

from collections.abc import Iterator, Sequence
from typing import Any

import dagster as dg

from crm_pipelines.defs.names import Names
from crm_pipelines.defs.push_ops import SHOWN, PushOps
from crm_pipelines.defs.watching import Work, watch_for
from crm_pipelines.model.command import Entity, Status
from crm_pipelines.model.connector import Account
from crm_pipelines.model.purpose import Purpose
from crm_pipelines.store import outbox, push_watch
from crm_pipelines.store.news import News
from crm_pipelines.wiring import Wiring

LOCAL = {
    Entity.PERSON: "contacts",
    Entity.ORGANIZATION: "organizations",
    Entity.ACTIVITY: "activities",
    Entity.DEAL: "deals",
}


def push_job(purpose: Purpose, crm: str, names: Names) -> dg.JobDefinition:
    """The four phases, from the outbox to the CRM."""
    ops = PushOps(purpose, crm, names)
    fetch, transform = ops.fetch().alias("fetch"), ops.transform().alias("transform")
    validate, deliver = ops.validate().alias("validate"), ops.deliver().alias("deliver")

    @dg.job(
        name=purpose.job,
        description=f"{purpose.what}: delivered to {crm}, each once. Started by the sensor "
        f"`{purpose.name}` as soon as there is something to deliver.",
        tags={"crm": crm, "push": purpose.name},
    )
    def job() -> None:
        deliver(validate(transform(fetch())))

    return job


def push_sensor(
    wiring: Wiring, purpose: Purpose, crm: str, workspaces: Sequence[str], job: dg.JobDefinition
) -> Any:
    """Waits for commands and starts one run for many of them."""

    @dg.sensor(
        name=purpose.name,
        job_name=job.name,
        minimum_interval_seconds=1,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"{purpose.what}: starts `{purpose.job}` when they wait in the outbox. Is "
        "told by the database, in the moment of the commit.",
    )
    def watch(context: dg.SensorEvaluationContext) -> Iterator[dg.RunRequest | dg.SkipReason]:
        def look() -> Work:
            waiting = push_watch.waiting(wiring.database, crm, workspaces, purpose)
            return Work(waiting.commands, waiting.mark, {"push/commands": str(waiting.commands)})

        with News(wiring.database, "outbox") as news:
            outbox.recover(wiring.database)
            yield from watch_for(context, job.name, news, look, wiring.settings.sensor_seconds)

    return watch


def retry_job(crm: str) -> dg.JobDefinition:
    """The batch job for commands whose quick attempts are used up."""

    @dg.op(
        name="retry_failed_commands",
        description="Tries commands again that failed several times in a row; what fails too "
        "often becomes a dead letter, with the reason.",
        required_resource_keys={"push"},
        out=dg.Out(dg.Nothing),
    )
    def again(context: dg.OpExecutionContext) -> None:
        for workspace, push in context.resources.push(crm).items():
            done = push.work(failed_too=True, run=context.run_id)
            for one in done:
                context.log.info(f"{workspace} {one.entity} {one.id}: {one.status} {one.error}")

    @dg.job(
        name="push_failed_commands",
        description=f"Commands for {crm} that failed, once more.",
        tags={"crm": crm},
    )
    def job() -> None:
        again()

    return job


def redrive_job(crm: str) -> dg.JobDefinition:
    """A person has mended what was wrong."""

    @dg.op(
        name="dead_letters_again",
        description="Dead commands wait for their turn again; the log lists them with what they "
        "died of. Launch it after what was wrong is mended.",
        required_resource_keys={"push", "database"},
        out=dg.Out(dg.Nothing),
    )
    def again(context: dg.OpExecutionContext) -> None:
        for workspace in context.resources.push(crm):
            dead = outbox.listing(
                context.resources.database, workspace=workspace, status=Status.DEAD, limit=SHOWN
            )
            for row in dead:
                context.log.info(f"{row['entity']} {row['id']}: {row['error']}")
            number = outbox.redrive(
                context.resources.database,
                workspace,
                status=Status.DEAD,
                who=f"run {context.run_id}",
            )
            context.add_output_metadata({f"{workspace}_redriven": number})

    @dg.job(
        name="redrive_dead_letters",
        description=f"Every dead command for {crm} once more, after a person mended the reason.",
        tags={"crm": crm},
    )
    def job() -> None:
        again()

    return job


def reconcile_job(crm: str) -> dg.JobDefinition:
    """What should be in the CRM and has no command."""

    @dg.op(
        name="reconcile_local_side",
        description="Lets the local side follow what the mirror knows and no webhook told; then "
        "finds warm leads, activities and changes that no command was written for, or that "
        "drifted, and writes commands; sensors see to the rest.",
        required_resource_keys={"push", "inbox"},
        out=dg.Out(dg.Nothing),
    )
    def find(context: dg.OpExecutionContext) -> None:
        inboxes = context.resources.inbox(crm)
        for workspace, push in context.resources.push(crm).items():
            caught_up = inboxes[workspace].catch_up(run=context.run_id)
            for words in (*caught_up.problems, *caught_up.troubles):
                context.log.warning(f"{workspace}: {words}")
            context.log.info(
                f"{workspace}: {caught_up.changed} local rows brought up to date, "
                f"{push.reconcile()} commands written"
            )

    @dg.job(
        name="reconcile_push",
        description=f"Repairs drift between the local side and {crm}.",
        tags={"crm": crm},
    )
    def job() -> None:
        find()

    return job


def push_schedules(
    wiring: Wiring,
    crm: str,
    workspaces: Sequence[str],
    retry: dg.JobDefinition,
    reconcile: dg.JobDefinition,
) -> list[Any]:
    """Failed commands every ten minutes; drift every hour, when switched on."""

    @dg.schedule(
        name="retry_failed_commands",
        job=retry,
        cron_schedule="*/10 * * * *",
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Failed commands once more; starts a run only where there are any.",
    )
    def again(_: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        if push_watch.any_failed(wiring.database, crm, workspaces):
            return dg.RunRequest()
        return dg.SkipReason("no command has failed")

    repair = dg.ScheduleDefinition(
        name="reconcile_local_side",
        job=reconcile,
        cron_schedule="17 * * * *",
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.STOPPED,
        description="Repairs drift between the local side and the CRM.",
    )
    return [again, repair]


def push_assets(account: Account, names: Names) -> Sequence[dg.AssetSpec]:
    """The local side, and what of it went to the CRM: the beginning of the lineage."""
    found = []
    for entity, table in LOCAL.items():
        local = names.local(account.workspace, table)
        found.append(
            dg.AssetSpec(
                local,
                description=f"`app.{table}`: the local side that sells.",
                group_name="local_side",
                kinds={"postgres"},
            )
        )
        found.append(
            dg.AssetSpec(
                names.push(account.workspace, account.crm, entity),
                deps=[local],
                description=f"What of `app.{table}` was delivered to {account.connector.title}; "
                "each run says which row went where.",
                group_name="push",
                kinds={account.crm},
            )
        )
    return found
