"""Deliveries as Pipedrive sends them, and gateways that take them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psycopg

from crm_pipelines_tests.commands import COMMAND, environment
from crm_pipelines_tests.mirroring import SEALED
from crm_pipelines_tests.sandbox_process import plain_client

PATH = "/webhooks/pipedrive/default"
Headers = Mapping[str, str]
SECRET = "newest secret"


def basic(name: str, password: str) -> dict[str, str]:
    """The header that carries Basic credentials."""
    both = base64.b64encode(f"{name}:{password}".encode()).decode()
    return {"Authorization": f"Basic {both}"}


BY_HAND = basic("by-hand", "first password")


def event(identity: str, number: int = 1, attempt: int = 1) -> dict[str, Any]:
    """A deal that has changed, of the size that deals with some custom fields have."""
    deal = {
        "id": number,
        "title": f"Deal {number}, größer",
        "value": number * 1.25,
        "currency": "EUR",
        "stage_id": number % 7 + 1,
        "update_time": "2026-11-21T12:00:00Z",
        "custom_fields": {
            hashlib.sha1(f"field {n}".encode()).hexdigest(): {"type": "enum", "id": n}
            for n in range(20)
        },
    }
    meta = {
        "action": "change",
        "entity": "deal",
        "entity_id": str(number),
        "id": identity,
        "timestamp": "2026-11-21T12:00:00.123Z",
        "version": "2.0",
        "change_source": "app",
        "attempt": attempt,
        "permitted_user_ids": [str(10_000 + n) for n in range(20)],
    }
    return {"meta": meta, "data": deal, "previous": {"stage_id": number % 7}}


def delivery(identity: str, number: int = 1, attempt: int = 1) -> bytes:
    """The same as a body."""
    return json.dumps(event(identity, number, attempt)).encode()


def request(port: int, body: bytes, headers: Mapping[str, str]) -> bytes:
    """Every byte of a request."""
    more = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    head = (
        f"POST {PATH} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
        f"{more}Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


@dataclass
class Gateway:
    """A running gateway; ``process`` may be killed."""

    port: int
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def url(self) -> str:
        """Where webhooks of the default workspace go."""
        return f"http://127.0.0.1:{self.port}{PATH}"

    def signature(self, body: bytes, secret: str = SECRET) -> dict[str, str]:
        """The header that a sender who signs would send."""
        made = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        return {"X-Hub-Signature-256": f"sha256={made}"}

    def processor_seconds(self) -> float:
        """Processor time that it has used so far."""
        stat = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK")

    def wait(self) -> None:
        """Until it answers."""
        with plain_client(timeout=30) as client:
            for _ in range(600):
                assert self.process.poll() is None, self.log.read_text()
                try:
                    client.get(self.url)
                except httpx.TransportError:
                    time.sleep(0.05)
                else:
                    return
        raise AssertionError("the gateway does not answer")

    def kill(self) -> None:
        """As a crash would end it."""
        self.process.kill()
        self.process.wait()


def variables(database_url: str, folder: Path, port: int, **more: str) -> dict[str, str]:
    """An environment of a gateway that has nothing but webhooks to do."""
    return {
        "CRM_HOME": str(folder / "home"),
        "CRM_DATABASE_URL": database_url,
        "CRM_GATEWAY_PORT": str(port),
        "PIPEDRIVE_API_TOKEN": "x",
        "PIPEDRIVE_BASE_URL": "http://127.0.0.1:9",
        "PIPEDRIVE_WEBHOOK_USERNAME": "by-hand",
        "PIPEDRIVE_WEBHOOK_PASSWORD": "first password",
        "PIPEDRIVE_WEBHOOK_SECRET": f"{SECRET},older secret",
        **SEALED,
        **more,
    }


def start_gateway(values: Mapping[str, str], folder: Path) -> Gateway:
    """A gateway that is starting; whoever calls ends it."""
    path = folder / f"gateway-{values['CRM_GATEWAY_PORT']}.log"
    with path.open("ab") as log:
        process = subprocess.Popen(
            [*COMMAND, "gateway"], cwd=folder, env=environment(values), stdout=log, stderr=log
        )
    return Gateway(int(values["CRM_GATEWAY_PORT"]), process, path)


@contextmanager
def running_gateway(database_url: str, folder: Path, port: int, **more: str) -> Iterator[Gateway]:
    """A gateway that answers; ended when the block is left."""
    gateway = start_gateway(variables(database_url, folder, port, **more), folder)
    try:
        gateway.wait()
        yield gateway
    finally:
        gateway.process.terminate()
        gateway.process.wait()


def register(
    database_url: str,
    username: str,
    password: str,
    *,
    workspace: str = "default",
    retired_for: float | None = None,
) -> int:
    """A webhook as if we had registered it; ``retired_for`` so many seconds it is taken still."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        row = connection.execute(
            "INSERT INTO sync.webhooks (workspace_id, crm, object, action, url, username,"
            " password_digest, status, accepted_until) VALUES (%s, 'pipedrive', '*', '*', 'x',"
            " %s, sha256(%s), %s, clock_timestamp() + make_interval(secs => %s)) RETURNING id",
            [
                workspace,
                username,
                password.encode(),
                "active" if retired_for is None else "retired",
                retired_for,
            ],
        ).fetchone()
    assert row is not None
    return int(row[0])


def stored(database_url: str) -> list[tuple[Any, ...]]:
    """The inbox: workspace, delivery id, body, registration."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        return connection.execute(
            "SELECT workspace_id, delivery_id, body, registration_id FROM sync.inbox ORDER BY id"
        ).fetchall()
