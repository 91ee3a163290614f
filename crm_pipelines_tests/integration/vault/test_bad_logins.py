"""Logins that cannot work: one line each, saying what to do, from the first call of a source."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import trustme

from crm_pipelines.model.errors import (
    BadCredentials,
    ConfigurationError,
    FatalError,
    Unreachable,
)
from crm_pipelines.wiring import Wiring
from crm_pipelines_tests.conftest import start_sandbox
from crm_pipelines_tests.consent import REDIRECT, app_variables
from crm_pipelines_tests.integration.vault.accounts import introduce
from crm_pipelines_tests.sandbox_process import Sandbox

NOBODY = "http://127.0.0.1:9"
NOWHERE = "https://nowhere.invalid"
PIPEDRIVE = "PIPEDRIVE_BASE_URL"
LOGIN, INSTANCE = "SALESFORCE_LOGIN_URL", "SALESFORCE_INSTANCE_URL"
NO_APP = {"SALESFORCE_CLIENT_ID": "", "SALESFORCE_CLIENT_SECRET": ""}


@pytest.fixture(scope="module")
def sandbox(filled_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """One for all: hardly anybody gets as far as to change something."""
    with ExitStack() as stack:
        yield start_sandbox(filled_home, tmp_path_factory.mktemp("shared") / "sandbox", stack)


@contextmanager
def another_site(status: int = 200, *, tls: bool = False) -> Iterator[str]:
    """A server that is no CRM: it has a page for everything, or sends people elsewhere."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("content-length") or 0))
            body = b"<!doctype html><title>Welcome</title>"
            self.send_response(status)
            if status < 400:
                self.send_header("Location", "https://www.example.com/")
            self.send_header("Content-Type", "text/html; charset=UTF-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            self.do_GET()

        def log_message(self, format: str, *args: object) -> None:
            """Nothing."""

    class Server(HTTPServer):
        def handle_error(self, request: object, client_address: object) -> None:
            """A client that does not trust us goes away; that is what the test is about."""

    with Server(("127.0.0.1", 0), Handler) as server:
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"{'https' if tls else 'http'}://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def refused(
    values: dict[str, str], crm: str, kind: type[Exception], words: str, secret: str = "-"
) -> None:
    with pytest.raises(kind, match=words) as caught:
        introduce(values, crm)
    assert type(caught.value) is kind
    assert len(str(caught.value).splitlines()) == 1
    assert secret == "-" or secret not in str(caught.value)


@pytest.mark.parametrize(
    ("crm", "change", "kind", "words"),
    [
        ("pipedrive", {"PIPEDRIVE_API_TOKEN": "wrong-one"}, BadCredentials, "PIPEDRIVE_API_TOKEN"),
        ("pipedrive", {"PIPEDRIVE_API_TOKEN": "two words"}, ConfigurationError, "_API_TOKEN: must"),
        ("pipedrive", {"PIPEDRIVE_API_TOKEN": "tökén"}, ConfigurationError, "_API_TOKEN: must"),
        ("pipedrive", {"PIPEDRIVE_API_TOKEN": "a\nb"}, ConfigurationError, "_API_TOKEN: must"),
        ("pipedrive", {PIPEDRIVE: NOBODY}, Unreachable, "check the address"),
        ("pipedrive", {PIPEDRIVE: NOWHERE}, Unreachable, "check the address"),
        ("salesforce", {"SALESFORCE_CLIENT_SECRET": "wrong-one"}, BadCredentials, "SALESFORCE_"),
        ("salesforce", {"SALESFORCE_CLIENT_ID": "wrong-one"}, BadCredentials, "SALESFORCE_"),
        ("salesforce", {LOGIN: NOBODY}, Unreachable, LOGIN),
        ("salesforce", {LOGIN: NOWHERE}, Unreachable, LOGIN),
        ("salesforce", {INSTANCE: NOBODY}, Unreachable, "check the address"),
        (
            "salesforce",
            {**NO_APP, "SALESFORCE_USERNAME": "u", "SALESFORCE_PASSWORD": "wrong-one"},
            BadCredentials,
            "SALESFORCE_",
        ),
        (
            "salesforce",
            {**NO_APP, "SALESFORCE_ACCESS_TOKEN": "wrong-one"},
            BadCredentials,
            "SALESFORCE_ACCESS_TOKEN",
        ),
    ],
)
def test_wrong_values(
    environment: dict[str, str],
    crm: str,
    change: dict[str, str],
    kind: type[Exception],
    words: str,
) -> None:
    secret = next(iter(change.values())) if "wrong-one" not in change.values() else "wrong-one"
    hidden = secret if not secret.startswith("http") and secret else "-"
    refused({**environment, **change}, crm, kind, words, hidden)


