"""OAuth 2.0: the page that asks for consent, tokens for its code, and fresh ones in time.

PKCE is not offered by Pipedrive (developer docs, OAuth authorization); the state is what ties an
answer to its question.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import urlencode, urlsplit

from crm_pipelines.connectors.pipedrive.settings import PipedriveSettings
from crm_pipelines.model.errors import BadCredentials, ConfigurationError
from crm_pipelines.model.tokens import Consent, Tokens, TokenStore, fingerprint
from crm_pipelines.transport.logins import Session, answered, knock

EARLY_SECONDS, EARLY_SHARE = 300, 0.1
"""Refreshed that long before the end, or a tenth of a shorter life."""

AGAIN = "run `crm-pipelines auth pipedrive` to grant it again"
WHERE = "check the network and PIPEDRIVE_OAUTH_URL"


def open_session(settings: PipedriveSettings, store: TokenStore) -> Session:
    """The login with the stored grant."""
    renew = partial(_renew, settings)
    return Session(store, "PIPEDRIVE_CLIENT_ID", _app(settings), renew, from_nothing=False)


def _page(settings: PipedriveSettings, redirect_url: str, state: str) -> str:
    """Scopes come from the app's registration, so that none are named here."""
    if not settings.has_app:
        raise ConfigurationError(
            "PIPEDRIVE_CLIENT_ID and PIPEDRIVE_CLIENT_SECRET are not set: both are on your app's "
            "page in Pipedrive's Developer Hub"
        )
    query = {"client_id": settings.client_id, "redirect_uri": redirect_url, "state": state}
    return f"{settings.oauth_url}/oauth/authorize?{urlencode(query)}"


def _redeem(settings: PipedriveSettings, code: str, redirect_url: str) -> Tokens:
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_url}
    tokens = _ask(settings, form)
    if tokens.refused:
        raise BadCredentials(
            f"Pipedrive does not take the code ({tokens.refused}): codes are good for five minutes "
            "and once; run the command again"
        )
    return tokens


def _overruled(settings: PipedriveSettings) -> str:
    return "PIPEDRIVE_API_TOKEN" if settings.api_token.get_secret_value() else ""


CONSENT = Consent(page=_page, redeem=_redeem, overruled=_overruled)


def _renew(settings: PipedriveSettings, old: Tokens | None) -> Tokens:
    if old is None:
        raise BadCredentials(
            "nobody has granted the app of PIPEDRIVE_CLIENT_ID access to this Pipedrive company: "
            "run `crm-pipelines auth pipedrive`"
        )
    fresh = _ask(settings, {"grant_type": "refresh_token", "refresh_token": old.refresh_token})
    if fresh.refused:
        said = f"the grant of access to Pipedrive is gone ({fresh.refused}): {AGAIN}"
        return replace(old, refused=said, renew_at=None)
    return replace(
        fresh,
        refresh_token=fresh.refresh_token or old.refresh_token,
        address=fresh.address or old.address,
    )


def _ask(settings: PipedriveSettings, form: dict[str, str]) -> Tokens:
    """What the token endpoint gives; ``refused`` says that the grant or code is worth nothing."""
    secret = settings.client_secret.get_secret_value()
    answer = knock(
        "Pipedrive",
        f"{settings.oauth_url}/oauth/token",
        WHERE,
        data=form,
        auth=(settings.client_id, secret),
    )
    body = answered(answer)
    said = str(body.get("message") or body.get("error_description") or body.get("error") or "")
    if answer.status_code == 200 and body.get("access_token"):
        return _tokens(settings, body)
    if body.get("error") == "invalid_grant":
        return Tokens("", refused=said)
    if answer.status_code == 401 or body.get("error") == "invalid_client":
        raise BadCredentials(
            f"Pipedrive does not know the app ({said or answer.reason_phrase}): check "
            "PIPEDRIVE_CLIENT_ID and PIPEDRIVE_CLIENT_SECRET"
        )
    raise BadCredentials(
        f"{settings.oauth_url} does not answer like Pipedrive's login "
        f"({answer.status_code} {said or answer.reason_phrase}): check PIPEDRIVE_OAUTH_URL"
    )


def _tokens(settings: PipedriveSettings, body: dict[str, Any]) -> Tokens:
    try:
        seconds = max(0.0, float(body.get("expires_in", 3600)))
    except (TypeError, ValueError):
        seconds = 3600.0
    early = min(EARLY_SECONDS, seconds * EARLY_SHARE)
    address = str(body.get("api_domain") or "").rstrip("/")
    return Tokens(
        access_token=str(body["access_token"]),
        refresh_token=str(body.get("refresh_token") or ""),
        renew_at=datetime.now(UTC) + timedelta(seconds=seconds - early),
        address=address if urlsplit(address).scheme in ("http", "https") else "",
        scope=str(body.get("scope") or ""),
        made_with=_app(settings),
    )


def _app(settings: PipedriveSettings) -> str:
    """A grant belongs to an app; its secret may change without harm."""
    return fingerprint(settings.oauth_url, settings.client_id)
