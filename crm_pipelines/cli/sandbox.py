"""``crm-pipelines sandbox``: the simulated CRMs in the foreground, of any size."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer
from rich.console import Console

from crm_pipelines import connectors, settings
from crm_pipelines.settings import Settings

Count = Annotated[int, typer.Option(min=0)]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        name="sandbox", epilog="Example: crm-pipelines sandbox --persons 10000 --port 8400"
    )(sandbox)


def sandbox(
    persons: Count = 300,
    organizations: Count = 100,
    deals: Count = 200,
    activities: Count = 400,
    contacts: Count = 500,
    accounts: Count = 100,
    opportunities: Count = 150,
    seed: Annotated[int, typer.Option(help="The same seed makes the same records.")] = 1,
    host: str = "127.0.0.1",
    port: Annotated[int, typer.Option(help="0 takes a free one.", min=0, max=65535)] = 8400,
    tls_port: Annotated[
        int | None, typer.Option(help="Serve https there as well.", min=0, max=65535)
    ] = None,
    latency_ms: Annotated[int, typer.Option(help="Wait before every answer.", min=0)] = 0,
) -> None:
    """Run the simulated CRMs until Ctrl-C, and print the variables that point at them.

    Changes made in them last: the same sizes and seed find the same records again.
    """
    sizes = {
        "persons": persons,
        "organizations": organizations,
        "deals": deals,
        "activities": activities,
        "contacts": contacts,
        "accounts": accounts,
        "opportunities": opportunities,
    }
    own = settings.read(Settings)
    folder = own.home_path / "sandboxes" / "-".join(map(str, (seed, *sizes.values())))
    arguments = [sys.executable, "-m", "crm_pipelines.sandbox", "--home", str(folder)]
    for name, number in {**sizes, "seed": seed, "port": port, "latency-ms": latency_ms}.items():
        arguments += [f"--{name}", str(number)]
    if tls_port is not None:
        arguments += ["--tls-port", str(tls_port)]
    console = Console()
    if port:
        console.print("Once it is ready, point the pipelines at it:", style="dim")
        for connector in connectors.discover().values():
            for name, value in connector.sandbox(f"http://{host}:{port}").items():
                console.print(f"export {name}={value}", highlight=False, soft_wrap=True)
    console.print(f"Admin interface under http://{host}:{port}/sandbox", highlight=False)
    os.execv(sys.executable, [*arguments, "--host", host])  # noqa: S606
