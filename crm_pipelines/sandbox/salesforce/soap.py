"""The SOAP API, as far as ``login`` and ``logout`` go: the legacy way to get a session."""

from __future__ import annotations

import re
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from crm_pipelines.sandbox.salesforce.company import ORGANISATION_ID, Company
from crm_pipelines.sandbox.salesforce.credentials import PASSWORD, SECURITY_TOKEN
from crm_pipelines.sandbox.salesforce.door import NEWEST, OLDEST
from crm_pipelines.sandbox.salesforce.login import origin
from crm_pipelines.sandbox.salesforce.sessions import Sessions

_LAST_WITH_LOGIN = 64
_LONGEST = 100_000
_ENVELOPE = (
    '<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope '
    'xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns="urn:partner.soap.sforce.com" '
    'xmlns:sf="urn:fault.partner.soap.sforce.com" '
    'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">'
    "<soapenv:Body>{0}</soapenv:Body></soapenv:Envelope>"
)
_DOCTYPE = re.compile(rb"<!DOCTYPE", re.IGNORECASE)


class Fault(Exception):
    """A SOAP fault."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


class Soap:
    """``/services/Soap/u/VERSION``."""

    def __init__(self, company: Company, sessions: Sessions) -> None:
        self._company, self._sessions = company, sessions

    async def answer(self, request: Request) -> Response:
        """One call."""
        body = await request.body()
        try:
            version = _version(request.path_params["rest"])
            envelope = _parsed(body)
            inner = await run_in_threadpool(self._do, envelope, origin(request), version)
        except Fault as fault:
            words = (
                f"<soapenv:Fault><faultcode>sf:{fault.code}</faultcode>"
                f"<faultstring>{fault.code}: {escape(fault.message)}</faultstring>"
                f"<detail><sf:{fault.code}Fault><sf:exceptionCode>{fault.code}"
                f"</sf:exceptionCode><sf:exceptionMessage>{escape(fault.message)}"
                f"</sf:exceptionMessage></sf:{fault.code}Fault></detail></soapenv:Fault>"
            )
            return _xml(words, 500)
        return _xml(inner, 200)

    def _do(self, envelope: ElementTree.Element, here: str, version: int) -> str:
        texts = {_bare(each.tag): (each.text or "") for each in envelope.iter()}
        if "login" in texts:
            return self._login(texts, here, version)
        if "logout" in texts:
            if not self._sessions.end(texts.get("sessionId", "")):
                raise Fault(
                    "INVALID_SESSION_ID",
                    "Invalid Session ID found in SessionHeader: Illegal Session",
                )
            return "<logoutResponse/>"
        raise Fault("INVALID_OPERATION", "This simulation knows no calls but login and logout")

    def _login(self, texts: dict[str, str], here: str, version: int) -> str:
        if version > _LAST_WITH_LOGIN:
            raise Fault(
                "INVALID_OPERATION",
                f"SOAP API login() is not available in API version {version}.0; use OAuth",
            )
        username = texts.get("username", "")
        user_id = self._sessions.user_id(username)
        if user_id is None or texts.get("password") != PASSWORD + SECURITY_TOKEN:
            raise Fault(
                "INVALID_LOGIN",
                "Invalid username, password, security token; or user locked out.",
            )
        session = self._sessions.start(user_id)
        server = f"{here}/services/Soap/u/{version}.0/{ORGANISATION_ID[:15]}"
        metadata = f"{here}/services/Soap/m/{version}.0/{ORGANISATION_ID[:15]}"
        return (
            f"<loginResponse><result><metadataServerUrl>{metadata}</metadataServerUrl>"
            "<passwordExpired>false</passwordExpired><sandbox>true</sandbox>"
            f"<serverUrl>{server}</serverUrl><sessionId>{session}</sessionId>"
            f"<userId>{user_id}</userId><userInfo>"
            f"<organizationId>{ORGANISATION_ID}</organizationId>"
            "<organizationName>Sandbox</organizationName>"
            f"<sessionSecondsValid>{self._company.limits['session_seconds']}"
            f"</sessionSecondsValid><userId>{user_id}</userId>"
            f"<userName>{escape(username)}</userName></userInfo></result></loginResponse>"
        )


def _version(rest: str) -> int:
    number, _, fraction = rest.split("/")[0].partition(".")
    if not number.isdigit() or fraction != "0" or int(number) > NEWEST:
        raise Fault("UNKNOWN_EXCEPTION", "Destination URL not reset")
    if int(number) < OLDEST:
        raise Fault("UNSUPPORTED_API_VERSION", f"API version {number}.0 is retired")
    return int(number)


def _parsed(body: bytes) -> ElementTree.Element:
    # a document type could define entities that expand without end; SOAP has none
    if len(body) > _LONGEST or _DOCTYPE.search(body):
        raise Fault("UNKNOWN_EXCEPTION", "The envelope is too long or has a document type")
    try:
        return ElementTree.fromstring(body)  # noqa: S314
    except ElementTree.ParseError as error:
        raise Fault("UNKNOWN_EXCEPTION", f"Unable to parse the envelope: {error}") from error


def _bare(tag: str) -> str:
    return tag.rpartition("}")[2]


def _xml(inner: str, status: int) -> Response:
    return Response(_ENVELOPE.format(inner), status, media_type="text/xml")
