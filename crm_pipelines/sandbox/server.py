"""Serving a world over HTTP, and on request over TLS with a certificate authority of its own."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import ssl
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import trustme
import uvicorn
from starlette.applications import Starlette
from starlette.types import ASGIApp

from crm_pipelines.sandbox import admin
from crm_pipelines.sandbox.gate import Gate
from crm_pipelines.sandbox.pipedrive import Pipedrive
from crm_pipelines.sandbox.salesforce import Salesforce
from crm_pipelines.sandbox.system import System
from crm_pipelines.sandbox.world import World

SYSTEMS: tuple[Callable[[World], System], ...] = (Pipedrive, Salesforce)


def create_app(world: World) -> ASGIApp:
    """The whole sandbox as one application; an empty world is filled first."""
    systems: Sequence[System] = [system(world) for system in SYSTEMS]
    for system in systems:
        system.populate()
    app = Starlette(
        routes=[*admin.routes(world, systems), *(r for s in systems for r in s.routes())]
    )
    return Gate(app, world, systems)


def bind(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes a free one. Raises ``OSError`` when it is taken."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((host, port))
    return listener


def issue_certificate(home: Path) -> tuple[Path, Callable[[ssl.SSLContext], None]]:
    """A new authority for this world; returns its PEM file and what configures a context."""
    authority = trustme.CA()
    pem = home / "ca.pem"
    authority.cert_pem.write_to_path(str(pem))
    certificate = authority.issue_cert("127.0.0.1", "localhost")
    return pem, certificate.configure_cert


def serve(world: World, listeners: Mapping[str, socket.socket], ready_file: Path | None) -> None:
    """Serve until told to stop. ``listeners`` by scheme (``http``, ``https``), already bound.

    When every listener answers, ``ready_file`` gets a JSON object with pid and URLs.
    """
    asyncio.run(_serve(create_app(world), world.home, listeners, ready_file))


async def _serve(
    app: ASGIApp, home: Path, listeners: Mapping[str, socket.socket], ready_file: Path | None
) -> None:
    servers = []
    for scheme in listeners:
        config = uvicorn.Config(app, log_level="critical", lifespan="off", timeout_keep_alive=30)
        config.load()
        if scheme == "https":
            config.ssl = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            issue_certificate(home)[1](config.ssl)
        servers.append(uvicorn.Server(config))
    tasks = [
        asyncio.create_task(server.serve(sockets=[listener]))
        for server, listener in zip(servers, listeners.values(), strict=True)
    ]
    while not all(server.started for server in servers):
        await asyncio.sleep(0.01)
        if any(task.done() for task in tasks):
            break
    if ready_file is not None:
        _announce(ready_file, home, listeners)
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for server in servers:
            server.should_exit = True
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(*tasks)


def _announce(ready_file: Path, home: Path, listeners: Mapping[str, socket.socket]) -> None:
    import os

    urls = {scheme: _url(scheme, listener) for scheme, listener in listeners.items()}
    words = {"pid": os.getpid(), **urls}
    if "https" in listeners:
        words["ca"] = str(home / "ca.pem")
    part = ready_file.with_suffix(".part")
    part.write_text(json.dumps(words))
    part.replace(ready_file)


def _url(scheme: str, listener: socket.socket) -> str:
    host, port = listener.getsockname()
    return f"{scheme}://{host}:{port}"