@pytest.mark.parametrize("status", [200, 302, 404])
@pytest.mark.parametrize(
    ("crm", "variable", "kind", "words"),
    [
        ("pipedrive", PIPEDRIVE, FatalError, PIPEDRIVE),
        ("salesforce", INSTANCE, FatalError, INSTANCE),
        ("salesforce", LOGIN, BadCredentials, LOGIN),
    ],
)
def test_another_site_at_the_address(
    environment: dict[str, str],
    status: int,
    crm: str,
    variable: str,
    kind: type[Exception],
    words: str,
) -> None:
    with another_site(status) as url:
        refused({**environment, variable: url}, crm, kind, words)


@pytest.mark.parametrize(
    ("crm", "variable"), [("pipedrive", PIPEDRIVE), ("salesforce", LOGIN), ("salesforce", INSTANCE)]
)
def test_a_certificate_nobody_vouches_for(
    environment: dict[str, str], crm: str, variable: str
) -> None:
    with another_site(tls=True) as url:
        refused({**environment, variable: url}, crm, Unreachable, "(?i)certificate")


@pytest.mark.parametrize(
    ("crm", "variable"), [("pipedrive", PIPEDRIVE), ("salesforce", LOGIN), ("salesforce", INSTANCE)]
)
def test_https_where_plain_http_is_spoken(
    environment: dict[str, str], crm: str, variable: str
) -> None:
    url = environment[PIPEDRIVE].replace("http://", "https://")
    refused({**environment, variable: url}, crm, Unreachable, "SSL")


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "cannot be read"), (b"no key", "no RSA private key"), (b"\xff\xfe", "cannot be read")],
)
def test_private_keys_that_are_none(
    environment: dict[str, str], tmp_path: Path, content: bytes | None, words: str
) -> None:
    file = tmp_path / "key.pem"
    if content is not None:
        file.write_bytes(content)
    jwt = {
        "SALESFORCE_CLIENT_SECRET": "",
        "SALESFORCE_USERNAME": "sandbox@example.com",
        "SALESFORCE_PRIVATE_KEY_FILE": str(file),
    }
    refused({**environment, **jwt}, "salesforce", ConfigurationError, words)


@pytest.mark.parametrize(
    ("site", "kind"), [(None, Unreachable), (200, BadCredentials), (404, BadCredentials)]
)
def test_a_wrong_address_of_the_consent_page(
    environment: dict[str, str], site: int | None, kind: type[Exception]
) -> None:
    with ExitStack() as stack:
        url = NOBODY if site is None else stack.enter_context(another_site(site))
        wiring = stack.enter_context(closing(Wiring({**environment, **app_variables(url)})))
        account = wiring.account("default", "pipedrive")
        consent = account.connector.consent
        assert consent is not None
        with pytest.raises(kind, match="PIPEDRIVE_OAUTH_URL") as caught:
            consent.redeem(account.settings, "some-code", REDIRECT)
        assert "some-code" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"PIPEDRIVE_API_TOKEN": ""}, "PIPEDRIVE_API_TOKEN is not set"),
        ({**app_variables(NOBODY), "PIPEDRIVE_CLIENT_ID": ""}, "PIPEDRIVE_CLIENT_ID is not set"),
        (
            {**app_variables(NOBODY), "PIPEDRIVE_CLIENT_SECRET": ""},
            "PIPEDRIVE_CLIENT_SECRET is not set",
        ),
        ({"SALESFORCE_CLIENT_SECRET": ""}, "only half set"),
        ({"SALESFORCE_CLIENT_ID": ""}, "only half set"),
        ({**NO_APP, "SALESFORCE_USERNAME": "u"}, "only half set"),
        ({**NO_APP, "SALESFORCE_ACCESS_TOKEN": "x", INSTANCE: ""}, INSTANCE),
        ({LOGIN: "", INSTANCE: ""}, INSTANCE),
    ],
)
def test_half_a_login_is_named(
    environment: dict[str, str], change: dict[str, str], words: str
) -> None:
    with (
        closing(Wiring({**environment, **change})) as wiring,
        pytest.raises(ConfigurationError, match=words),
    ):
        _ = wiring.configured_accounts
