"""``crm-pipelines api-keys``: who may call the gateway."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from crm_pipelines import home
from crm_pipelines.model.access import ApiKey, Scope
from crm_pipelines.model.audit import Entry
from crm_pipelines.model.errors import ConfigurationError
from crm_pipelines.store import api_keys


def register(app: typer.Typer) -> None:
    """Add the commands."""
    keys = typer.Typer(
        name="api-keys", help="The gateway's keys: new, list, revoke.", no_args_is_help=True
    )
    keys.command(
        name="new",
        epilog="Example: crm-pipelines api-keys new website --scope write --workspace acme",
    )(new)
    keys.command(name="list", epilog="Example: crm-pipelines api-keys list --json")(show)
    keys.command(name="revoke", epilog="Example: crm-pipelines api-keys revoke 3f9c01ab")(revoke)
    app.add_typer(keys)


def new(
    name: Annotated[str, typer.Argument(help="What the key is for, in words.")],
    scope: Annotated[
        list[Scope] | None,
        typer.Option(help="read, write or admin; may be repeated. read and write if not given."),
    ] = None,
    workspace: Annotated[str, typer.Option(help="The tenant whose records it opens.")] = "default",
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Make a key and show it, this once: only a hash of it is kept.

    read sees states and history, write changes records and makes leads, admin re-drives what
    failed and does everything else.
    """
    with home.ready() as ready:
        if workspace not in ready.wiring.settings.workspaces:
            raise ConfigurationError(f"there is no workspace {workspace!r} in CRM_WORKSPACES")
        home.bring_up_to_date(ready.wiring.database)
        scopes = frozenset(scope or (Scope.READ, Scope.WRITE))
        with ready.wiring.database.transaction() as connection:
            identity, key = api_keys.add(connection, workspace, name, scopes)
            made = {"name": name, "scopes": sorted(scopes)}
            entry = Entry("api_key.new", workspace, subject=f"api_keys/{identity}", after=made)
            ready.wiring.audit.note(entry, connection)
    if as_json:
        typer.echo(json.dumps({"id": identity, "key": key, "workspace": workspace, **made}))
        return
    typer.echo(key)
    Console(stderr=True, soft_wrap=True).print(
        "Keep it: it is not shown again. Callers send it as the header  Authorization: Bearer …",
        highlight=False,
        markup=False,
    )


def show(as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False) -> None:
    """Every key, without its secret."""
    with home.ready() as ready:
        home.bring_up_to_date(ready.wiring.database)
        rows = [_row(key) for key in api_keys.listing(ready.wiring.database)]
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
        return
    if not rows:
        typer.echo("There are no keys: crm-pipelines api-keys new NAME makes one.")
        return
    table = Table()
    for column in rows[0]:
        table.add_column(column.replace("_", " "))
    for row in rows:
        table.add_row(*(str(value or "") for value in row.values()))
    Console().print(table, markup=False, highlight=False)


def revoke(identity: Annotated[str, typer.Argument(metavar="ID", help="See `list`.")]) -> None:
    """End a key at once."""
    with home.ready() as ready:
        home.bring_up_to_date(ready.wiring.database)
        with ready.wiring.database.transaction() as connection:
            found = api_keys.revoke(connection, identity)
            if found is None:
                raise ConfigurationError(f"there is no living key {identity!r}: see api-keys list")
            entry = Entry("api_key.revoke", found.workspace, subject=f"api_keys/{identity}")
            ready.wiring.audit.note(entry, connection)
    typer.echo(f"Key {identity} ({found.name}) is revoked.")


def _row(key: ApiKey) -> dict[str, Any]:
    return {
        "id": key.id,
        "name": key.name,
        "workspace": key.workspace,
        "scopes": ", ".join(sorted(key.scopes)),
        "created_at": f"{key.created_at:%Y-%m-%d %H:%M}",
        "last_used_at": key.last_used_at and f"{key.last_used_at:%Y-%m-%d %H:%M}",
        "revoked_at": key.revoked_at and f"{key.revoked_at:%Y-%m-%d %H:%M}",
    }
