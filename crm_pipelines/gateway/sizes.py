"""Bodies that are too large are turned away before anybody reads them whole."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from crm_pipelines.gateway import problems

MOST_BYTES = 1 << 20


class LimitedBodies:
    """Answers 413 to a body above a megabyte, whatever its header says of its length."""

    def __init__(self, app: ASGIApp, most: int = MOST_BYTES) -> None:
        self._app, self._most = app, most
        self._words = f"the body is larger than {most:,} bytes"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        length = dict(scope["headers"]).get(b"content-length", b"0")
        if length.isdigit() and int(length) > self._most:
            await self._refuse(scope, receive, send)
            return
        await self._app(scope, self._counted(receive), send)

    def _counted(self, receive: Receive) -> Receive:
        seen = 0

        async def read() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > self._most:
                raise HTTPException(413, self._words)
            return message

        return read

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer = problems.answer(413, self._words)
        answer.headers["Connection"] = "close"
        await answer(scope, receive, send)
