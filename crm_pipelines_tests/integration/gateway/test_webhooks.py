"""Webhooks over real HTTP: who is let in, what is kept, and what the sender is told."""

from __future__ import annotations

import ast
import base64
import inspect
import os
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from crm_pipelines.gateway.webhooks import callers
from crm_pipelines_tests import webhooks
from crm_pipelines_tests.commands import run
from crm_pipelines_tests.integration.cli.test_auth import free_port
from crm_pipelines_tests.integration.gateway.test_openapi import try_out
from crm_pipelines_tests.servers import Databases
from crm_pipelines_tests.webhooks import BY_HAND, Gateway, basic, delivery, register

LIMIT = 8 << 20


@dataclass
class Taking:
    """A gateway that takes webhooks, and somebody who brings them."""

    gateway: Gateway
    database_url: str
    folder: Path
    client: httpx.Client

    def post(self, body: Any, headers: Any = BY_HAND, workspace: str = "default") -> httpx.Response:
        address = self.gateway.url.replace("default", workspace)
        return self.client.post(address, content=body, headers=headers)

    def bodies(self) -> list[bytes]:
        return [bytes(body) for _, _, body, _ in webhooks.stored(self.database_url)]

    def rows_of(self, identity: str) -> list[tuple[Any, ...]]:
        return [row for row in webhooks.stored(self.database_url) if row[1] == identity]


@pytest.fixture(scope="module")
def taking(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Taking]:
    folder = tmp_path_factory.mktemp("webhooks")
    addresses = folder / "addresses.txt"
    addresses.write_text("203.0.113.0/24  # the CRM\n2001:db8::/32\n")
    more = {
        "CRM_WORKSPACES": "default,globex,initech",
        "PIPEDRIVE_WEBHOOK_USERNAME__GLOBEX": "globex-user",
        "PIPEDRIVE_WEBHOOK_PASSWORD__GLOBEX": "new one,old one",
        "PIPEDRIVE_WEBHOOK_SECRET__GLOBEX": "globex secret",
        "PIPEDRIVE_WEBHOOK_ALLOWED_IPS_FILE__INITECH": str(addresses),
    }
    with ExitStack() as stack:
        url = stack.enter_context(databases.clone())
        gateway = stack.enter_context(webhooks.running_gateway(url, folder, free_port(), **more))
        client = stack.enter_context(httpx.Client(trust_env=False, timeout=30))
        yield Taking(gateway, url, folder, client)


def test_a_delivery_is_kept_as_it_came(taking: Taking) -> None:
    identity = str(uuid4())
    body = delivery(identity)
    answer = taking.post(body)
    assert (answer.status_code, answer.json()) == (200, {"received": True})
    assert [tuple(row) for row in taking.rows_of(identity)] == [("default", identity, body, None)]


def test_what_comes_again_is_taken_and_not_stored(taking: Taking) -> None:
    identity = str(uuid4())
    for attempt in (1, 2, 3):
        assert taking.post(delivery(identity, attempt=attempt)).status_code == 200
    assert len(taking.rows_of(identity)) == 1
    old = b'{"v": 1, "meta": {"v": 1, "id": 7, "timestamp_micro": %d}, "retry": %d, "current": {}}'
    before = len(taking.bodies())
    for number, retry in ((1, 0), (1, 2), (2, 0), (2, 1)):
        assert taking.post(old % (number, retry)).status_code == 200
    assert len(taking.bodies()) == before + 2
    shapeless = b'{"meta": {"attempt": %d}, "data": {"retry": 1}, "retry": %d}'
    for attempt in (1, 2):
        assert taking.post(shapeless % (attempt, attempt)).status_code == 200
    assert len(taking.bodies()) == before + 3


def test_twenty_at_the_same_time_are_one(taking: Taking) -> None:
    identity = str(uuid4())
    with ThreadPoolExecutor(20) as threads:
        answers = list(threads.map(lambda _: taking.post(delivery(identity)), range(20)))
    assert {answer.status_code for answer in answers} == {200}
    assert len(taking.rows_of(identity)) == 1


