"""``crm-pipelines sync``: every stream, or some, once, through Dagster."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.console import Console

from crm_pipelines import home
from crm_pipelines.cli.board import Board, Line, as_json, as_table, label
from crm_pipelines.cli.exits import Exit
from crm_pipelines.cli.selection import Chosen, choose
from crm_pipelines.model.errors import ConfigurationError, SystemTrouble
from crm_pipelines.reports.progress import StreamName, listening
from crm_pipelines.store import history

WIDTH = 132
"""Columns of a table that is written to a file or a pipe."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        name="sync",
        epilog="Examples:  crm-pipelines sync  ·  crm-pipelines sync pipedrive.persons --full  ·  "
        "crm-pipelines sync salesforce --since 2026-01-01 --dry-run",
    )(sync)


def sync(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[CRM | CRM.STREAM]...", help="What to sync; all by default."),
    ] = None,
    full: Annotated[bool, typer.Option("--full", help="Everything, not only changes.")] = False,
    force_overwrite: Annotated[
        bool, typer.Option("--force-overwrite", help="Write every row again.")
    ] = False,
    since: Annotated[str, typer.Option(help="Changed from this date on (UTC).")] = "",
    until: Annotated[str, typer.Option(help="Changed before this date (UTC).")] = "",
    incremental: Annotated[
        int, typer.Option(metavar="DAYS", help="Changed in the last DAYS days.", min=0)
    ] = 0,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would change, write nothing.")
    ] = False,
    batch_size: Annotated[int, typer.Option(help="Records per API page.", min=0)] = 0,
    max_records: Annotated[int, typer.Option(help="Stop after N per stream.", min=0)] = 0,
    workspace: Annotated[str | None, typer.Option(help="Only this tenant.")] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Dagster's own log as well.")] = False,
    as_json_: Annotated[bool, typer.Option("--json", help="The table as JSON.")] = False,
) -> None:
    """Mirror CRM streams into PostgreSQL, incrementally unless told otherwise.

    Exit code 0 all good, 1 some stream failed, 2 wrong use or configuration, 3 paused because
    the budget is spent.
    """
    options = {
        "mode": "full" if full else "incremental",
        "force_overwrite": force_overwrite,
        "since": _date("--since", since),
        "until": _date("--until", until),
        "incremental_days": incremental,
        "dry_run": dry_run,
        "batch_size": batch_size,
        "max_records": max_records,
    }
    console = Console(stderr=as_json_)
    if not console.is_terminal:
        console = Console(stderr=as_json_, width=WIDTH)
    with home.ready() as ready:
        chosen = choose(ready.wiring, names or [], workspace)
        if not chosen:
            raise ConfigurationError("nothing to sync: no CRM is set up, see .env.example")
        home.bring_up_to_date(ready.wiring.database)
        _announce(console, ready, chosen, options)
        lines = _run(ready, chosen, options, console, debug=debug)
    if as_json_:
        typer.echo(json.dumps(as_json(lines), indent=2))
    else:
        _show(console, lines, dry_run=dry_run)
    raise typer.Exit(_exit_code(lines))


def _date(option: str, text: str) -> str:
    if not text:
        return ""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigurationError(f"{option}: {text!r} is not a date like 2026-01-31") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).isoformat()


def _announce(
    console: Console, ready: home.Home, chosen: Sequence[Chosen], options: dict[str, Any]
) -> None:
    where = ready.wiring.settings.home_path
    if ready.sandbox_url:
        console.print(
            f"No CRM account is set, so the simulated CRMs are used ({ready.sandbox_url}).",
            highlight=False,
        )
    if ready.database_is_embedded:
        console.print(f"PostgreSQL is embedded, under {where}.", highlight=False, soft_wrap=True)
    windowed = [one for one in chosen if one.stream.windowed]
    marks = [
        history.watermark(
            ready.wiring.database, one.account.workspace, one.account.crm, one.stream.name
        )
        for one in windowed
    ]
    known = [mark for mark in marks if mark is not None]
    plain = options["mode"] == "incremental" and not any(
        options[name] for name in ("force_overwrite", "since", "incremental_days")
    )
    if plain and windowed and len(known) == len(windowed):
        oldest = min(known)
        console.print(
            f"Delta: only what changed since the last sync ({oldest:%Y-%m-%d %H:%M} UTC).",
            highlight=False,
        )
    elif plain and windowed:
        fresh = len(windowed) - len(known)
        console.print(f"First sync of {fresh} streams: everything is read.", highlight=False)


def _run(
    ready: home.Home,
    chosen: Sequence[Chosen],
    options: dict[str, Any],
    console: Console,
    *,
    debug: bool,
) -> list[Line]:
    for noisy in ("", "httpx", "alembic", "dagster", "psycopg.pool"):
        logging.getLogger(noisy).setLevel(logging.INFO if debug else logging.CRITICAL)
    from crm_pipelines.defs.build import build_definitions
    from crm_pipelines.defs.launch import run_job
    from crm_pipelines.defs.names import Names

    definitions = build_definitions(ready.wiring)
    naming = Names(several_workspaces=len(ready.wiring.settings.workspaces) > 1)
    streams = {
        StreamName(one.account.workspace, one.account.crm, one.stream.name): one for one in chosen
    }
    run_config = {
        "resources": {"options": {"config": options}},
        "loggers": {"console": {"config": {"log_level": "DEBUG" if debug else "CRITICAL"}}},
    }
    today = datetime.now(UTC).date().isoformat()
    why = "the run ended before this stream; see the UI"
    with Board(list(streams), console, live=True) as board, listening(board):
        for crm in dict.fromkeys(one.account.crm for one in chosen):
            try:
                run_job(
                    definitions,
                    f"sync_{crm}",
                    [naming.asset(o.account, o.stream) for o in chosen if o.account.crm == crm],
                    workspace=home.WORKSPACE_YAML,
                    run_config=run_config,
                    tags={"dagster/partition": today, "sync": "command line"},
                )
            except SystemTrouble as error:  # the next CRM would meet it, too
                why = str(error)
                break
    for line in board.lines.values():
        if line.status == "waiting":
            line.status, line.why = "not run", why
    return list(board.lines.values())


def _show(console: Console, lines: list[Line], *, dry_run: bool) -> None:
    console.print(as_table(lines, dry_run=dry_run))
    for line in lines:
        if line.why:
            style = "yellow" if line.status in ("paused", "partial") else "red"
            console.print(
                f"{label(line.name)} {line.status}: {line.why}",
                style=style,
                markup=False,
                highlight=False,
                soft_wrap=True,
            )


def _exit_code(lines: list[Line]) -> Exit:
    states = {line.status for line in lines}
    if states & {"failed", "not run"}:
        return Exit.FAILED
    if "paused" in states:
        return Exit.PAUSED
    return Exit.FAILED if "partial" in states else Exit.GOOD
