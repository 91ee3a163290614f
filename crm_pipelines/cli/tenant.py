"""What commands about one workspace share: options, a database that is ready, tables."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from crm_pipelines import home
from crm_pipelines.model.errors import ConfigurationError
from crm_pipelines.wiring import Wiring

WIDTH = 132
"""Of what is not shown on a screen."""

AsJson = Annotated[bool, typer.Option("--json", help="For programs.")]
Workspace = Annotated[str, typer.Option(help="Of this tenant.")]


def make_ready(wiring: Wiring, workspace: str) -> None:
    """Raises ``ConfigurationError`` for a workspace that there is not."""
    if workspace not in wiring.settings.workspaces:
        raise ConfigurationError(f"there is no workspace {workspace!r} in CRM_WORKSPACES")
    home.bring_up_to_date(wiring.database)


def show_table(table: Table) -> None:
    """As wide as the screen, if it is one."""
    console = Console() if Console().is_terminal else Console(width=WIDTH)
    console.print(table)
