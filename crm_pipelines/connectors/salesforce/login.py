"""The ways into an org. Nothing here is ever logged; errors carry Salesforce's words only."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from xml.sax.saxutils import escape

import httpx

from crm_pipelines.connectors.salesforce.settings import Flow, SalesforceSettings
from crm_pipelines.model.call import Login
from crm_pipelines.model.errors import BadCredentials, ConfigurationError
from crm_pipelines.model.tokens import Tokens, TokenStore, fingerprint
from crm_pipelines.transport.logins import ReadyMade, Session, answered, knock

LAST_SOAP_VERSION = 64.0
"""SOAP ``login()`` is not served from v65 on, and ends with the Summer '27 release."""

REFUSED_SECONDS = 30
"""A refused login rests that long: ten wrong ones may lock the user."""

WHERE = "check the network, SALESFORCE_LOGIN_URL and SALESFORCE_INSTANCE_URL"

_log = logging.getLogger("crm_pipelines.salesforce")

_ENVELOPE = """<?xml version="1.0" encoding="utf-8"?>
<env:Envelope xmlns:env="http://schemas.xmlsoap.org/soap/envelope/">
<env:Body><login xmlns="urn:partner.soap.sforce.com"><username>{user}</username>
<password>{password}</password></login></env:Body></env:Envelope>"""


def log_in(settings: SalesforceSettings, store: TokenStore) -> tuple[Login, str]:
    """The login, and where the org is; asks for that where it is not set.

    Sessions are shared by every process and found out to be over by a 401: Salesforce does not
    say how long one lasts.
    """
    flow = settings.flow
    if flow is None:
        raise ConfigurationError(
            "no Salesforce login is set: SALESFORCE_CLIENT_ID and SALESFORCE_CLIENT_SECRET, or "
            "another complete set of .env.example"
        )
    if flow is Flow.ACCESS_TOKEN:
        secret = settings.access_token.get_secret_value()
        headers = {"Authorization": f"Bearer {secret}"}
        advice = "SALESFORCE_ACCESS_TOKEN is not accepted, or has expired: set a fresh one"
        return _ready(store, secret, headers, advice), settings.instance_url
    made_with = fingerprint(flow, *_credentials(settings))
    make = partial(_make, settings, flow, made_with)
    session = Session(store, f"Salesforce {flow}", made_with, make, from_nothing=True)
    address = settings.instance_url or session.address()
    if not address:
        raise ConfigurationError("SALESFORCE_INSTANCE_URL is not set")
    return session, address


def _ready(store: TokenStore, secret: str, headers: Mapping[str, str], advice: str) -> Login:
    return ReadyMade(store, "SALESFORCE_ACCESS_TOKEN", secret, headers, advice)


def _credentials(settings: SalesforceSettings) -> tuple[str, ...]:
    """Everything that a session depends on: with any of it changed, the stored one is not ours."""
    return (
        settings.login_address,
        settings.client_id,
        settings.client_secret.get_secret_value(),
        settings.username,
        settings.password.get_secret_value(),
        settings.security_token.get_secret_value(),
        _private_key(settings) if settings.flow is Flow.JWT else "",
    )


def _make(settings: SalesforceSettings, flow: Flow, made_with: str, _: Tokens | None) -> Tokens:
    """A new session, or why there is none: then nobody asks again for a while."""
    made = _soap(settings) if flow is Flow.SOAP else _oauth(settings, _grant(settings, flow))
    if not made.refused:
        return replace(made, made_with=made_with)
    again_at = datetime.now(UTC) + timedelta(seconds=REFUSED_SECONDS)
    said = (
        f"Salesforce refuses the login ({made.refused}): check the SALESFORCE_* variables of the "
        f"{flow} login and that the app and the user may use it; the same ones are not tried "
        f"before {again_at:%H:%M:%S} UTC, because wrong ones lock the user"
    )
    return replace(made, refused=said, renew_at=again_at, made_with=made_with)


def _grant(settings: SalesforceSettings, flow: Flow) -> dict[str, str]:
    if flow is Flow.CLIENT_CREDENTIALS:
        return {
            "grant_type": "client_credentials",
            "client_id": settings.client_id,
            "client_secret": settings.client_secret.get_secret_value(),
        }
    return {
        "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
        "assertion": _assertion(settings),
    }


def _private_key(settings: SalesforceSettings) -> str:
    path = settings.private_key_file
    try:
        return path.read_text() if path else ""
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not text"
        raise ConfigurationError(
            f"SALESFORCE_PRIVATE_KEY_FILE: {path} cannot be read ({why})"
        ) from error


def _assertion(settings: SalesforceSettings) -> str:
    import jwt

    claims = {
        "iss": settings.client_id,
        "sub": settings.username,
        "aud": settings.login_address,
        "exp": int(time.time()) + 180,
    }
    try:
        return jwt.encode(claims, _private_key(settings), algorithm="RS256")
    except (ValueError, TypeError, jwt.PyJWTError):
        # without the cause: its text may show a piece of the key
        raise ConfigurationError(
            f"SALESFORCE_PRIVATE_KEY_FILE: {settings.private_key_file} holds no RSA private key "
            "in PEM form"
        ) from None


def _oauth(settings: SalesforceSettings, grant: Mapping[str, str]) -> Tokens:
    url = f"{settings.login_address}/services/oauth2/token"
    answer = knock("Salesforce", url, WHERE, data=dict(grant))
    body = answered(answer)
    if answer.status_code == 200 and body.get("access_token"):
        return Tokens(
            str(body["access_token"]),
            address=str(body.get("instance_url") or "").rstrip("/"),
            scope=str(body.get("scope") or ""),
        )
    if not body.get("error"):
        raise _stranger(settings, answer)
    return Tokens("", refused=str(body.get("error_description") or body["error"]))


def _soap(settings: SalesforceSettings) -> Tokens:
    _log.warning(
        "SALESFORCE_PASSWORD logs in over SOAP, which Salesforce ends with its Summer '27 release: "
        "move to SALESFORCE_CLIENT_ID with a secret or a private key before June 2027."
    )
    version = min(float(settings.api_version), LAST_SOAP_VERSION)
    secret = settings.password.get_secret_value() + settings.security_token.get_secret_value()
    envelope = _ENVELOPE.format(user=escape(settings.username), password=escape(secret))
    answer = knock(
        "Salesforce",
        f"{settings.login_address}/services/Soap/u/{version:.1f}",
        WHERE,
        fault="faultstring>",
        content=envelope.encode(),
        headers={"Content-Type": "text/xml; charset=UTF-8", "SOAPAction": "login"},
    )
    session = re.search(r"<(?:\w+:)?sessionId>([^<]+)<", answer.text)
    server = re.search(r"<(?:\w+:)?serverUrl>([^<]+)<", answer.text)
    if session and server:
        address = str(httpx.URL(server[1]).copy_with(path="/")).rstrip("/")
        return Tokens(session[1], address=address)
    said = re.search(r"<(?:\w+:)?faultstring>([^<]*)<", answer.text)
    if said is None:
        raise _stranger(settings, answer)
    return Tokens("", refused=said[1])


def _stranger(settings: SalesforceSettings, answer: httpx.Response) -> BadCredentials:
    return BadCredentials(
        f"{settings.login_address} does not answer like Salesforce's login ({answer.status_code} "
        f"{answer.reason_phrase}): check SALESFORCE_LOGIN_URL and SALESFORCE_INSTANCE_URL"
    )
