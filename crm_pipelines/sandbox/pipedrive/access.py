"""Logins: the company's API token, and the access tokens that OAuth gave out."""

from __future__ import annotations

import hmac

from starlette.requests import Request

from crm_pipelines.sandbox.clock import Clock
from crm_pipelines.sandbox.database import Database
from crm_pipelines.sandbox.pipedrive.operation import Caller
from crm_pipelines.sandbox.pipedrive.refusals import unauthorized

DEFAULT_TOKEN = "sandbox-token"  # noqa: S105 - the published default of a simulation
ADMIN_USER = 1


class Access:
    """Who may call. The token outlives a restart."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock
        with database.transaction() as connection:
            connection.execute(
                "CREATE TABLE IF NOT EXISTS pipedrive_settings (name PRIMARY KEY, value)"
            )
            connection.execute(
                "CREATE TABLE IF NOT EXISTS pipedrive_grants"
                " (token PRIMARY KEY, kind, client, expires_at, refresh)"
            )

    @property
    def api_token(self) -> str:
        """The token in force."""
        found = self._database.rows("SELECT value FROM pipedrive_settings WHERE name = 'token'")
        return str(found[0][0]) if found else DEFAULT_TOKEN

    @api_token.setter
    def api_token(self, token: str) -> None:
        with self._database.transaction() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO pipedrive_settings VALUES ('token', ?)", (token,)
            )

    def recognise(self, request: Request) -> Caller:
        """The caller of a request. Raises a ``Refusal`` (401)."""
        given = request.headers.get("x-api-token") or request.query_params.get("api_token")
        if given is not None:
            if not hmac.compare_digest(given.encode(), self.api_token.encode()):
                raise unauthorized()
            return Caller(ADMIN_USER, "api-token")
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and self._is_granted(token.strip()):
            return Caller(ADMIN_USER, token.strip(), oauth=True)
        raise unauthorized()

    def _is_granted(self, token: str) -> bool:
        found = self._database.rows(
            "SELECT expires_at FROM pipedrive_grants WHERE token = ? AND kind = 'access'",
            (token,),
        )
        return bool(found) and self._clock.now().timestamp() < float(found[0][0])
