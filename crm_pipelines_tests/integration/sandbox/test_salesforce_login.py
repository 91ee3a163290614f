"""Every way into the simulated Salesforce, and what it says to the wrong ones."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from crm_pipelines_tests.salesforce_org import CLIENT, Org

JWT = "urn:ietf:params:oauth:grant-type:jwt-bearer"


def token(org: Org, **form: str) -> httpx.Response:
    return httpx.post(f"{org.sandbox.url}/services/oauth2/token", data=form, trust_env=False)


def works(org: Org, access_token: str) -> bool:
    headers = {"Authorization": f"Bearer {access_token}"}
    return org.send("GET", "/limits", headers=headers).status_code == 200


def soap(org: Org, version: str, user: str, password: str) -> httpx.Response:
    body = (
        '<se:Envelope xmlns:se="http://schemas.xmlsoap.org/soap/envelope/"><se:Body>'
        f'<login xmlns="urn:partner.soap.sforce.com"><username>{user}</username>'
        f"<password>{password}</password></login></se:Body></se:Envelope>"
    )
    headers = {"Content-Type": "text/xml", "SOAPAction": '""'}
    pieces = iter([body[:40].encode(), body[40:].encode()])
    return org.client.post(f"/services/Soap/u/{version}", content=pieces, headers=headers)


def test_client_credentials_in_the_body_and_as_basic(org: Org) -> None:
    answer = token(org, grant_type="client_credentials", **CLIENT)
    body = answer.json()
    assert answer.status_code == 200
    assert body["instance_url"] == org.sandbox.url
    assert "refresh_token" not in body
    assert "expires_in" not in body
    assert works(org, body["access_token"])
    basic = httpx.post(
        f"{org.sandbox.url}/services/oauth2/token",
        data={"grant_type": "client_credentials"},
        auth=("sandbox-client", "sandbox-secret"),
        trust_env=False,
    )
    assert works(org, basic.json()["access_token"])


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({"grant_type": "client_credentials", "client_id": "x"}, "invalid_client_id"),
        ({"grant_type": "client_credentials", **CLIENT, "client_secret": "x"}, "invalid_client"),
        ({"grant_type": "magic", **CLIENT}, "unsupported_grant_type"),
        ({}, "unsupported_grant_type"),
        ({"grant_type": "password", **CLIENT, "username": "x", "password": "y"}, "invalid_grant"),
        ({"grant_type": "refresh_token", **CLIENT, "refresh_token": "x"}, "invalid_grant"),
        ({"grant_type": JWT, "assertion": "nonsense"}, "invalid_grant"),
    ],
)
def test_wrong_logins(org: Org, form: dict[str, str], error: str) -> None:
    answer = token(org, **form)
    assert answer.status_code == 400
    assert answer.json()["error"] == error
    assert answer.json()["error_description"]


def test_password_and_refresh(org: Org) -> None:
    form = {"username": "sandbox@example.com", "password": "sandbox-passwordsandboxtoken"}
    body = token(org, grant_type="password", **CLIENT, **form).json()
    assert works(org, body["access_token"])
    again = token(
        org, grant_type="refresh_token", **CLIENT, refresh_token=body["refresh_token"]
    ).json()
    assert works(org, again["access_token"])
    assert again["access_token"] != body["access_token"]


def now(org: Org) -> float:
    return datetime.fromisoformat(org.sandbox.admin("GET", "/clock")["now"]).timestamp()


def assertion(org: Org, key: Any = None, **changes: Any) -> str:
    known = org.admin("GET", "/credentials")
    claims = {
        "iss": known["client_id"],
        "sub": known["username"],
        "aud": "https://login.salesforce.com",
        "exp": int(now(org) + 180),
        **changes,
    }
    pem = key or Path(known["private_key_file"]).read_text()
    return jwt.encode({k: v for k, v in claims.items() if v is not None}, pem, "RS256")


def test_signed_assertion(org: Org) -> None:
    for audience in ("https://login.salesforce.com", org.sandbox.url):
        body = token(org, grant_type=JWT, assertion=assertion(org, aud=audience)).json()
        assert works(org, body["access_token"])


@pytest.mark.parametrize(
    ("changes", "description"),
    [
        ({"aud": "https://elsewhere.example"}, "audience is invalid"),
        ({"exp": 1}, "assertion expired"),
        ({"exp": None}, "assertion expired"),
        ({"sub": "nobody@example.com"}, "authentication failure"),
        ({"sub": None}, "user hasn't approved this consumer"),
    ],
)
def test_assertions_that_do_not_hold(org: Org, changes: dict[str, Any], description: str) -> None:
    body = token(org, grant_type=JWT, assertion=assertion(org, **changes)).json()
    assert body["error_description"] == description


def test_a_key_counts_once_it_is_registered(org: Org) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    signed = assertion(org, key)
    refused = token(org, grant_type=JWT, assertion=signed).json()
    assert refused["error_description"] == "invalid assertion"
    pem = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    org.admin("POST", "/keys", {"public_key": pem.decode()})
    assert works(org, token(org, grant_type=JWT, assertion=signed).json()["access_token"])


def test_soap(org: Org) -> None:
    answer = soap(org, "64.0", "sandbox@example.com", "sandbox-passwordsandboxtoken")
    tree = {e.tag.rpartition("}")[2]: e.text for e in ElementTree.fromstring(answer.text).iter()}
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/xml")
    assert str(tree["serverUrl"]).startswith(f"{org.sandbox.url}/services/Soap/u/64.0/00D")
    assert works(org, str(tree["sessionId"]))


@pytest.mark.parametrize(
    ("version", "password", "code"),
    [
        ("64.0", "wrong", "INVALID_LOGIN"),
        ("64.0", "sandbox-password", "INVALID_LOGIN"),
        ("65.0", "sandbox-passwordsandboxtoken", "INVALID_OPERATION"),
        ("30.0", "sandbox-passwordsandboxtoken", "UNSUPPORTED_API_VERSION"),
    ],
)
def test_soap_faults(org: Org, version: str, password: str, code: str) -> None:
    answer = soap(org, version, "sandbox@example.com", password)
    assert answer.status_code == 500
    assert f"<sf:exceptionCode>{code}</sf:exceptionCode>" in answer.text
    ElementTree.fromstring(answer.text)


def test_soap_envelopes_that_are_none(org: Org) -> None:
    for body in (b"", b"<a>", b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', b"\xff\xfe"):
        answer = org.client.post("/services/Soap/u/64.0", content=body)
        assert answer.status_code == 500
        assert "UNKNOWN_EXCEPTION" in answer.text


def test_idle_sessions_end_by_the_clock(org: Org) -> None:
    org.limit(session_seconds=100)
    org.advance(seconds=90)
    assert org.send("GET", "/limits").status_code == 200
    org.advance(seconds=90)
    assert org.send("GET", "/limits").status_code == 200
    org.advance(seconds=101)
    answer = org.send("GET", "/limits")
    assert answer.status_code == 401
    assert answer.json() == [
        {"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}
    ]


def test_revoke_and_log_out_everybody(org: Org) -> None:
    first = token(org, grant_type="client_credentials", **CLIENT).json()["access_token"]
    revoked = org.client.post("/services/oauth2/revoke", data={"token": first})
    assert revoked.status_code == 200
    assert not works(org, first)
    assert org.client.post("/services/oauth2/revoke", data={"token": first}).status_code == 400
    ready = org.admin("POST", "/tokens")["access_token"]
    assert works(org, ready)
    org.admin("DELETE", "/tokens")
    assert not works(org, ready)


def test_who_am_i(org: Org) -> None:
    body = token(org, grant_type="client_credentials", **CLIENT).json()
    shown = org.send("GET", "/services/oauth2/userinfo").json()
    assert shown["preferred_username"] == "sandbox@example.com"
    headers = {"Authorization": f"Bearer {body['access_token']}"}
    identity = httpx.get(body["id"], headers=headers, trust_env=False).json()
    assert identity["user_id"] == shown["user_id"]
    assert httpx.get(body["id"], trust_env=False).status_code == 401


def test_no_token_no_entry(org: Org) -> None:
    for header in ("", "Bearer", "Bearer nonsense", "Basic abc"):
        answer = org.send("GET", "/limits", headers={"Authorization": header})
        assert answer.status_code == 401
        assert answer.json()[0]["errorCode"] == "INVALID_SESSION_ID"
