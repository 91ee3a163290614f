"""``crm-pipelines auth CRM``: somebody grants us access in a browser."""

from __future__ import annotations

import secrets
from contextlib import closing
from typing import Annotated
from urllib.parse import urlsplit

import typer

from crm_pipelines import home
from crm_pipelines.cli.callback import HOSTS, Callback, read_answer
from crm_pipelines.model.connector import Account
from crm_pipelines.model.errors import ConfigurationError
from crm_pipelines.wiring import Wiring

REDIRECT_URL = "http://127.0.0.1:8910/callback"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        name="auth",
        epilog="Examples:  crm-pipelines auth pipedrive  ·  crm-pipelines auth pipedrive "
        "--workspace acme --paste",
    )(auth)


def auth(
    crm: Annotated[str, typer.Argument(help="Which CRM, like pipedrive.")],
    workspace: Annotated[str, typer.Option(help="Of which tenant.")] = "",
    redirect_url: Annotated[
        str, typer.Option(help="The callback address that the app is registered with.")
    ] = REDIRECT_URL,
    paste: Annotated[
        bool,
        typer.Option("--paste", help="The browser is on another machine: paste what it shows."),
    ] = False,
    wait: Annotated[int, typer.Option(help="Seconds to wait for the browser.", min=1)] = 600,
) -> None:
    """Have access granted in a browser (OAuth 2.0), and keep the tokens sealed in the database.

    Prints an address to open. After consent the browser comes back to this program, or you paste
    the address it was sent to.
    """
    with home.ready() as ready:
        account = _account(ready.wiring, crm, workspace)
        consent = account.consent
        state = secrets.token_urlsafe(24)
        page = consent.page(account.settings, redirect_url, state)
        home.bring_up_to_date(ready.wiring.database)
        code = _ask(page, redirect_url, state, paste=paste, wait=wait)
        tokens = account.grant(code, redirect_url)
        where = f" at {tokens.address}" if tokens.address else ""
        typer.echo(f"Access granted to {account.connector.title}{where}; the tokens lie sealed.")
        if overruled := consent.overruled(account.settings):
            typer.echo(f"Unset {overruled} to use them: as long as it is set, it wins.", err=True)


def _account(wiring: Wiring, crm: str, workspace: str) -> Account:
    known = wiring.settings.workspaces
    if not workspace and len(known) > 1:
        raise ConfigurationError(f"--workspace is needed: one of {', '.join(known)}")
    if workspace and workspace not in known:
        raise ConfigurationError(
            f"there is no workspace {workspace!r}: CRM_WORKSPACES names {', '.join(known)}"
        )
    return wiring.account(workspace or known[0], crm)


def _ask(page: str, redirect_url: str, state: str, *, paste: bool, wait: int) -> str:
    """The code, by the browser itself or by hand."""
    parts = urlsplit(redirect_url)
    if paste or parts.hostname not in HOSTS or parts.scheme != "http":
        typer.echo(f"Open this address, and allow access:\n\n{page}\n")
        typer.echo("Then paste the address that you were sent to (or the code in it):")
        return read_answer(typer.get_text_stream("stdin").readline(), state)
    with closing(Callback(redirect_url, state)) as callback:
        typer.echo(f"Open this address, and allow access:\n\n{page}\n")
        typer.echo(f"Waiting for the browser at {redirect_url} ...")
        return callback.wait(wait)