def test_a_registered_webhook_gets_in_at_once(taking: Taking) -> None:
    """The gateway has never heard of it; the delivery comes the moment after."""
    for number in range(3):
        name, identity = f"fresh-{number}", str(uuid4())
        made = register(taking.database_url, name, f"päss:{number}")
        assert taking.post(delivery(identity), basic(name, f"päss:{number}")).status_code == 200
        assert taking.rows_of(identity)[0][3] == made
        assert taking.post(delivery(identity), basic(name, "wrong")).status_code == 401
        assert taking.post(delivery(identity), basic(name, ""), "globex").status_code == 401
    elsewhere = basic("fresh-0", "päss:0")
    assert taking.post(b"{}", elsewhere, "globex").status_code == 401


def test_a_retired_one_is_taken_until_its_time_is_over(taking: Taking) -> None:
    register(taking.database_url, "retiring", "x", retired_for=60)
    register(taking.database_url, "retired", "x", retired_for=-1)
    register(taking.database_url, "ending", "x", retired_for=1.5)
    assert taking.post(b"[1]", basic("retiring", "x")).status_code == 200
    assert taking.post(b"[1]", basic("retired", "x")).status_code == 401
    assert taking.post(b"[1]", basic("ending", "x")).status_code == 200
    give_up_at = time.monotonic() + 20
    while taking.post(b"[1]", basic("ending", "x")).status_code != 401:
        assert time.monotonic() < give_up_at
        time.sleep(0.1)


def test_both_passwords_of_a_rotation_are_taken(taking: Taking) -> None:
    for password in ("new one", "old one"):
        answer = taking.post(b"[2]", basic("globex-user", password), "globex")
        assert answer.status_code == 200
    for password in ("new one,old one", "", "new", "first password"):
        answer = taking.post(b"[2]", basic("globex-user", password), "globex")
        assert answer.status_code == 401
    assert taking.post(b"[2]", BY_HAND, "globex").status_code == 401


def test_signatures(taking: Taking) -> None:
    body, sign = b'{"signed": "yes"}', taking.gateway.signature
    spelled = sign(body)["X-Hub-Signature-256"].removeprefix("sha256=")
    packed = base64.b64encode(bytes.fromhex(spelled)).decode()
    good = [
        sign(body),
        sign(body, "older secret"),
        {"X-Signature": spelled},
        {"x-pipedrive-signature": spelled.upper()},
        {"X-Signature": packed},
        {**sign(body), "X-Signature": spelled},
    ]
    assert [taking.post(body, headers).status_code for headers in good] == [200] * len(good)
    bad = [
        sign(body + b" "),
        sign(body, "another secret"),
        {"X-Signature": ""},
        {"X-Signature": spelled[:-1]},
        {"X-Signature": "sha256=" + "é" * 64},
        {**sign(body), "X-Signature": "0" * 64},
    ]
    for headers in bad:
        sent = {name: value.encode("latin-1") for name, value in headers.items()}
        assert taking.post(body, sent).status_code == 401, headers
        assert taking.post(body, {**sent, **BY_HAND}).status_code == 401, headers
    assert taking.post(body, sign(body), "globex").status_code == 401
    assert taking.post(body, sign(body, "globex secret"), "globex").status_code == 200
    both = {**sign(body), **basic("nobody", "knows")}
    assert taking.post(body, both).status_code == 200


def test_a_signed_delivery_of_a_registered_webhook_names_it(taking: Taking) -> None:
    made, identity = register(taking.database_url, "both", "ways"), str(uuid4())
    assert taking.post(b"[3]", basic("both", "ways")).status_code == 200
    body = delivery(identity)
    headers = {**taking.gateway.signature(body), **basic("both", "ways")}
    assert taking.post(body, headers).status_code == 200
    assert taking.rows_of(identity)[0][3] == made


def test_strangers_are_told_what_to_do(taking: Taking) -> None:
    nobody = taking.post(b"[4]", {})
    assert nobody.status_code == 401
    assert nobody.headers["www-authenticate"].startswith("Basic ")
    assert nobody.headers["content-type"] == "application/problem+json"
    assert "signature" in nobody.json()["detail"]
    elsewhere = taking.post(b"[4]", BY_HAND, "nowhere")
    assert (elsewhere.status_code, "CRM_WORKSPACES" in elsewhere.text) == (404, True)
    for method in ("GET", "PUT", "DELETE", "PATCH"):
        answer = taking.client.request(method, taking.gateway.url, headers=BY_HAND)
        assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert b"[4]" not in taking.bodies()


