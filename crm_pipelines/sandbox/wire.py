"""The connection under a request: a server protocol that lets the application cut it."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable
from typing import Any

from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

CUT = "crm_pipelines.sandbox.cut"
"""Where the scope of a request holds the function that cuts its connection."""


class CuttableProtocol(HttpToolsProtocol):
    """HTTP/1.1 as usual; the scope carries a way to drop the connection in mid-answer."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        inner: Any = self.app

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            scope[CUT] = self._cut
            await inner(scope, receive, send)

        self.app = app

    def _cut(self, *, hard: bool) -> None:
        """Close after what was written, or at once with a reset (``hard``)."""
        connection = self.transport.get_extra_info("socket")
        if hard and connection is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.transport.abort()
        else:
            self.transport.close()


async def cut(scope: Scope, receive: Receive, *, hard: bool = False) -> None:
    """Drop the connection of a request and wait until it is gone, so that nothing follows."""
    drop: Callable[..., None] = scope[CUT]
    drop(hard=hard)
    while (await receive())["type"] != "http.disconnect":
        continue
