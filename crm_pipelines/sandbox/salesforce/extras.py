"""Admin levers that only this system has: credentials, fields that come and go, the bin."""

from __future__ import annotations

from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from crm_pipelines.sandbox.admin import Handler, guarded
from crm_pipelines.sandbox.salesforce import credentials
from crm_pipelines.sandbox.salesforce.credentials import Keys
from crm_pipelines.sandbox.salesforce.custom_fields import CustomFields
from crm_pipelines.sandbox.salesforce.levers import AUTHOR, Levers
from crm_pipelines.sandbox.salesforce.sessions import Sessions


class Extras:
    """Routes below ``/sandbox/salesforce``."""

    def __init__(
        self, sessions: Sessions, keys: Keys, levers: Levers, fields: CustomFields
    ) -> None:
        self._sessions, self._keys = sessions, keys
        self._levers, self._fields = levers, fields

    def routes(self) -> list[BaseRoute]:
        """JSON in, JSON out, like the rest of the admin interface."""
        table: list[tuple[str, str, Handler]] = [
            ("GET", "credentials", self.show_credentials),
            ("POST", "tokens", self.make_token),
            ("DELETE", "tokens", self.end_tokens),
            ("POST", "keys", self.add_key),
            ("PATCH", "objects/{name}", self.hide_object),
            ("POST", "fields/{name}", self.add_field),
            ("DELETE", "fields/{name}/{field}", self.drop_field),
            ("POST", "records/{name}/{identity}/undelete", self.undelete),
            ("POST", "records/{name}/{identity}/destroy", self.destroy),
        ]
        return [
            Route(f"/sandbox/salesforce/{path}", guarded(handler), methods=[method])
            for method, path, handler in table
        ]

    async def show_credentials(self, _: Request) -> Response:
        """Everything one can log in with."""
        return JSONResponse(
            {
                "client_id": credentials.CLIENT_ID,
                "client_secret": credentials.CLIENT_SECRET,
                "username": credentials.USERNAME,
                "password": credentials.PASSWORD,
                "security_token": credentials.SECURITY_TOKEN,
                "private_key_file": str(self._keys.private_key_file),
            }
        )

    async def make_token(self, _: Request) -> Response:
        """A ready-made access token."""
        token = await run_in_threadpool(self._sessions.start, AUTHOR)
        return JSONResponse({"access_token": token}, 201)

    async def end_tokens(self, _: Request) -> Response:
        """Log everybody out: the next call with any token is answered 401."""
        await run_in_threadpool(self._sessions.end_all)
        return Response(status_code=204)

    async def add_key(self, request: Request) -> Response:
        """``{"public_key": PEM}`` may sign assertions from now on."""
        pem = str((await request.json())["public_key"])
        await run_in_threadpool(self._keys.register, credentials.CLIENT_ID, pem)
        return Response(status_code=204)

    async def hide_object(self, request: Request) -> Response:
        """``{"hidden": true}``: as if the org had no such object, or nobody might see it."""
        hidden = bool((await request.json())["hidden"])
        self._levers.hide(request.path_params["name"], hidden=hidden)
        return JSONResponse({"hidden": hidden})

    async def add_field(self, request: Request) -> Response:
        """``{"name": "New__c", "type": "string", "value": "for every record"}``."""
        wish: dict[str, Any] = await request.json()
        name = request.path_params["name"]
        await run_in_threadpool(self._fields.add, name, wish)
        return JSONResponse({"added": wish["name"]}, 201)

    async def drop_field(self, request: Request) -> Response:
        """The field is gone from describe and from queries; so is its data."""
        path = request.path_params
        await run_in_threadpool(self._fields.drop, path["name"], path["field"])
        return Response(status_code=204)

    async def undelete(self, request: Request) -> Response:
        """Out of the recycle bin."""
        path = request.path_params
        record = await run_in_threadpool(self._levers.undelete, path["name"], path["identity"])
        return JSONResponse(record)

    async def destroy(self, request: Request) -> Response:
        """Deleted past the recycle bin: only the log of deletions knows."""
        path = request.path_params
        await run_in_threadpool(self._levers.destroy, path["name"], path["identity"])
        return Response(status_code=204)
