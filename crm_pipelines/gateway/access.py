"""Who is calling: a key in the header, what it may do, and how often."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import HTTPException, Security
from fastapi.security import APIKeyHeader, HTTPAuthorizationCredentials, HTTPBearer

from crm_pipelines.model.access import ApiKey, Scope
from crm_pipelines.store import api_keys
from crm_pipelines.wiring import Wiring

bearer = HTTPBearer(auto_error=False, description="A key of `crm-pipelines api-keys new`.")
header = APIKeyHeader(name="X-API-Key", auto_error=False, description="The same key.")

CHALLENGE = {"WWW-Authenticate": "Bearer"}


@dataclass(frozen=True)
class Caller:
    """Who calls, for which tenant."""

    workspace: str
    key: ApiKey

    @property
    def who(self) -> str:
        """As the audit log names them."""
        return f"api key {self.key.id} ({self.key.name})"


Checked = Callable[..., Caller]


def caller(wiring: Wiring, scope: Scope) -> Checked:
    """A dependency that lets in whoever has a key with this scope.

    401 without a living key, 403 without the scope, 429 above the calls of the minute.
    """

    def check(
        token: Annotated[HTTPAuthorizationCredentials | None, Security(bearer)],
        other: Annotated[str | None, Security(header)],
    ) -> Caller:
        given = token.credentials if token else other
        if not given:
            raise HTTPException(401, "this needs a key: Authorization: Bearer …", CHALLENGE)
        key = api_keys.use(wiring.database, given)
        if key is None or key.workspace not in wiring.settings.workspaces:
            raise HTTPException(401, "this key is not known, or revoked", CHALLENGE)
        most = wiring.settings.gateway_calls_per_minute
        if key.used > most:
            wait = {"Retry-After": str(max(1, math.ceil(key.seconds_left)))}
            raise HTTPException(429, f"more than {most} calls in a minute with this key", wait)
        if not key.may(scope):
            raise HTTPException(403, f"this key may not {scope}: it has {_listed(key)}")
        return Caller(key.workspace, key)

    return check


def _listed(key: ApiKey) -> str:
    return ", ".join(sorted(key.scopes)) or "no scope"
