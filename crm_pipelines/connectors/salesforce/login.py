"""The ways into an org. Nothing here is ever logged; errors carry Salesforce's words only."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Mapping
from xml.sax.saxutils import escape

import httpx

from crm_pipelines.connectors.salesforce.settings import Flow, SalesforceSettings
from crm_pipelines.model.errors import BadCredentials, ConfigurationError, Unreachable

LAST_SOAP_VERSION = 64.0
"""SOAP ``login()`` is not served from v65 on, and ends with the Summer '27 release."""

_ENVELOPE = """<?xml version="1.0" encoding="utf-8"?>
<env:Envelope xmlns:env="http://schemas.xmlsoap.org/soap/envelope/">
<env:Body><login xmlns="urn:partner.soap.sforce.com"><username>{user}</username>
<password>{password}</password></login></env:Body></env:Envelope>"""


class Session:
    """A login that many streams share; ``renew`` makes the next request log in again."""

    def __init__(self, settings: SalesforceSettings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._token = ""
        self._instance = settings.instance_url

    def headers(self) -> Mapping[str, str]:
        """The bearer token; logs in if there is none."""
        with self._lock:
            if not self._token:
                self._log_in()
            return {"Authorization": f"Bearer {self._token}"}

    def renew(self) -> None:
        """Forget the token. A ready-made access token cannot be renewed."""
        with self._lock:
            if self._settings.flow is Flow.ACCESS_TOKEN:
                raise BadCredentials("SALESFORCE_ACCESS_TOKEN has expired: set a fresh one")
            self._token = ""

    @property
    def instance_url(self) -> str:
        """Where the org's API is; logs in to learn it if it is not set."""
        self.headers()
        if not self._instance:
            raise ConfigurationError("SALESFORCE_INSTANCE_URL is not set")
        return self._instance

    def _log_in(self) -> None:
        flow = self._settings.flow
        if flow is Flow.ACCESS_TOKEN:
            self._token = self._settings.access_token.get_secret_value()
        elif flow is Flow.SOAP:
            self._soap()
        elif flow is None:
            raise BadCredentials(
                "no Salesforce login is set: SALESFORCE_CLIENT_ID and SALESFORCE_CLIENT_SECRET, "
                "or another complete set of .env.example"
            )
        else:
            self._oauth(self._grant(flow))

    def _grant(self, flow: Flow) -> dict[str, str]:
        if flow is Flow.CLIENT_CREDENTIALS:
            return {
                "grant_type": "client_credentials",
                "client_id": self._settings.client_id,
                "client_secret": self._settings.client_secret.get_secret_value(),
            }
        return {
            "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
            "assertion": self._assertion(),
        }

    def _assertion(self) -> str:
        import jwt

        path = self._settings.private_key_file
        try:
            key = path.read_text() if path else ""
        except OSError as error:
            raise ConfigurationError(
                f"SALESFORCE_PRIVATE_KEY_FILE: {path} cannot be read ({error.strerror})"
            ) from error
        claims = {
            "iss": self._settings.client_id,
            "sub": self._settings.username,
            "aud": self._settings.login_address,
            "exp": int(time.time()) + 180,
        }
        try:
            return jwt.encode(claims, key, algorithm="RS256")
        except (ValueError, TypeError, jwt.PyJWTError) as error:
            raise ConfigurationError(
                f"SALESFORCE_PRIVATE_KEY_FILE: {path} holds no RSA private key in PEM form"
            ) from error

    def _oauth(self, grant: Mapping[str, str]) -> None:
        answer = self._post("/services/oauth2/token", data=grant)
        body = _json(answer)
        if answer.status_code != 200 or "access_token" not in body:
            said = body.get("error_description") or body.get("error") or answer.reason_phrase
            raise BadCredentials(
                f"Salesforce refuses the login ({said}): check the SALESFORCE_* variables of the "
                f"{self._settings.flow} login and that the app is allowed to use it"
            )
        self._token = body["access_token"]
        self._instance = self._settings.instance_url or body.get("instance_url", "")

    def _soap(self) -> None:
        version = min(float(self._settings.api_version), LAST_SOAP_VERSION)
        secret = (
            self._settings.password.get_secret_value()
            + self._settings.security_token.get_secret_value()
        )
        envelope = _ENVELOPE.format(user=escape(self._settings.username), password=escape(secret))
        answer = self._post(
            f"/services/Soap/u/{version:.1f}",
            content=envelope.encode(),
            headers={"Content-Type": "text/xml; charset=UTF-8", "SOAPAction": "login"},
        )
        session = re.search(r"<(?:\w+:)?sessionId>([^<]+)<", answer.text)
        server = re.search(r"<(?:\w+:)?serverUrl>([^<]+)<", answer.text)
        if session is None or server is None:
            said = re.search(r"<(?:\w+:)?faultstring>([^<]*)<", answer.text)
            raise BadCredentials(
                f"Salesforce refuses the login ({said[1] if said else answer.reason_phrase}): "
                "check SALESFORCE_USERNAME, SALESFORCE_PASSWORD and SALESFORCE_SECURITY_TOKEN"
            )
        self._token = session[1]
        found = httpx.URL(server[1])
        self._instance = self._settings.instance_url or str(found.copy_with(path="/")).rstrip("/")

    def _post(self, path: str, **request: object) -> httpx.Response:
        url = self._settings.login_address + path
        try:
            return httpx.post(url, timeout=30, **request)  # type: ignore[arg-type]
        except httpx.TransportError as error:
            raise Unreachable(
                f"Salesforce cannot be reached at {self._settings.login_address} ({error}): check "
                "SALESFORCE_LOGIN_URL or SALESFORCE_INSTANCE_URL, the network and the certificate"
            ) from error


def _json(answer: httpx.Response) -> dict[str, str]:
    try:
        body = answer.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}
