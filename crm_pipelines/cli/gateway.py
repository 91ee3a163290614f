"""``crm-pipelines gateway``: the gateway alone, in the foreground."""

from __future__ import annotations

import typer

from crm_pipelines import home, settings
from crm_pipelines.cli.processes import Wanted, refuse_taken_ports
from crm_pipelines.settings import Settings


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(name="gateway", epilog="Example: CRM_GATEWAY_PORT=8001 crm-pipelines gateway")(
        gateway
    )


def gateway() -> None:
    """Serve /health, /metrics and /docs until Ctrl-C; ``dev`` starts this, too."""
    own = settings.read(Settings)
    where = own.gateway_host, own.gateway_port
    refuse_taken_ports([Wanted("gateway", (), *where, "CRM_GATEWAY_PORT")])
    with home.ready() as ready:
        import uvicorn

        from crm_pipelines.gateway.app import create_app
        from crm_pipelines.gateway.heads import BoundedHeads

        uvicorn.run(
            create_app(ready.wiring),
            host=own.gateway_host,
            port=own.gateway_port,
            http=BoundedHeads,
            access_log=False,
            forwarded_allow_ips=own.trusted_proxies,
            timeout_graceful_shutdown=3,
        )
