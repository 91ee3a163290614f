"""Bodies that are too large are turned away before anybody reads them whole."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from crm_pipelines.gateway import problems

MOST_BYTES = 1 << 20
MOST_BYTES_OF_WEBHOOKS = 8 << 20
"""A webhook that is refused is lost, so this is more than what records are ever made of."""
WEBHOOKS = "/webhooks/"


class LimitedBodies:
    """Answers 413 to a body above its limit, whatever its header says of its length."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        most = MOST_BYTES_OF_WEBHOOKS if scope["path"].startswith(WEBHOOKS) else MOST_BYTES
        length = dict(scope["headers"]).get(b"content-length", b"0")
        if length.isdigit() and int(length) > most:
            answer = problems.answer(413, _words(most))
            answer.headers["Connection"] = "close"
            await answer(scope, receive, send)
            return
        await self._app(scope, _counted(receive, most), send)


def _counted(receive: Receive, most: int) -> Receive:
    seen = 0

    async def read() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > most:
            raise HTTPException(413, _words(most))
        return message

    return read


def _words(most: int) -> str:
    return f"the body is larger than {most:,} bytes"
