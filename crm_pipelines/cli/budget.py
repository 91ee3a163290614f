"""``crm-pipelines budget``: what was spent today, by whom, and what is left."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from crm_pipelines import home
from crm_pipelines.budget.account import AccountBudget
from crm_pipelines.cli.selection import choose_accounts
from crm_pipelines.model.priority import CLAIMS

WIDTH = 110


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        name="budget",
        epilog="Examples:  crm-pipelines budget  ·  crm-pipelines budget pipedrive --json",
    )(budget)


def budget(
    crm: Annotated[str, typer.Argument(metavar="[CRM]", help="Which; all by default.")] = "",
    workspace: Annotated[str | None, typer.Option(help="Only this tenant.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The figures as JSON.")] = False,
) -> None:
    """Show spent and left by stream and priority, the day's forecast and the time of reset.

    Reads the ledger only: costs nothing. Exit code 0, or 2 for a wrong name.
    """
    with home.ready() as ready:
        home.bring_up_to_date(ready.wiring.database)
        chosen = choose_accounts(ready.wiring, crm, workspace)
        names = {(account.workspace, account.crm) for account in chosen}
        found = [one for one in ready.wiring.budgets() if (one.workspace, one.crm) in names]
    if as_json:
        plain = [{**asdict(one), "by_priority": one.by_priority} for one in found]
        typer.echo(json.dumps(plain, indent=2, default=_plain))
        return
    console = Console() if Console().is_terminal else Console(width=WIDTH)
    for one in found:
        _show(console, one)


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _show(console: Console, one: AccountBudget) -> None:
    console.print(_headline(one), highlight=False)
    table = Table()
    table.add_column("priority")
    table.add_column("for", style="dim")
    table.add_column("spent", justify="right")
    table.add_column("may still spend", justify="right")
    for priority, claim in CLAIMS.items():
        spent, left = one.by_priority[priority.label], one.left_for[priority.label]
        table.add_row(priority.label, claim.what, f"{spent:,}", f"{left:,}")
    console.print(table)
    if one.usage:
        table = Table()
        for column in ("stream", "priority"):
            table.add_column(column)
        for column in ("spent", "calls"):
            table.add_column(column, justify="right")
        for used in one.usage:
            table.add_row(used.stream, used.priority, f"{used.tokens:,}", f"{used.calls:,}")
        console.print(table)
    for line in _remarks(one):
        console.print(line, style="yellow", markup=False, highlight=False, soft_wrap=True)


def _headline(one: AccountBudget) -> str:
    name = one.crm if one.workspace == "default" else f"{one.workspace}: {one.crm}"
    share = "" if one.ours == one.limit else f" (of {one.limit:,} there are)"
    reset = (
        "counted over the last 24 hours"
        if one.rolling
        else f"begins anew at {one.resets_at:%Y-%m-%d %H:%M} UTC"
    )
    return (
        f"[bold]{name}[/bold]  {one.spent:,} spent of {one.ours:,}{share}, {one.left:,} left; "
        f"by the day's end about {one.forecast:,}; {reset}"
    )


def _remarks(one: AccountBudget) -> list[str]:
    lines = []
    if one.others:
        lines.append(f"{one.others:,} were spent by other programs")
    if one.refused_until:
        lines.append(f"{one.crm} refuses everything until {one.refused_until:%Y-%m-%d %H:%M} UTC")
    if one.circuit:
        lines.append(f"{one.crm} is {one.circuit}")
    lines += [f"{s} is paused until {at:%Y-%m-%d %H:%M} UTC" for s, at in one.paused.items()]
    return lines
