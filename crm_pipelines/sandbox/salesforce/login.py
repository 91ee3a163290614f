"""OAuth: tokens for client credentials, signed assertions, passwords and refresh tokens."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable
from urllib.parse import parse_qsl

import jwt
from jwt.types import Options
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from crm_pipelines.sandbox.salesforce.answers import json_answer
from crm_pipelines.sandbox.salesforce.company import ORGANISATION_ID, Company
from crm_pipelines.sandbox.salesforce.credentials import (
    CLIENT_ID,
    CLIENT_SECRET,
    PASSWORD,
    SECURITY_TOKEN,
    USERNAME,
    Keys,
)
from crm_pipelines.sandbox.salesforce.sessions import Sessions

_JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_AUDIENCES = ("https://login.salesforce.com", "https://test.salesforce.com")
_UNCHECKED: Options = {
    "verify_aud": False,
    "verify_exp": False,
    "verify_sub": False,
    "verify_iat": False,
    "verify_nbf": False,
}
"""What is left to us: the audience is a choice of several, and time is the sandbox's own."""

Form = dict[str, str]


class Refused(Exception):
    """A token request that fails: OAuth's own error code and description."""

    def __init__(self, code: str, description: str) -> None:
        super().__init__(description)
        self.code, self.description = code, description


class Login:
    """``/services/oauth2``."""

    def __init__(self, company: Company, sessions: Sessions, keys: Keys) -> None:
        self._company, self._sessions, self._keys = company, sessions, keys
        self._grants: dict[str, Callable[[Form, str], str]] = {
            "client_credentials": self._client_credentials,
            "password": self._password,
            "refresh_token": self._refresh,
            _JWT_GRANT: self._assertion,
        }

    async def token(self, request: Request) -> Response:
        """A new access token, whatever the grant."""
        form = _form(request, await request.body())
        return await run_in_threadpool(self._token, form, origin(request))

    def _token(self, form: Form, here: str) -> Response:
        try:
            grant = self._grants.get(form.get("grant_type", ""))
            if grant is None:
                raise Refused("unsupported_grant_type", "grant type not supported")
            user_id = grant(form, here)
        except Refused as refused:
            return json_answer(
                {"error": refused.code, "error_description": refused.description}, 400
            )
        issued = str(int(self._company.now().timestamp() * 1000))
        identity = f"{here}/id/{ORGANISATION_ID}/{user_id}"
        signed = hmac.new(CLIENT_SECRET.encode(), (identity + issued).encode(), hashlib.sha256)
        body = {
            "access_token": self._sessions.start(user_id),
            "signature": base64.b64encode(signed.digest()).decode(),
            "scope": "api",
            "instance_url": here,
            "id": identity,
            "token_type": "Bearer",
            "issued_at": issued,
        }
        if form["grant_type"] == "password":
            body["refresh_token"] = self._sessions.refresh_token(user_id)
        return json_answer(body, headers={"Cache-Control": "no-cache, no-store"})

    def _client(self, form: Form, *, secret: bool = True) -> None:
        if form.get("client_id") != CLIENT_ID:
            raise Refused("invalid_client_id", "client identifier invalid")
        if secret and form.get("client_secret") != CLIENT_SECRET:
            raise Refused("invalid_client", "invalid client credentials")

    def _user(self, username: str, code: str = "invalid_grant") -> str:
        user_id = self._sessions.user_id(username)
        if user_id is None:
            raise Refused(code, "authentication failure")
        return user_id

    def _client_credentials(self, form: Form, here: str) -> str:
        self._client(form)
        return self._user(USERNAME)

    def _password(self, form: Form, here: str) -> str:
        self._client(form)
        if form.get("password") not in {PASSWORD, PASSWORD + SECURITY_TOKEN}:
            raise Refused("invalid_grant", "authentication failure")
        return self._user(form.get("username", ""))

    def _refresh(self, form: Form, here: str) -> str:
        self._client(form, secret="client_secret" in form)
        user_id = self._sessions.refreshed_user(form.get("refresh_token", ""))
        if user_id is None:
            raise Refused("invalid_grant", "expired access/refresh token")
        return user_id

    def _assertion(self, form: Form, here: str) -> str:
        assertion = form.get("assertion", "")
        try:
            issuer = jwt.decode(assertion, options={"verify_signature": False}).get("iss")
        except jwt.PyJWTError as error:
            raise Refused("invalid_grant", "invalid assertion") from error
        if issuer != CLIENT_ID:
            raise Refused("invalid_client_id", "client identifier invalid")
        claims = self._verified(assertion, here)
        if not isinstance(claims.get("sub"), str):
            raise Refused("invalid_grant", "user hasn't approved this consumer")
        return self._user(str(claims["sub"]))

    def _verified(self, assertion: str, here: str) -> dict[str, object]:
        failure = "invalid assertion"
        for pem in self._keys.public(CLIENT_ID):
            try:
                claims: dict[str, object] = jwt.decode(
                    assertion, pem, ["RS256"], options=_UNCHECKED
                )
            except jwt.PyJWTError:
                continue
            return self._timely(claims, here)
        raise Refused("invalid_grant", failure)

    def _timely(self, claims: dict[str, object], here: str) -> dict[str, object]:
        audience = claims.get("aud")
        if not isinstance(audience, str) or audience.rstrip("/") not in (*_AUDIENCES, here):
            raise Refused("invalid_grant", "audience is invalid")
        # some clients write the number as text
        until = str(claims.get("exp"))
        if not until.isdigit() or int(until) < self._company.now().timestamp():
            raise Refused("invalid_grant", "assertion expired")
        return claims


def origin(request: Request) -> str:
    """Scheme and host by which the caller reached us."""
    return f"{request.url.scheme}://{request.url.netloc}"


def _form(request: Request, body: bytes) -> Form:
    """The form's fields; a Basic header stands for client id and secret."""
    form = dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
    form = {**dict(request.query_params), **form}
    scheme, _, packed = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            pair = base64.b64decode(packed).decode()
        except (binascii.Error, UnicodeDecodeError):
            return form
        form["client_id"], _, form["client_secret"] = pair.partition(":")
    return form
