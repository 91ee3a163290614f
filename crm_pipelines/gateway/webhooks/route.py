"""The end point of webhooks: as it is described, as it is answered, and what runs beside it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path as File
from typing import Annotated

from fastapi import Path, Security
from fastapi.routing import APIRoute
from fastapi.security import HTTPBasic, HTTPBasicCredentials
from pydantic import BaseModel

from crm_pipelines import connectors
from crm_pipelines.gateway import problems
from crm_pipelines.gateway.sizes import MOST_BYTES_OF_WEBHOOKS
from crm_pipelines.gateway.webhooks.addresses import AllowedAddresses
from crm_pipelines.gateway.webhooks.callers import Door
from crm_pipelines.gateway.webhooks.desk import Desk
from crm_pipelines.gateway.webhooks.receiver import Receiver
from crm_pipelines.gateway.webhooks.registrations import Registrations
from crm_pipelines.gateway.webhooks.settings import WebhookSettings
from crm_pipelines.store.inbox.spool import Spool
from crm_pipelines.wiring import Wiring

CRM = "pipedrive"
PATH = "/webhooks/pipedrive/{workspace}"
ABOUT = f"""\
Stored, and applied later: 200 says that the delivery is safe, also when it had come before. The
caller shows the Basic credentials of a registered webhook or those that were set for webhooks made
by hand, or signs the body (HMAC-SHA256); a signature that is wrong is refused whatever else is
right. A body may be anything of up to {MOST_BYTES_OF_WEBHOOKS >> 20} MB, whatever its type is
said to be: what cannot be read is kept for people to look at.
"""
ANY_BODY = {
    "requestBody": {
        "required": True,
        "description": "As Pipedrive sends it: meta, data and previous.",
        "content": {"application/json": {"schema": {}}},
    }
}
basic = HTTPBasic(auto_error=False, description="Of a webhook.", scheme_name="WebhookCredentials")


class Received(BaseModel):
    """The answer to a delivery that is safe."""

    received: bool


class Webhooks:
    """Everything that receives webhooks. Raises ``ConfigurationError`` when it is made."""

    def __init__(self, wiring: Wiring) -> None:
        own, url = wiring.settings, wiring.database.url
        self._registrations = Registrations(url, CRM, own.home_path / "webhook-credentials.json")
        self._desk = Desk(url, Spool(own.spool_path, own.spool_bytes))
        doors = {name: self._door(wiring, name) for name in own.workspaces}
        events = connectors.discover()[CRM].events
        identify = events.identify if events else None
        self._receiver = Receiver(CRM, doors, self._desk, identify)

    @property
    def route(self) -> APIRoute:
        """Described like the others, but answered by the receiver itself."""
        made = APIRoute(
            PATH,
            _take,
            methods=["POST"],
            name="receive_webhook",
            summary="Take a delivery of Pipedrive",
            description=ABOUT,
            tags=["webhooks"],
            responses=problems.described(400, 401, 403, 404, 413, 503),
            openapi_extra=ANY_BODY,
        )
        made.app = self._receiver
        return made

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Takes deliveries inside of the block."""
        self._registrations.open()
        self._desk.open()
        try:
            yield
        finally:
            await asyncio.to_thread(self._desk.close)
            await asyncio.to_thread(self._registrations.close)

    def _door(self, wiring: Wiring, workspace: str) -> Door:
        settings = wiring.read(WebhookSettings, workspace)
        path = settings.allowed_ips_file
        allowed = AllowedAddresses(File(path).expanduser()) if path else None
        return Door(workspace, settings, self._registrations, allowed)


async def _take(  # what the document is made from
    workspace: Annotated[
        str, Path(description="One of CRM_WORKSPACES: whose account it is.", examples=["default"])
    ],
    credentials: Annotated[HTTPBasicCredentials | None, Security(basic)],
) -> Received:
    raise NotImplementedError
