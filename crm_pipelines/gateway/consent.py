"""Granting access in a browser (OAuth 2.0), by way of the gateway."""

from __future__ import annotations

import hmac
import secrets
from html import escape

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from crm_pipelines.gateway import problems
from crm_pipelines.model.connector import Account
from crm_pipelines.model.errors import BadCredentials, ConfigurationError
from crm_pipelines.wiring import Wiring

COOKIE, SECONDS = "crm_pipelines_state", 600
"""What ties the answer to the browser that asked, and for how long."""

HEADERS = {"Referrer-Policy": "no-referrer", "Cache-Control": "no-store"}
_PAGE = "<!doctype html><meta charset=utf-8><title>crm-pipelines</title><h1>{}</h1><p>{}</p>"


def routes(wiring: Wiring) -> APIRouter:
    """The page that sends people to the CRM, and the one they come back to."""
    router = APIRouter(prefix="/auth/{crm}/{workspace}", tags=["access"])

    @router.get("", status_code=303, responses=problems.described(400, 404))
    def ask(crm: str, workspace: str, request: Request) -> RedirectResponse:
        """Begin here: on to the CRM, where access is granted."""
        account = _account(wiring, crm, workspace)
        state = secrets.token_urlsafe(24)
        back = str(request.url_for("answer", crm=crm, workspace=workspace))
        try:
            page = account.consent.page(account.settings, back, state)
        except ConfigurationError as error:
            raise HTTPException(400, str(error)) from error
        answer = RedirectResponse(page, 303, HEADERS)
        answer.set_cookie(
            COOKIE, state, SECONDS, path=request.url.path, httponly=True, samesite="lax",
            secure=request.url.scheme == "https",
        )  # fmt: skip
        return answer

    @router.get("/callback", response_class=HTMLResponse)
    def answer(
        crm: str,
        workspace: str,
        request: Request,
        code: str = "",
        state: str = "",
        error: str = "",
    ) -> Response:
        """Where the CRM sends people back to; register this address with the app."""
        account = _account(wiring, crm, workspace)
        ours = request.cookies.get(COOKIE, "")
        if not ours or not hmac.compare_digest(ours.encode(), state.encode()):
            return _page(400, "Not ours", "This answers another request: begin anew.")
        if not code:
            return _page(403, "Not granted", f"The CRM says: {error or 'no code'}. Begin anew.")
        back = str(request.url_for("answer", crm=crm, workspace=workspace))
        try:
            account.grant(code, back)
        except BadCredentials as refused:
            return _page(502, "Not granted", str(refused))
        told = "You may close this page."
        if overruled := account.consent.overruled(account.settings):
            told = f"Unset {overruled} to use it: as long as it is set, it wins."
        page = _page(200, "Access granted", told)
        page.delete_cookie(COOKIE, path=request.url.path.removesuffix("/callback"))
        return page

    return router


def _account(wiring: Wiring, crm: str, workspace: str) -> Account:
    try:
        return wiring.account(workspace, crm)
    except ConfigurationError as error:
        raise HTTPException(404, str(error)) from error


def _page(status: int, title: str, words: str) -> HTMLResponse:
    return HTMLResponse(_PAGE.format(escape(title), escape(words[:300])), status, HEADERS)
