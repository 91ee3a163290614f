"""``crm-pipelines migrate``."""

from __future__ import annotations

import typer
from rich.console import Console

from crm_pipelines import home


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(name="migrate", epilog="Example: crm-pipelines migrate")(migrate)


def migrate() -> None:
    """Bring the database's schema up to date; safe to run at any time, by many at once."""
    with home.ready() as ready:
        applied = home.bring_up_to_date(ready.wiring.database)
    console = Console()
    for name in applied:
        console.print(f"applied {name}", highlight=False)
    if not applied:
        console.print("The database is up to date.")
