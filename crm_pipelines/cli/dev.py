"""``crm-pipelines dev``: the long-running system, until Ctrl-C."""

from __future__ import annotations

import sys
import time
from urllib.parse import urlsplit

import typer
from rich.console import Console

from crm_pipelines import home, settings
from crm_pipelines.cli.processes import Ending, Stopped, Wanted, refuse_taken_ports, running, watch
from crm_pipelines.model.errors import CrmError, SystemTrouble
from crm_pipelines.settings import Settings

PAUSE_SECONDS = 0.2


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(name="dev", epilog="Example: CRM_UI_PORT=3001 crm-pipelines dev")(dev)


def dev() -> None:
    """Dagster UI, its daemon, the gateway, the database and the sandbox, until Ctrl-C.

    Exit code 0 after Ctrl-C, 1 when one of them ended by itself, 2 when a port is taken.
    """
    ending = Ending()
    console = Console(soft_wrap=True, highlight=False)
    programs = _programs(settings.read(Settings))
    refuse_taken_ports(programs)
    console.print("Starting …", style="dim")
    with home.ready() as ready:
        home.bring_up_to_date(ready.wiring.database)
        logs = ready.wiring.settings.home_path / "logs"
        try:
            with running(programs, logs, ending.check) as started:
                _announce(console, ready)
                if ready.sandbox_url:
                    _have_changes_told(console, ready)
                try:
                    while True:
                        ending.check()
                        watch(started)
                        time.sleep(PAUSE_SECONDS)
                finally:
                    console.print("Stopping …", style="dim")
        except Stopped:
            console.print("Stopped.")


def _programs(own: Settings) -> list[Wanted]:
    workspace = str(home.WORKSPACE_YAML)
    python = (sys.executable, "-m")
    ui = (*python, "dagster_webserver", "-w", workspace, "-h", "127.0.0.1", "-p", str(own.ui_port))
    return [
        Wanted("dagster-webserver", ui, port=own.ui_port, setting="CRM_UI_PORT"),
        Wanted("dagster-daemon", (*python, "dagster._daemon", "run", "-w", workspace)),
        Wanted(
            "gateway",
            (*python, "crm_pipelines.cli.app", "gateway"),
            own.gateway_host,
            own.gateway_port,
            "CRM_GATEWAY_PORT",
        ),
    ]


def _have_changes_told(console: Console, ready: home.Home) -> None:
    """The simulated Pipedrive tells the gateway of changes; a real account is asked by command."""
    for workspace in ready.wiring.settings.workspaces:
        try:
            ready.wiring.webhooks(workspace).ensure()
        except (CrmError, SystemTrouble) as error:
            console.print(f"Webhooks    not registered: {error}", markup=False)
        else:
            console.print(f"Webhooks    changes made in the sandbox arrive ({workspace})")


def _announce(console: Console, ready: home.Home) -> None:
    own = ready.wiring.settings
    database = urlsplit(ready.wiring.database.url)
    masked = database._replace(netloc=database.netloc.replace(f":{database.password}@", ":***@"))
    console.print(f"Dagster UI  http://127.0.0.1:{own.ui_port}")
    console.print(f"Gateway     http://{own.gateway_host}:{own.gateway_port}/docs")
    console.print(f"PostgreSQL  {masked.geturl()}", markup=False)
    console.print(f"            {ready.psql}", markup=False)
    if ready.sandbox_url:
        console.print(f"Sandbox     {ready.sandbox_url}/sandbox (simulated CRMs)")
    console.print(f"Logs        {own.home_path / 'logs'}", markup=False)
    console.print("Ctrl-C stops everything.", style="dim")
