"""OAuth 2.0: the consent page, tokens for codes, refreshing, revoking."""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets
from html import escape
from typing import Any
from urllib.parse import parse_qs, urlencode

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from crm_pipelines.sandbox.pipedrive.company import Company

CODE_SECONDS = 300
DAY_SECONDS = 86_400
SCOPES = (
    "base deals:full activities:full contacts:full products:full leads:full users:read"
    " recents:read search:read admin"
)


class Rejected(Exception):
    """A request that OAuth answers with an error."""

    def __init__(self, status: int, error: str, message: str) -> None:
        super().__init__(message)
        self.status, self.error = status, error

    def response(self) -> Response:
        """As JSON."""
        body = {"success": False, "error": self.error, "message": str(self)}
        return JSONResponse(body, self.status)


def routes(company: Company) -> list[Route]:
    """The three endpoints."""
    desk = Desk(company)
    return [
        Route("/oauth/authorize", desk.authorize, methods=["GET"]),
        Route("/oauth/token", desk.exchange, methods=["POST"]),
        Route("/oauth/revoke", desk.revoke, methods=["POST"]),
    ]


class Desk:
    """Hands out and takes back tokens."""

    def __init__(self, company: Company) -> None:
        self._company, self._access = company, company.access

    async def authorize(self, request: Request) -> Response:
        """A page with two links: one grants, one denies."""
        query = request.query_params
        redirect = query.get("redirect_uri", "")
        if query.get("client_id") != self._access.get("client_id") or "://" not in redirect:
            return HTMLResponse("<h1>Unknown app</h1><p>Check client_id and redirect_uri.</p>", 400)
        state = {"state": query["state"]} if "state" in query else {}
        joint = "&" if "?" in redirect else "?"
        if query.get("decision") == "allow":
            code = self._issue("code", CODE_SECONDS, redirect)
            return RedirectResponse(redirect + joint + urlencode({"code": code, **state}), 302)
        if query.get("decision") == "deny":
            denied = {"error": "user_denied", **state}
            return RedirectResponse(redirect + joint + urlencode(denied), 302)
        links = "".join(
            f'<p><a id="{word}" href="?{escape(urlencode({**query, "decision": word}))}">'
            f"{word.capitalize()}</a></p>"
            for word in ("allow", "deny")
        )
        return HTMLResponse(f"<title>Sandbox</title><h1>An app asks for access</h1>{links}")

    async def exchange(self, request: Request) -> Response:
        """Tokens for a code or for a refresh token."""
        try:
            form = await self._form(request)
            if form.get("grant_type") == "authorization_code":
                refresh = self._spend_code(form)
            elif form.get("grant_type") == "refresh_token":
                refresh = self._prolong(form.get("refresh_token", ""))
            else:
                raise Rejected(400, "unsupported_grant_type", "grant_type is not supported")
        except Rejected as rejected:
            return rejected.response()
        seconds = self._company.limits["access_token_seconds"]
        return JSONResponse(
            {
                "access_token": self._issue("access", seconds, refresh),
                "token_type": "Bearer",
                "refresh_token": refresh,
                "scope": SCOPES,
                "expires_in": seconds,
                "api_domain": str(request.base_url).rstrip("/"),
            }
        )

    async def revoke(self, request: Request) -> Response:
        """A refresh token takes its access tokens along; an unknown token is no error."""
        try:
            token = (await self._form(request)).get("token", "")
        except Rejected as rejected:
            return rejected.response()
        with self._company.database.transaction() as connection:
            connection.execute(
                "DELETE FROM pipedrive_grants WHERE token = ? OR bound_to = ?", (token, token)
            )
        return JSONResponse({"success": True})

    async def _form(self, request: Request) -> dict[str, str]:
        """The form of a client that has proved who it is."""
        expected = f"{self._access.get('client_id')}:{self._access.get('client_secret')}"
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        try:
            shown = base64.b64decode(given, validate=True)
        except binascii.Error:
            shown = b""
        if scheme.lower() != "basic" or not hmac.compare_digest(shown, expected.encode()):
            raise Rejected(401, "invalid_client", "client credentials are invalid")
        fields = parse_qs((await request.body()).decode("utf-8", "replace"))
        return {name: values[0] for name, values in fields.items()}

    def _spend_code(self, form: dict[str, str]) -> str:
        grant = self._valid(form.get("code", ""), "code")
        if grant is None or grant != form.get("redirect_uri"):
            raise Rejected(400, "invalid_grant", "code is invalid, expired or of another redirect")
        self._drop(form["code"])
        return self._issue("refresh", self._refresh_seconds(), "")

    def _prolong(self, token: str) -> str:
        if self._valid(token, "refresh") is None:
            raise Rejected(
                400, "invalid_grant", "refresh_token is invalid or it was already exchanged"
            )
        if self._company.limits["rotate_refresh_token"]:
            self._drop(token)
            return self._issue("refresh", self._refresh_seconds(), "")
        with self._company.database.transaction() as connection:
            connection.execute(
                "UPDATE pipedrive_grants SET expires_at = ? WHERE token = ?",
                (self._now() + self._refresh_seconds(), token),
            )
        return token

    def _valid(self, token: str, kind: str) -> str | None:
        found = self._company.database.rows(
            "SELECT bound_to FROM pipedrive_grants WHERE token = ? AND kind = ? AND expires_at > ?",
            (token, kind, self._now()),
        )
        return str(found[0][0]) if found else None

    def _issue(self, kind: str, seconds: int, bound_to: str) -> str:
        token = f"{kind}-{secrets.token_hex(20)}"
        row: tuple[Any, ...] = (token, kind, self._now() + seconds, bound_to)
        with self._company.database.transaction() as connection:
            connection.execute("INSERT INTO pipedrive_grants VALUES (?, ?, ?, ?)", row)
        return token

    def _drop(self, token: str) -> None:
        with self._company.database.transaction() as connection:
            connection.execute("DELETE FROM pipedrive_grants WHERE token = ?", (token,))

    def _refresh_seconds(self) -> int:
        return self._company.limits["refresh_token_days"] * DAY_SECONDS

    def _now(self) -> float:
        return self._company.clock.now().timestamp()
