"""Serving a world over HTTP, and on request over TLS with a certificate authority of its own."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import signal
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import trustme
import uvicorn
from starlette.types import ASGIApp

from crm_pipelines.sandbox.application import create_app
from crm_pipelines.sandbox.wire import CuttableProtocol
from crm_pipelines.sandbox.world import World


def bind(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes a free one. Raises ``OSError`` when it is taken."""
    family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
    # Named outright: asyncio turns Nagle's delays off only for sockets that say they are TCP.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(128)
    except OSError:
        listener.close()
        raise
    return listener


def serve(
    world: World,
    listeners: Mapping[str, socket.socket],
    ready_file: Path | None = None,
    *,
    stop: threading.Event | None = None,
    on_ready: Callable[[Mapping[str, Any]], None] | None = None,
) -> None:
    """Serve until told to stop: by SIGTERM or SIGINT in a main thread, or by ``stop``.

    ``listeners`` by scheme (``http``, ``https``), already bound. When every listener answers,
    ``ready_file`` gets a JSON object with pid and URLs, and ``on_ready`` the same.
    """

    def announce() -> None:
        facts = describe(world.home, listeners)
        if ready_file is not None:
            part = ready_file.with_name(ready_file.name + ".part")
            part.write_text(json.dumps(facts))
            part.replace(ready_file)
        if on_ready is not None:
            on_ready(facts)

    app = create_app(world)
    try:
        asyncio.run(_serve(app, world.home, listeners, announce, stop))
    finally:
        app.close()


def describe(home: Path, listeners: Mapping[str, socket.socket]) -> dict[str, Any]:
    """Pid, URLs by scheme and, with TLS, the PEM file of the authority."""
    facts: dict[str, Any] = {"pid": os.getpid()}
    for scheme, listener in listeners.items():
        host, port = listener.getsockname()[:2]
        facts[scheme] = f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"
    if "https" in listeners:
        facts["ca"] = str(home / "ca.pem")
    return facts


class _Server(uvicorn.Server):
    """Leaves signals to us: two servers share a process here, and ending on one is no failure."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def _serve(
    app: ASGIApp,
    home: Path,
    listeners: Mapping[str, socket.socket],
    announce: Callable[[], None],
    stop: threading.Event | None,
) -> None:
    servers = [_Server(_configure(app, scheme, home)) for scheme in listeners]

    def end() -> None:
        # What is still under way is cut off now; that is no error worth a traceback.
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL + 1)
        for server in servers:
            server.should_exit = True

    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, end)
    tasks = [
        asyncio.create_task(server.serve(sockets=[listener]))
        for server, listener in zip(servers, listeners.values(), strict=True)
    ]
    watcher = asyncio.create_task(_watch(servers, announce, stop, end))
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        end()
        watcher.cancel()
        await asyncio.gather(*tasks)
        # TLS connections need some turns of the loop to close their sockets
        await asyncio.sleep(0.05)
        with contextlib.suppress(asyncio.CancelledError):
            await watcher


async def _watch(
    servers: list[_Server],
    announce: Callable[[], None],
    stop: threading.Event | None,
    end: Callable[[], None],
) -> None:
    while not all(server.started for server in servers):
        await asyncio.sleep(0.005)
    announce()
    while stop is not None and not stop.is_set():
        await asyncio.sleep(0.02)
    if stop is not None:
        end()


def _configure(app: ASGIApp, scheme: str, home: Path) -> uvicorn.Config:
    config = uvicorn.Config(
        app,
        http=CuttableProtocol,
        log_config=None,
        log_level="error",
        access_log=False,
        lifespan="off",
        timeout_keep_alive=30,
        timeout_graceful_shutdown=1,
    )
    config.load()
    if scheme == "https":
        authority = trustme.CA()
        authority.cert_pem.write_to_path(str(home / "ca.pem"))
        config.ssl = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1", "localhost").configure_cert(config.ssl)
    return config
