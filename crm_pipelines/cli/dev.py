"""``crm-pipelines dev``: the long-running system, until Ctrl-C."""

from __future__ import annotations

import signal
import sys
import time
from urllib.parse import urlsplit

import typer
from rich.console import Console

from crm_pipelines import home
from crm_pipelines.cli.exits import Exit
from crm_pipelines.cli.processes import Wanted, last_words, refuse_taken_ports, running
from crm_pipelines.settings import Settings


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(name="dev", epilog="Example: CRM_UI_PORT=3001 crm-pipelines dev")(dev)


def dev() -> None:
    """Dagster UI, its daemon, the gateway, the database and the sandbox, until Ctrl-C."""
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    console = Console(soft_wrap=True, highlight=False)
    with home.ready() as ready:
        own = ready.wiring.settings
        programs = _programs(own)
        refuse_taken_ports(programs)
        home.bring_up_to_date(ready.wiring.database)
        logs = own.home_path / "logs"
        console.print("Starting …", style="dim")
        with running(programs, logs) as started:
            _announce(console, ready)
            try:
                while all(process.poll() is None for process in started.values()):
                    time.sleep(0.5)
            except KeyboardInterrupt:
                console.print("Stopping …", style="dim")
                return
            gone = next(name for name, process in started.items() if process.poll() is not None)
            console.print(f"The {gone} ended by itself; the end of its log:", style="red")
            console.print(last_words(gone, logs), markup=False)
    raise typer.Exit(Exit.FAILED)


def _programs(own: Settings) -> list[Wanted]:
    workspace = str(home.WORKSPACE_YAML)
    python = (sys.executable, "-m")
    gateway = (*python, "uvicorn", "--factory", "crm_pipelines.gateway.app:create_app")
    ui = ("-w", workspace, "-h", "127.0.0.1", "-p", str(own.ui_port))
    return [
        Wanted("ui", (*python, "dagster_webserver", *ui), port=own.ui_port, setting="CRM_UI_PORT"),
        Wanted("daemon", (*python, "dagster._daemon", "run", "-w", workspace)),
        Wanted(
            "gateway",
            (*gateway, "--host", own.gateway_host, "--port", str(own.gateway_port)),
            own.gateway_host,
            own.gateway_port,
            "CRM_GATEWAY_PORT",
        ),
    ]


def _announce(console: Console, ready: home.Home) -> None:
    own = ready.wiring.settings
    database = urlsplit(ready.wiring.database.url)
    place = f"{database.hostname}:{database.port or 5432}{database.path}"
    console.print(f"Dagster UI  http://127.0.0.1:{own.ui_port}")
    console.print(f"Gateway     http://{own.gateway_host}:{own.gateway_port} (try /health, /docs)")
    console.print(f"PostgreSQL  {place} ({'embedded' if ready.database_is_embedded else 'yours'})")
    if ready.sandbox_url:
        console.print(f"Sandbox     {ready.sandbox_url}/sandbox (simulated CRMs)")
    console.print(f"Logs        {own.home_path / 'logs'}")
    console.print("Ctrl-C stops everything.", style="dim")
