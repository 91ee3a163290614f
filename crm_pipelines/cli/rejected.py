"""``crm-pipelines rejected``: records that did not pass, and trying them again."""

from __future__ import annotations

import json
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from crm_pipelines import home
from crm_pipelines.cli.exits import Exit
from crm_pipelines.cli.selection import Chosen, choose
from crm_pipelines.flows.mirror.flow import Mirror
from crm_pipelines.flows.mirror.retry import retry
from crm_pipelines.model.manifest import Outcome
from crm_pipelines.store.rejected import count_rejected, list_rejected
from crm_pipelines.wiring import Wiring

SHOWN = 50
"""Records that are listed when nothing else is said."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        name="rejected",
        epilog="Examples:  crm-pipelines rejected salesforce.contacts  ·  "
        "crm-pipelines rejected pipedrive.persons --json --limit 500  ·  "
        "crm-pipelines rejected salesforce.contacts --retry",
    )(rejected)


def rejected(
    name: Annotated[str, typer.Argument(metavar="CRM.STREAM", help="Whose records.")],
    again: Annotated[
        bool,
        typer.Option("--retry", help="Run them again as they were fetched; the CRM is not asked."),
    ] = False,
    limit: Annotated[
        int, typer.Option(help=f"At most N; {SHOWN} when listing, else all.", min=0)
    ] = 0,
    workspace: Annotated[str | None, typer.Option(help="Only this tenant.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Show the records of a stream that were rejected, or run them again.

    A retry helps after a check or a field was mended, or a stream is no longer strict. Exit
    code 0 all good, 1 some were rejected again, 2 wrong use or configuration.
    """
    with home.ready() as ready:
        chosen = choose(ready.wiring, [name], workspace)
        home.bring_up_to_date(ready.wiring.database)
        if again:
            lines = [line for one in chosen for line in _retried(ready.wiring, one, limit)]
            _show_retried(lines, as_json=as_json)
            raise typer.Exit(Exit.FAILED if any(x["rejected"] for x in lines) else Exit.GOOD)
        found = [(_label(one), *_listed(ready.wiring, one, limit or SHOWN)) for one in chosen]
    if as_json:
        text = msgspec.json.encode([row for _, _, rows in found for row in rows])
        typer.echo(msgspec.json.format(text, indent=2).decode())
        return
    for label, number, rows in found:
        _show_list(label, number, rows)


def _mirror(wiring: Wiring, one: Chosen) -> Mirror:
    return wiring.mirror(one.account.workspace, one.account.crm, one.stream.name)


def _label(one: Chosen) -> str:
    return f"{one.account.workspace}: {one.account.crm}.{one.stream.name}"


def _listed(wiring: Wiring, one: Chosen, limit: int) -> tuple[int, list[dict[str, Any]]]:
    about = _mirror(wiring, one).about
    rows = list_rejected(wiring.database, about, limit)
    shown = [
        {
            **about,
            "record_id": row["record_id"],
            "reasons": row["reasons"],
            "rejected_at": row["rejected_at"].isoformat(),
            "fetched_at": row["fetched_at"].isoformat(),
            "run_id": row["run_id"],
            "raw": msgspec.Raw(row["raw"].encode()),
        }
        for row in rows
    ]
    return count_rejected(wiring.database, about), shown


def _retried(wiring: Wiring, one: Chosen, limit: int) -> list[dict[str, Any]]:
    """One line per stream."""
    mirror = _mirror(wiring, one)
    outcomes: list[Outcome] = list(retry(mirror, limit))
    summed = {
        figure: sum(getattr(outcome, figure) for outcome in outcomes)
        for figure in ("fetched", "created", "updated", "unchanged", "deleted", "rejected")
    }
    return [{**mirror.about, "retried": summed.pop("fetched"), **summed}]


def _show_retried(lines: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(lines, indent=2))
        return
    for line in lines:
        Console(soft_wrap=True).print(
            f"{line['crm']}.{line['stream']}: {line['retried']} run again, {line['created']} "
            f"created, {line['updated']} updated, {line['unchanged']} unchanged or older than "
            f"the row, {line['deleted']} deleted, {line['rejected']} rejected again",
            highlight=False,
            markup=False,
        )


def _show_list(label: str, number: int, rows: list[dict[str, Any]]) -> None:
    console = Console()
    if not rows:
        console.print(f"{label.removeprefix('default: ')}: no rejected records", highlight=False)
        return
    more = f", the last {len(rows)} are shown" if number > len(rows) else ""
    title = f"{label.removeprefix('default: ')}: {number:,} rejected{more}"
    table = Table(title=title, title_justify="left")
    for column in ("record", "rejected at (UTC)", "reasons"):
        table.add_column(column, overflow="fold")
    for row in rows:
        reasons = "\n".join(f"{field}: {reason}" for field, reason in row["reasons"].items())
        table.add_row(row["record_id"], row["rejected_at"][:19], reasons)
    console.print(table, markup=False, highlight=False)