@pytest.mark.parametrize(
    "value",
    [
        b"Basic",
        b"Basic \xff\xfe",
        b"Basic " + "Zé".encode(),
        b"Basic !!!!",
        b"Basic " + base64.b64encode(b"no colon"),
        b"Basic " + base64.b64encode(b":"),
        b"Basic " + base64.b64encode(b"\xff\xfe:\x80"),
        b"Basic " + base64.b64encode(b"by-hand\0:first password"),
        b"Basic " + base64.b64encode(b"by-hand:first password\0"),
        b"Basic " + base64.b64encode(b"by-hand:" + b"x" * 20_000),
        b"Bearer first password",
        b"",
    ],
)
def test_hostile_credentials_are_refused(taking: Taking, value: bytes) -> None:
    for headers in ([(b"Authorization", value)], [(b"authorization", value), (b"a", b"b")]):
        assert taking.post(b"[5]", headers).status_code == 401
    assert b"[5]" not in taking.bodies()


def test_hostile_requests_do_no_harm(taking: Taking) -> None:
    """Raw bytes that no client would send: an error or a closed line, and on."""
    auth = BY_HAND["Authorization"].encode()
    heads = [
        b"Authorization: Basic a\0b\r\nContent-Length: 3",
        b"Authorization: " + auth + b"\r\nX-Huge: " + b"h" * 3_000_000 + b"\r\nContent-Length: 3",
        b"Authorization: " + auth + b"\r\nContent-Length: -1",
        b"Authorization: " + auth + b"\r\nContent-Length: 3\r\nTransfer-Encoding: chunked",
    ]
    for head in heads:
        with socket.create_connection(("127.0.0.1", taking.gateway.port), timeout=10) as line:
            said = b""
            with suppress(OSError):  # it may hang up at any time
                line.sendall(b"POST " + webhooks.PATH.encode() + b" HTTP/1.1\r\nHost: x\r\n")
                line.sendall(head + b"\r\n\r\n[6]")
                line.shutdown(socket.SHUT_WR)
                said = line.recv(1000)
        assert not said.startswith(b"HTTP/1.1 2"), said
    with socket.create_connection(("127.0.0.1", taking.gateway.port), timeout=10) as line:
        line.sendall(webhooks.request(taking.gateway.port, b"[6]" * 9, BY_HAND)[:-5])
    assert taking.post(b"[7]").status_code == 200
    assert not any(body.startswith(b"[6]") for body in taking.bodies())


@pytest.mark.parametrize(
    "body",
    [
        b"no json at all",
        b"\xff\x00\xfe",
        b'{"meta": {"id": 17}}',
        b'{"meta": {"id": "%s"}}' % (b"x" * 100_000),
        b'{"meta": {"id": "a\\u0000b"}}',
        b'{"meta": {"id": "\\ud800"}}',
        b'{"meta": {"id": ""}}',
        b'{"meta": null}',
        b'{"meta": []}',
        b"null",
        b"[" * 100_000,
        b'{"a":' * 50_000,
        b"1" * 5000,
    ],
)
def test_whatever_an_authenticated_body_is_it_is_kept(taking: Taking, body: bytes) -> None:
    for headers in ({}, {"Content-Type": "text/plain"}, {"Content-Type": "non sense"}):
        answer = taking.post(body, {**BY_HAND, **headers})
        assert answer.status_code == 200, answer.text
    assert taking.bodies().count(body) == 1


