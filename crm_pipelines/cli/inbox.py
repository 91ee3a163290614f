"""``crm-pipelines inbox``: what CRMs told us, what became of it, and applying it once more."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from crm_pipelines import home
from crm_pipelines.audit.log import this_program
from crm_pipelines.cli.exits import Exit
from crm_pipelines.cli.tenant import AsJson, Workspace, make_ready, show_table
from crm_pipelines.model.errors import ConfigurationError
from crm_pipelines.model.event import State
from crm_pipelines.store import inbox as store

MOST_ID = 2**63 - 1


def register(app: typer.Typer) -> None:
    """Add the commands."""
    commands = typer.Typer(
        name="inbox",
        help="Webhook deliveries: list (what you get without a word), counts, show, replay.",
    )
    commands.callback(invoke_without_command=True)(latest)
    commands.command(
        name="list",
        epilog="Examples:  crm-pipelines inbox list --status dead  ·  crm-pipelines inbox list "
        "--object deal --limit 200 --json",
    )(show_list)
    commands.command(name="counts", epilog="Example: crm-pipelines inbox counts --json")(counts)
    commands.command(name="show", epilog="Example: crm-pipelines inbox show 17")(show)
    commands.command(
        name="replay",
        epilog="Examples:  crm-pipelines inbox replay 17 18  ·  crm-pipelines inbox replay --dead",
    )(replay)
    app.add_typer(commands)


def latest(context: typer.Context) -> None:
    """What CRMs told us by webhook, what became of it, and applying it once more."""
    if context.invoked_subcommand is None:
        show_list()


def show_list(
    status: Annotated[State | None, typer.Option(help="Only these.")] = None,
    object_: Annotated[
        str | None, typer.Option("--object", help="Only about these: person, deal, …")
    ] = None,
    limit: Annotated[int, typer.Option(help="How many.", min=1, max=10_000)] = 50,
    before: Annotated[
        int | None, typer.Option(help="Older than this delivery.", min=1, max=MOST_ID)
    ] = None,
    workspace: Workspace = "default",
    as_json: AsJson = False,
) -> None:
    """Show deliveries, the newest first, with what became of them."""
    with home.ready() as ready:
        make_ready(ready.wiring, workspace)
        rows = store.listing(
            ready.wiring.database,
            workspace=workspace,
            status=status,
            object=object_,
            limit=limit,
            before=before,
        )
    if as_json:
        typer.echo(json.dumps(rows, indent=2, default=str))
        return
    if not rows:
        typer.echo("There are no such deliveries.")
        return
    show_table(_table(rows))


def counts(workspace: Workspace = "default", as_json: AsJson = False) -> None:
    """How many deliveries there are in each state, and since when the oldest one waits."""
    with home.ready() as ready:
        make_ready(ready.wiring, workspace)
        found = store.counts(ready.wiring.database, workspace)
        seconds = store.oldest_waiting_seconds(ready.wiring.database, workspace)
    if as_json:
        typer.echo(json.dumps({**found, "oldest_waiting_seconds": seconds}))
        return
    typer.echo(", ".join(f"{number:,} {status}" for status, number in found.items()))
    if seconds is not None:
        typer.echo(f"the oldest one waits for {seconds:,.0f} s")


def show(
    id_: Annotated[int, typer.Argument(metavar="ID", help="Which.", min=1, max=MOST_ID)],
    workspace: Workspace = "default",
    as_json: AsJson = False,
) -> None:
    """Show one delivery with its body as it came."""
    with home.ready() as ready:
        make_ready(ready.wiring, workspace)
        row = store.show(ready.wiring.database, workspace, id_)
    if row is None:
        raise ConfigurationError(
            f"there is no delivery {id_} in workspace {workspace!r}: crm-pipelines inbox list "
            "shows which there are"
        )
    body = bytes(row.pop("body")).decode("utf-8", "replace")
    if as_json:
        typer.echo(json.dumps({**row, "body": body}, indent=2, default=str))
        return
    for name, value in row.items():
        if value is not None:
            typer.echo(f"{name:<16} {_said(value)}")
    typer.echo(f"\n{_pretty(body)}")


def replay(
    ids: Annotated[
        list[int] | None,
        typer.Argument(metavar="[ID]...", help="Which.", min=1, max=MOST_ID),
    ] = None,
    dead: Annotated[bool, typer.Option("--dead", help="All that were given up.")] = False,
    unknown: Annotated[
        bool, typer.Option("--unknown", help="All about objects that nobody mirrored.")
    ] = False,
    workspace: Workspace = "default",
    as_json: AsJson = False,
) -> None:
    """Let deliveries wait for their turn again, as if they had just come.

    What was applied before changes nothing when it is applied again. Exit code 1 when some of the
    given ids are not there or wait already.
    """
    if not (ids or dead or unknown):
        raise ConfigurationError(
            "say which: ids as crm-pipelines inbox list shows them, --dead or --unknown"
        )
    with home.ready() as ready:
        make_ready(ready.wiring, workspace)
        database, who = ready.wiring.database, this_program()
        number = store.replay(database, workspace, ids=ids, who=who) if ids else 0
        missed = len(set(ids or ())) - number
        for wanted, status in ((dead, State.DEAD), (unknown, State.UNKNOWN)):
            number += store.replay(database, workspace, status=status, who=who) if wanted else 0
    if as_json:
        typer.echo(json.dumps({"replayed": number, "passed_over": missed}))
    else:
        told = f"; {missed:,} passed over: they wait already, or are not there" if missed else ""
        typer.echo(f"{number:,} wait for their turn again{told}")
    if missed:
        raise typer.Exit(Exit.FAILED)


def _table(rows: Iterable[Mapping[str, Any]]) -> Table:
    table = Table(box=None, header_style="bold")
    for title in ("id", "came at (UTC)", "what", "record", "status", "tries", "remark"):
        table.add_column(title, overflow="fold")
    for row in rows:
        cells = (
            str(row["id"]),
            _second(row["received_at"]),
            " ".join(filter(None, (row["object"], row["action"]))) or "not read yet",
            row["remote_id"] or "",
            row["status"] + _until(row),
            str(row["attempts"]),
            _remark(row),
        )
        table.add_row(*(escape(cell) for cell in cells))
    return table


def _until(row: Mapping[str, Any]) -> str:
    """When it is looked at again, where that is not now."""
    waits = row["status"] == State.WAITING and row["next_attempt_at"] > datetime.now(UTC)
    return f" until {row['next_attempt_at'].astimezone(UTC):%m-%d %H:%M:%S}" if waits else ""


def _remark(row: Mapping[str, Any]) -> str:
    echo = f"of command {row['outbox_id']}" if row["outbox_id"] is not None else ""
    return "; ".join(filter(None, (echo, row["error"])))


def _second(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def _said(value: object) -> str:
    return _second(value) + " UTC" if isinstance(value, datetime) else str(value)


def _pretty(body: str) -> str:
    try:
        return json.dumps(json.loads(body), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return body
