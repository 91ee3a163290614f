"""Logins: the company's API token, and the access tokens that OAuth gave out."""

from __future__ import annotations

import hmac

from starlette.requests import Request

from crm_pipelines.sandbox.clock import Clock
from crm_pipelines.sandbox.database import Database
from crm_pipelines.sandbox.pipedrive.operation import Caller
from crm_pipelines.sandbox.pipedrive.refusals import unauthorized

DEFAULTS = {
    "api_token": "sandbox-token",
    "client_id": "sandbox-client",
    "client_secret": "sandbox-secret",
}
"""Credentials a sandbox starts with."""

ADMIN_USER = 1


class Access:
    """Who may call. Credentials and grants outlive a restart."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock
        with database.transaction() as connection:
            connection.execute(
                "CREATE TABLE IF NOT EXISTS pipedrive_credentials (name PRIMARY KEY, value)"
            )
            connection.execute(
                "CREATE TABLE IF NOT EXISTS pipedrive_grants"
                " (token PRIMARY KEY, kind, expires_at, bound_to)"
            )

    def get(self, name: str) -> str:
        """A credential in force, by its name in ``DEFAULTS``."""
        found = self._database.rows(
            "SELECT value FROM pipedrive_credentials WHERE name = ?", (name,)
        )
        return str(found[0][0]) if found else DEFAULTS[name]

    def set(self, name: str, value: str) -> None:
        """Replace a credential; the old one is worthless at once."""
        if name not in DEFAULTS:
            raise ValueError(f"unknown credential {name!r}: one of {', '.join(DEFAULTS)}")
        with self._database.transaction() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO pipedrive_credentials VALUES (?, ?)", (name, value)
            )

    def recognise(self, request: Request) -> Caller:
        """The caller of a request. Raises a ``Refusal`` (401)."""
        given = request.headers.get("x-api-token") or request.query_params.get("api_token")
        if given is not None:
            if not hmac.compare_digest(given.encode(), self.get("api_token").encode()):
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