def test_sizes(taking: Taking) -> None:
    assert taking.post(b"").status_code == 400
    large = b'"' + os.urandom(LIMIT // 2 - 1).hex().encode() + b'"'
    assert len(large) == LIMIT
    assert taking.post(large).status_code == 200
    assert taking.post(large + b" ").status_code == 413
    pieces = (large[at : at + 65536] for at in range(0, 2 * LIMIT, 65536))
    assert taking.post(pieces).status_code == 200
    pieces = ((large + b" ")[at : at + 65536] for at in range(0, 2 * LIMIT, 65536))
    assert taking.post(pieces).status_code == 413
    assert taking.bodies().count(large) == 1


def test_addresses(taking: Taking) -> None:
    def status(address: str) -> int:
        headers = {**BY_HAND, "X-Forwarded-For": address} if address else BY_HAND
        return taking.post(b"[8]", headers, "initech").status_code

    expected = {
        "203.0.113.7": 200,
        "::ffff:203.0.113.7": 200,
        "2001:db8::1": 200,
        "203.0.113.7, 127.0.0.1": 200,
        "203.0.113.7, 198.51.100.1": 403,
        "198.51.100.1": 403,
        "nonsense": 403,
        "": 403,
    }
    assert {address: status(address) for address in expected} == expected
    path = taking.folder / "addresses.txt"
    for text, there in (
        ("198.51.100.0/24", 200),
        ("198.51.100.0/24\nnot a network", 200),
        ('{"prefixes": [{"ip_prefix": "203.0.113.0/24"}], "synced": "2026-11-21"}', 403),
    ):
        path.write_text(text)
        give_up_at = time.monotonic() + 20
        time.sleep(1.1)  # the file is looked at once a second
        while status("198.51.100.1") != there:
            assert time.monotonic() < give_up_at
            time.sleep(0.1)
    path.unlink()
    time.sleep(1.1)
    assert (status("203.0.113.7"), status("198.51.100.1")) == (200, 403)


def test_a_list_that_is_none_stops_the_start(database_url: str, tmp_path: Path) -> None:
    path = tmp_path / "addresses.json"
    path.write_text("<html>not found</html>")
    more = {"PIPEDRIVE_WEBHOOK_ALLOWED_IPS_FILE": str(path)}
    values = webhooks.variables(database_url, tmp_path, free_port(), **more)
    code, _, said = run(tmp_path, values, "gateway")
    assert code == 2
    assert "PIPEDRIVE_WEBHOOK_ALLOWED_IPS_FILE" in said and "203.0.113.0/24" in said


def test_the_copy_of_credentials_is_for_its_owner_alone(taking: Taking) -> None:
    register(taking.database_url, "copied", "not in clear")
    assert taking.post(b"[9]", basic("copied", "not in clear")).status_code == 200
    path = taking.folder / "home" / "webhook-credentials.json"
    give_up_at = time.monotonic() + 20
    while b"copied" not in path.read_bytes():
        assert time.monotonic() < give_up_at
        time.sleep(0.05)
    assert path.stat().st_mode & 0o777 == 0o600
    assert b"not in clear" not in path.read_bytes()


def test_the_document_describes_it(taking: Taking) -> None:
    document = taking.client.get(f"http://127.0.0.1:{taking.gateway.port}/openapi.json").json()
    described = document["paths"]["/webhooks/pipedrive/{workspace}"]
    assert list(described) == ["post"]
    assert set(described["post"]["responses"]) >= {"200", "400", "401", "403", "404", "413", "503"}
    assert described["post"]["requestBody"]["required"] is True
    assert document["components"]["securitySchemes"]["WebhookCredentials"]["scheme"] == "basic"


def test_requests_made_up_from_the_document(taking: Taking, tmp_path: Path) -> None:
    before, [(name, value)] = len(taking.bodies()), BY_HAND.items()
    address = f"http://127.0.0.1:{taking.gateway.port}"
    try_out(address, tmp_path, f"{name}: {value}", "--include-path-regex", "^/webhooks")
    assert len(taking.bodies()) > before


def test_secrets_are_compared_in_constant_time() -> None:
    """Digests of secrets meet in ``hmac.compare_digest`` and in no other comparison."""
    compared = [
        part
        for node in ast.walk(ast.parse(inspect.getsource(callers)))
        if isinstance(node, ast.Compare)
        for part in (node.left, *node.comparators)
        if any(name in ast.dump(part) for name in ("digest", "password", "signature", "given"))
    ]
    assert [ast.unparse(part) for part in compared] == [
        "[hmac.compare_digest(given, one) for one in made]"
    ]
