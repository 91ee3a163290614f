"""``crm-pipelines outbox``: what waits for a CRM, what did not get there, and trying it again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from crm_pipelines import home
from crm_pipelines.cli.exits import Exit
from crm_pipelines.cli.tenant import AsJson, Workspace, make_ready, show_table
from crm_pipelines.model.audit import Entry
from crm_pipelines.model.command import Entity, Status
from crm_pipelines.model.errors import ConfigurationError
from crm_pipelines.store import outbox as store


def register(app: typer.Typer) -> None:
    """Add the commands."""
    commands = typer.Typer(
        name="outbox",
        help="Commands to CRMs: list (what you get without a word), counts, retry.",
    )
    commands.callback(invoke_without_command=True)(latest)
    commands.command(
        name="list",
        epilog="Examples:  crm-pipelines outbox list --status dead  ·  crm-pipelines outbox list "
        "--entity person --limit 200 --json",
    )(show)
    commands.command(name="counts", epilog="Example: crm-pipelines outbox counts --json")(counts)
    commands.command(
        name="retry",
        epilog="Examples:  crm-pipelines outbox retry 17 18  ·  crm-pipelines outbox retry --dead",
    )(retry)
    app.add_typer(commands)


def latest(context: typer.Context) -> None:
    """What waits for a CRM, what did not get there, and trying it again."""
    if context.invoked_subcommand is None:
        show()


def show(
    status: Annotated[Status | None, typer.Option(help="Only these.")] = None,
    entity: Annotated[Entity | None, typer.Option(help="Only these.")] = None,
    limit: Annotated[int, typer.Option(help="How many.", min=1, max=10_000)] = 50,
    before: Annotated[int | None, typer.Option(help="Older than this command.", min=1)] = None,
    workspace: Workspace = "default",
    as_json: AsJson = False,
) -> None:
    """Show commands, the newest first, with what went wrong."""
    with home.ready() as ready:
        make_ready(ready.wiring, workspace)
        rows = store.listing(
            ready.wiring.database,
            workspace=workspace,
            status=status,
            entity=entity,
            limit=limit,
            before=before,
        )
    if as_json:
        typer.echo(json.dumps(rows, indent=2, default=str))
        return
    if not rows:
        typer.echo("There are no such commands.")
        return
    show_table(_table(rows))


def counts(workspace: Workspace = "default", as_json: AsJson = False) -> None:
    """How many commands there are in each state."""
    with home.ready() as ready:
        make_ready(ready.wiring, workspace)
        found = store.counts(ready.wiring.database, workspace)
    if as_json:
        typer.echo(json.dumps(found))
        return
    typer.echo(", ".join(f"{number:,} {status}" for status, number in found.items()))


def retry(
    ids: Annotated[list[int] | None, typer.Argument(metavar="[ID]...", help="Which.")] = None,
    dead: Annotated[bool, typer.Option("--dead", help="All that need a person.")] = False,
    failed: Annotated[
        bool, typer.Option("--failed", help="All that wait for the batch job.")
    ] = False,
    workspace: Workspace = "default",
    as_json: AsJson = False,
) -> None:
    """Let dead and failed commands wait for their turn again, as if new.

    Values that later commands of the same record have written since are left out. Exit code 1
    when some of the given ids are neither dead nor failed.
    """
    if not (ids or dead or failed):
        raise ConfigurationError(
            "say which: ids as crm-pipelines outbox list shows them, --dead or --failed"
        )
    with home.ready() as ready:
        make_ready(ready.wiring, workspace)
        database, audit = ready.wiring.database, ready.wiring.audit
        number = store.redrive(database, workspace, ids=ids) if ids else 0
        missed = len(set(ids or ())) - number
        for wanted, status in ((dead, Status.DEAD), (failed, Status.FAILED)):
            number += store.redrive(database, workspace, status=status) if wanted else 0
        if number:
            said = {"ids": list(ids or ()), "dead": dead, "failed": failed, "retried": number}
            audit.note(Entry("outbox.retry", workspace, subject="outbox", details=said))
    if as_json:
        typer.echo(json.dumps({"retried": number, "passed_over": missed}))
    else:
        typer.echo(f"{number:,} wait for their turn again" + _passed_over(missed))
    if missed:
        raise typer.Exit(Exit.FAILED)


def _passed_over(number: int) -> str:
    return f"; {number:,} passed over: neither dead nor failed, or not there" if number else ""


def _table(rows: list[dict[str, Any]]) -> Table:
    table = Table(box=None, header_style="bold")
    for title in ("id", "made at (UTC)", "command", "record", "status", "tries", "error"):
        table.add_column(title, overflow="fold")
    for row in rows:
        cells = (
            str(row["id"]),
            f"{row['created_at'].astimezone(UTC):%Y-%m-%d %H:%M:%S}",
            row["kind"],
            row["record"],
            row["status"] + _until(row),
            str(row["attempts"]),
            _reason(row),
        )
        table.add_row(*(escape(cell) for cell in cells))
    return table


def _until(row: Mapping[str, Any]) -> str:
    """When it is tried again, where that is not now."""
    waits = row["status"] in ("pending", "failed") and row["next_attempt_at"] > datetime.now(UTC)
    return f" until {row['next_attempt_at'].astimezone(UTC):%m-%d %H:%M}" if waits else ""


def _reason(row: Mapping[str, Any]) -> str:
    fields = "; ".join(f"{name}: {why}" for name, why in row["problems"].items())
    return fields or row["error"] or ""
