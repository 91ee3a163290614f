"""One delivery from the first byte to the answer, without the machinery of other requests."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from starlette.exceptions import HTTPException
from starlette.types import Message, Receive, Scope, Send

from crm_pipelines.gateway.webhooks.callers import Door, Refused
from crm_pipelines.gateway.webhooks.desk import Desk
from crm_pipelines.gateway.webhooks.identity import Identify, identity
from crm_pipelines.model.errors import SystemTrouble
from crm_pipelines.store.inbox.arrivals import Arrival

ANSWER = b'{"received":true}'
CHALLENGE = {"WWW-Authenticate": 'Basic realm="webhooks", charset="UTF-8"'}
_KEPT: tuple[Message, Message] = (
    {
        "type": "http.response.start",
        "status": 200,
        "headers": [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(ANSWER)).encode()),
        ],
    },
    {"type": "http.response.body", "body": ANSWER},
)


class Receiver:
    """An ASGI application for the webhooks of one CRM; the workspace is in the path."""

    def __init__(
        self, crm: str, doors: Mapping[str, Door], desk: Desk, identify: Identify | None
    ) -> None:
        self._crm, self._doors, self._desk, self._identify = crm, doors, desk, identify

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request. Raises ``HTTPException`` for whatever is not kept."""
        received_at = datetime.now(UTC)
        workspace = scope["path_params"]["workspace"]
        if workspace not in self._doors:
            raise HTTPException(404, "there is no such workspace: see CRM_WORKSPACES")
        try:
            registration, body = await self._check(self._doors[workspace], scope, receive)
        except Refused as refused:
            headers = CHALLENGE if refused.status == 401 else None
            raise HTTPException(refused.status, str(refused), headers) from None
        if not body:
            raise HTTPException(400, "there is nothing in the body")
        name = identity(body, self._identify)
        arrival = Arrival(workspace, self._crm, name, body, registration, received_at)
        try:
            await self._desk.keep(arrival)
        except SystemTrouble as trouble:
            raise HTTPException(503, str(trouble), {"Retry-After": "30"}) from trouble
        for message in _KEPT:
            await send(message)

    async def _check(self, door: Door, scope: Scope, receive: Receive) -> tuple[int | None, bytes]:
        """The caller's registration and the body, which strangers do not get to send."""
        door.check_address((scope.get("client") or ("", 0))[0])
        shown = door.look(scope["headers"])
        if shown.signatures:
            body = await _read(receive)
            door.check_signatures(shown, body)
            return door.registration(shown.basic), body
        return await door.let_in(shown.basic), await _read(receive)


async def _read(receive: Receive) -> bytes:
    """The whole body; what is larger than allowed is stopped before it gets here."""
    parts: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise HTTPException(400, "the body broke off")
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)
