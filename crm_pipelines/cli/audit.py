"""``crm-pipelines audit``: who did what."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from crm_pipelines import home
from crm_pipelines.model.errors import ConfigurationError

WIDTH = 132


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        name="audit",
        epilog="Examples:  crm-pipelines audit  ·  crm-pipelines audit --action credential "
        "--since 2026-01-01 --json",
    )(audit)


def audit(
    workspace: Annotated[str, typer.Option(help="Only this tenant.")] = "",
    crm: Annotated[str, typer.Option(help="Only this CRM.")] = "",
    action: Annotated[str, typer.Option(help="Like credential.refresh, or credential.")] = "",
    subject: Annotated[str, typer.Option(help="Only this thing, like persons/17.")] = "",
    since: Annotated[str, typer.Option(help="From this date on (UTC).")] = "",
    last: Annotated[int, typer.Option(help="How many lines.", min=1)] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="The lines as JSON.")] = False,
) -> None:
    """Show the audit log, newest first: credentials used and changed, writes, rollbacks."""
    moment = _date(since)
    with home.ready() as ready:
        home.bring_up_to_date(ready.wiring.database)
        lines = ready.wiring.audit.latest(
            last, workspace=workspace, crm=crm, action=action, subject=subject, since=moment
        )
    if as_json:
        typer.echo(json.dumps(lines, indent=2, default=str))
        return
    console = Console() if Console().is_terminal else Console(width=WIDTH)
    console.print(_table(lines))


def _date(text: str) -> datetime | None:
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigurationError(f"--since: {text!r} is not a date like 2026-01-31") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _table(lines: list[dict[str, Any]]) -> Table:
    table = Table(box=None, header_style="bold")
    for title in ("at (UTC)", "who", "account", "action", "subject", "before", "after", "details"):
        table.add_column(title, overflow="fold")
    for line in lines:
        cells = (
            f"{line['at'].astimezone(UTC):%Y-%m-%d %H:%M:%S}",
            line["who"],
            "/".join(part for part in (line["workspace"], line["crm"]) if part),
            line["action"],
            line["subject"],
            *(_short(line[name] or {}) for name in ("before", "after", "details")),
        )
        table.add_row(*(escape(cell) for cell in cells))
    return table


def _short(values: dict[str, Any]) -> str:
    return ", ".join(f"{name}={value}" for name, value in values.items() if value not in ("", None))
