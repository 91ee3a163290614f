"""``crm-pipelines stages``: what they are mapped to, the history of deals, what was set off."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from crm_pipelines import home
from crm_pipelines.audit.log import this_program
from crm_pipelines.cli import stage_tables as tables
from crm_pipelines.cli.exits import Exit
from crm_pipelines.cli.tenant import AsJson, Workspace, make_ready, show_table
from crm_pipelines.flows.stages import mappings
from crm_pipelines.model.audit import Entry
from crm_pipelines.model.errors import ConfigurationError, InvalidData
from crm_pipelines.store.stages import mappings as store
from crm_pipelines.store.stages import moves, tasks

CRM = "pipedrive"
StageId = Annotated[int, typer.Argument(metavar="STAGE", help="Its number.", min=1)]

EXAMPLES = {
    "list": "Example: crm-pipelines stages list --json",
    "set": "Examples:  crm-pipelines stages set 3 --probability 60 --status Qualified --action "
    "update_lead_score  ·  crm-pipelines stages set 4 --probability 80 --action "
    '\'start_campaign={"campaign": "Spring"}\' --action \'assign_owner={"users": ["ada@x.org"]}\'',
    "remove": "Example: crm-pipelines stages remove 3",
    "history": "Example: crm-pipelines stages history 17",
    "backfill": "Examples:  crm-pipelines stages backfill  ·  crm-pipelines stages backfill "
    "--most 100",
    "actions": "Examples:  crm-pipelines stages actions --status failed  ·  crm-pipelines stages "
    "actions --deal 17 --json",
    "retry": "Examples:  crm-pipelines stages retry 4 5  ·  crm-pipelines stages retry --failed",
}


def register(app: typer.Typer) -> None:
    """Add the commands."""
    commands = typer.Typer(
        name="stages",
        help="Stages of deals: list (what you get without a word), set, remove, history, "
        "backfill, actions, retry.",
    )
    commands.callback(invoke_without_command=True)(latest)
    for command in (show_list, set_, remove, history, backfill, actions, retry):
        name = command.__name__.removeprefix("show_").rstrip("_")
        commands.command(name=name, epilog=EXAMPLES[name])(command)
    app.add_typer(commands)


def latest(context: typer.Context) -> None:
    """What stages are mapped to, the history of deals, and what was set off."""
    if context.invoked_subcommand is None:
        show_list()


def show_list(workspace: Workspace = "default", as_json: AsJson = False) -> None:
    """Show every stage with what it is mapped to."""
    with home.ready() as ready:
        make_ready(ready.wiring, workspace)
        rows = store.listing(ready.wiring.database, workspace, CRM)
    _show(rows, tables.stages, "No stages are mirrored yet: run crm-pipelines sync.", as_json)


def set_(
    stage: StageId,
    probability: Annotated[int, typer.Option(help="Per cent, 0 to 100.")],
    status: Annotated[str | None, typer.Option(help="What the contact's status becomes.")] = None,
    action: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME[=JSON]", help="In order; see the examples for options."),
    ] = None,
    off: Annotated[bool, typer.Option("--off", help="Keep it, but set nothing off.")] = False,
    workspace: Workspace = "default",
    as_json: AsJson = False,
) -> None:
    """Map a stage, in place of the mapping it had. Deals that come into it from now on count."""
    wanted = [_read_action(text) for text in action or ()]
    given = {
        "local_status": status,
        "probability": probability,
        "actions": wanted,
        "enabled": not off,
    }
    try:
        mapping = mappings.read(given)
        with home.ready() as ready:
            make_ready(ready.wiring, workspace)
            wiring = ready.wiring
            about = (wiring.database, wiring.audit, workspace, CRM, stage)
            mappings.put(*about, mapping, this_program())
            row = store.get(wiring.database, workspace, CRM, stage)
    except InvalidData as error:
        raise ConfigurationError(str(error)) from None
    _show([row] if row else [], tables.stages, "", as_json)


def remove(stage: StageId, workspace: Workspace = "default", as_json: AsJson = False) -> None:
    """Forget what a stage is mapped to. Exit code 1 where it was not mapped."""
    with home.ready() as ready:
        make_ready(ready.wiring, workspace)
        about = (ready.wiring.database, ready.wiring.audit, workspace, CRM, stage)
        removed = mappings.remove(*about, this_program())
    typer.echo(json.dumps({"removed": removed}) if as_json else _removed(stage, removed))
    if not removed:
        raise typer.Exit(Exit.FAILED)


def history(
    deal: Annotated[int, typer.Argument(help="The CRM's number of the deal.", min=1)],
    workspace: Workspace = "default",
    as_json: AsJson = False,
) -> None:
    """Show through which stages a deal went; first adds what the mirror knows."""
    with home.ready() as ready:
        make_ready(ready.wiring, workspace)
        ready.wiring.stages(workspace, CRM).complete()
        rows = moves.of_deal(ready.wiring.database, workspace, CRM, deal)
        past = moves.past_of(ready.wiring.database, workspace, CRM, deal)
    _show(rows, tables.history, f"Nothing is known of deal {deal}.", as_json)
    if past is not None and not as_json:
        typer.echo(tables.PASTS[past["status"]])


def backfill(
    most: Annotated[int, typer.Option(help="Deals to read; 0 is all.", min=0)] = 0,
    workspace: Workspace = "default",
    as_json: AsJson = False,
) -> None:
    """Read the past of deals from their change logs, 20 tokens each, within the budget's share.

    Exit code 3 when the share is spent: the next time goes on there.
    """
    with home.ready() as ready:
        make_ready(ready.wiring, workspace)
        filled = ready.wiring.stages(workspace, CRM).fill_past(most=most)
    if as_json:
        typer.echo(json.dumps(vars(filled), default=str))
    else:
        typer.echo(tables.filled(filled))
    if filled.resumes_at is not None:
        raise typer.Exit(Exit.PAUSED)


def actions(
    status: Annotated[tables.State | None, typer.Option(help="Only these.")] = None,
    deal: Annotated[int | None, typer.Option(help="Only of this deal.", min=1)] = None,
    limit: Annotated[int, typer.Option(help="How many.", min=1, max=10_000)] = 50,
    workspace: Workspace = "default",
    as_json: AsJson = False,
) -> None:
    """Show what changes of stage have set off, the newest first."""
    with home.ready() as ready:
        make_ready(ready.wiring, workspace)
        rows = tasks.listing(
            ready.wiring.database, workspace, status=status, deal_id=deal, limit=limit
        )
    _show(rows, tables.actions, "There are no such actions.", as_json)


def retry(
    ids: Annotated[list[int] | None, typer.Argument(metavar="[ID]...", help="Which.")] = None,
    failed: Annotated[bool, typer.Option("--failed", help="All that failed.")] = False,
    workspace: Workspace = "default",
    as_json: AsJson = False,
) -> None:
    """Do failed or skipped actions again, now. Exit code 1 when some ids are neither."""
    if not ids and not failed:
        raise ConfigurationError(
            "say which: ids as crm-pipelines stages actions shows, or --failed"
        )
    with home.ready() as ready:
        make_ready(ready.wiring, workspace)
        database = ready.wiring.database
        found = tasks.again(database, workspace, ids) if ids else []
        found += tasks.again(database, workspace) if failed else []
        said = {"ids": list(ids or ()), "failed": failed, "retried": len(found)}
        entry = Entry("stage_action.retry", workspace, CRM, "stages", details=said)
        ready.wiring.audit.note(entry)
        done = ready.wiring.stages(workspace, CRM).run_waiting()
    missed = len(set(ids or ()) - set(found))
    said = {"retried": len(found), "done": done, "passed_over": missed}
    typer.echo(json.dumps(said) if as_json else ", ".join(f"{n} {w}" for w, n in said.items()))
    if missed:
        raise typer.Exit(Exit.FAILED)


def _read_action(text: str) -> dict[str, Any]:
    name, given, options = text.partition("=")
    if not given:
        return {"action": name}
    try:
        return {"action": name, "options": json.loads(options)}
    except ValueError:
        raise ConfigurationError(
            f"--action: the options of {name} are not JSON: write them like "
            f'{name}=\'{{"campaign": "Spring"}}\''
        ) from None


def _removed(stage: int, removed: bool) -> str:
    return f"stage {stage} is not mapped any more" if removed else f"stage {stage} was not mapped"


def _show(rows: list[dict[str, Any]], table: Any, nothing: str, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(rows, indent=2, default=str))
    elif not rows:
        typer.echo(nothing)
    else:
        show_table(table(rows))
