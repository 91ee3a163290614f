"""``crm-pipelines check``: can we get in, what is left, what would a full sync take."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from crm_pipelines import home
from crm_pipelines.cli.exits import Exit
from crm_pipelines.cli.selection import choose_accounts
from crm_pipelines.model.connector import Account
from crm_pipelines.model.errors import BudgetSpent, ConfigurationError, CrmError
from crm_pipelines.reports.checkup import Checkup

WIDTH = 110
SAMPLE_FIELDS = 6
LONGEST_VALUE = 40


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        name="check",
        epilog="Examples:  crm-pipelines check  ·  crm-pipelines check salesforce --json",
    )(check)


def check(
    crm: Annotated[str, typer.Argument(metavar="[CRM]", help="Which; all by default.")] = "",
    workspace: Annotated[str | None, typer.Option(help="Only this tenant.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The findings as JSON.")] = False,
) -> None:
    """Log in, show limits left and a sample record, estimate time and cost of a full sync.

    Spends a handful of calls. Exit code 0 all good, 2 something must be set right first (one
    line each), 3 the budget is spent.
    """
    found: list[Checkup] = []
    worst = Exit.GOOD
    with home.ready() as ready:
        home.bring_up_to_date(ready.wiring.database)
        for account in choose_accounts(ready.wiring, crm, workspace):
            try:
                one = ready.wiring.check_up(account)
                found.append(one)
                for stream, why in one.refused.items():
                    worst = Exit.WRONG_USE
                    _complain(account, f"{stream}: {why}")
            except BudgetSpent as error:
                worst = worst or Exit.PAUSED
                _complain(account, f"{error}; goes on at {error.resumes_at:%Y-%m-%d %H:%M} UTC")
            except (CrmError, ConfigurationError) as error:
                worst = Exit.WRONG_USE
                _complain(account, str(error))
    if as_json:
        typer.echo(json.dumps([_plain(one) for one in found], indent=2, default=str))
    else:
        console = Console() if Console().is_terminal else Console(width=WIDTH)
        for one in found:
            _show(console, one)
    raise typer.Exit(worst)


def _complain(account: Account, words: str) -> None:
    line = " ".join(f"{_title(account.workspace, account.crm)}: {words}".split())
    Console(stderr=True, soft_wrap=True).print(line, style="red", markup=False, highlight=False)


def _title(workspace: str, crm: str) -> str:
    return crm if workspace == "default" else f"{workspace}: {crm}"


def _show(console: Console, found: Checkup) -> None:
    budget = found.budget
    lines = [
        f"{_title(found.workspace, found.crm)}: logged in as {found.who}",
        f"  left today   {budget.left:,} of {budget.allowed:,} that are ours to spend",
    ]
    if found.sample:
        lines.append(f"  a record     {found.sample_of}: {_brief(found.sample)}")
    share = found.cost / budget.allowed * 100 if budget.allowed else 0
    lines.append(
        f"  full sync    {found.calls:,} calls, {found.cost:,} off the budget ({share:.1f} % of "
        f"a day's), about {_duration(found.seconds)}{_days(found)}"
    )
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    console.print(_table(found))


def _days(found: Checkup) -> str:
    if found.cost <= found.budget.left or not found.budget.allowed:
        return ""
    days = math.ceil((found.cost - found.budget.left) / found.budget.allowed)
    return f"; the budget spreads it over {days + 1} days"


def _table(found: Checkup) -> Table:
    table = Table()
    table.add_column("stream", no_wrap=True)
    for name in ("records", "calls", "cost", "about"):
        table.add_column(name, justify="right")
    for one in found.streams:
        records = "read whole" if one.records is None else f"{one.records:,}"
        if one.records is not None and not one.exact:
            records = f"at most {records}"
        about = _duration(one.seconds) + ("" if one.speed_seen else " (guess)")
        table.add_row(one.stream, records, f"{one.calls:,}", f"{one.cost:,}", about)
    return table


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{math.ceil(seconds)} s"
    if seconds < 5400:
        return f"{math.ceil(seconds / 60)} min"
    return f"{seconds / 3600:.1f} h"


def _brief(record: Mapping[str, Any]) -> str:
    plain = {
        name: value for name, value in record.items() if isinstance(value, str | int) and value
    }
    parts = [f"{name}={_cut(str(value))}" for name, value in plain.items()]
    return ", ".join(parts[:SAMPLE_FIELDS]) + (", …" if len(record) > SAMPLE_FIELDS else "")


def _cut(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= LONGEST_VALUE else line[: LONGEST_VALUE - 1] + "…"


def _plain(found: Checkup) -> dict[str, Any]:
    totals = {"calls": found.calls, "cost": found.cost, "seconds": round(found.seconds, 1)}
    return {**asdict(found), "full_sync": totals}
