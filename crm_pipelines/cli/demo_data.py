"""``crm-pipelines demo-data``: something to sell to, for trying out the push."""

from __future__ import annotations

import json
from typing import Annotated

import typer
from rich.console import Console

from crm_pipelines import home
from crm_pipelines.cli.demo_rows import demo_rows
from crm_pipelines.model.errors import ConfigurationError
from crm_pipelines.store import demo_rows as store


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        name="demo-data",
        epilog="Examples:  crm-pipelines demo-data  ·  crm-pipelines demo-data --contacts 1000 "
        "--seed 7",
    )(demo_data)


def demo_data(
    contacts: Annotated[int, typer.Option(help="How many people.", min=1, max=200_000)] = 200,
    workspace: Annotated[str, typer.Option(help="For this tenant.")] = "default",
    seed: Annotated[int, typer.Option(help="Another seed, other people.", min=0)] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Fill the local side: users, organizations, contacts, deals and activities.

    Some contacts are warm: they are on their way to Pipedrive at once. The same seed makes the
    same rows; those that are there already stay as they are, so that running it again adds
    nothing, and more contacts add the new ones only.
    """
    with home.ready() as ready:
        if workspace not in ready.wiring.settings.workspaces:
            raise ConfigurationError(f"there is no workspace {workspace!r} in CRM_WORKSPACES")
        home.bring_up_to_date(ready.wiring.database)
        added = store.add(ready.wiring.database, workspace, demo_rows(contacts, seed))
    if as_json:
        typer.echo(json.dumps(added))
        return
    words = ", ".join(f"{number:,} {table}" for table, number in added.items())
    Console(soft_wrap=True).print(
        f"Added to schema app: {words}. Warm leads wait in the outbox: crm-pipelines outbox",
        highlight=False,
        markup=False,
    )
