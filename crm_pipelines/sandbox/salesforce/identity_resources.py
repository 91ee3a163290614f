"""Who am I, and log me out: the resources around OAuth that need no API version."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from crm_pipelines.sandbox.salesforce.answers import Problem, json_answer, refusal
from crm_pipelines.sandbox.salesforce.catalog import Catalog
from crm_pipelines.sandbox.salesforce.company import ORGANISATION_ID
from crm_pipelines.sandbox.salesforce.login import origin
from crm_pipelines.sandbox.salesforce.records import Records
from crm_pipelines.sandbox.salesforce.sessions import Sessions


class IdentityResources:
    """``/services/oauth2/userinfo`` and ``/revoke``, and ``/id/ORG/USER``."""

    def __init__(self, catalog: Catalog, sessions: Sessions, records: Records) -> None:
        self._catalog, self._sessions, self._records = catalog, sessions, records

    async def show(self, request: Request) -> Response:
        """The user behind the token; it may come as a parameter, too."""
        token = request.query_params.get("access_token") or request.query_params.get("oauth_token")
        header = f"Bearer {token}" if token else request.headers.get("authorization")
        try:
            return await run_in_threadpool(self._shown, header, origin(request))
        except Problem as problem:
            return refusal(problem)

    async def revoke(self, request: Request) -> Response:
        """End a session."""
        form = parse_qs((await request.body()).decode("utf-8", "replace"))
        token = request.query_params.get("token") or form.get("token", [""])[0]
        if await run_in_threadpool(self._sessions.end, token):
            return Response(status_code=200)
        body = {"error": "unsupported_token_type", "error_description": "this token type is "
                "not supported"}  # fmt: skip
        return json_answer(body, 400)

    def _shown(self, header: str | None, here: str) -> Response:
        user_id = self._sessions.holder(header)
        row = self._records.read(self._catalog.get("User"), user_id) or {}
        names = [row[part] for part in ("FirstName", "LastName") if row.get(part)]
        identity = f"{here}/id/{ORGANISATION_ID}/{user_id}"
        body: dict[str, Any] = {
            "sub": identity,
            "id": identity,
            "user_id": user_id,
            "organization_id": ORGANISATION_ID,
            "preferred_username": row.get("Username"),
            "username": row.get("Username"),
            "name": " ".join(str(part) for part in names),
            "display_name": " ".join(str(part) for part in names),
            "email": row.get("Email"),
            "user_type": "STANDARD",
            "active": True,
            "urls": {
                "rest": f"{here}/services/data/v{{version}}/",
                "query": f"{here}/services/data/v{{version}}/query/",
                "sobjects": f"{here}/services/data/v{{version}}/sobjects/",
            },
        }
        return json_answer(body)
