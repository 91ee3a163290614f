"""A sandbox to test against: the real server on a free port, in a thread or in a process."""

from __future__ import annotations

import json
import os
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from crm_pipelines.sandbox.server import bind, serve
from crm_pipelines.sandbox.world import Sizes, World

TOKEN = "sandbox-token"
_NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Plain http needs none, and loading the system's certificates for each client takes its time."""


def plain_client(**options: Any) -> httpx.Client:
    """For plain http on this machine: no proxies, no certificates."""
    return httpx.Client(trust_env=False, verify=_NO_TLS, **options)


@dataclass
class Sandbox:
    """A running sandbox. ``https`` and ``ca`` are there where TLS was asked for."""

    url: str
    home: Path
    https: str | None = None
    ca: Path | None = None

    def admin(self, method: str, path: str, body: Any = None) -> Any:
        """Pull a lever below ``/sandbox``; the decoded answer. Raises on a refusal."""
        with plain_client(timeout=60) as client:
            answer = client.request(method, f"{self.url}/sandbox{path}", json=body)
        if answer.status_code >= 400:
            raise AssertionError(f"{method} {path}: {answer.status_code} {answer.text}")
        return answer.json() if answer.content else None

    def truth(self, system: str, name: str, *, deleted: bool = False) -> list[dict[str, Any]]:
        """Every record of a collection as the system holds it."""
        with plain_client(timeout=60) as client:
            path = f"{self.url}/sandbox/{system}/records/{name}"
            answer = client.get(path, params={"deleted": str(deleted).lower()})
        answer.raise_for_status()
        return [json.loads(line) for line in answer.text.split("\n") if line]

    def journal(self, since: int = 0) -> list[dict[str, Any]]:
        """Requests to the simulated systems after a number."""
        entries: list[dict[str, Any]] = self.admin("GET", f"/journal?since={since}")
        return entries

    def fault(self, kind: str, **rule: Any) -> None:
        """Put a fault in force."""
        self.admin("POST", "/faults", {"kind": kind, **rule})


@contextmanager
def running_sandbox(
    home: Path, *, seed: int = 1, tls: bool = False, **sizes: int
) -> Iterator[Sandbox]:
    """A sandbox in a thread of this process; records of an existing ``home`` are kept."""
    with ExitStack() as stack:
        listeners = {"http": stack.enter_context(bind("127.0.0.1", 0))}
        if tls:
            listeners["https"] = stack.enter_context(bind("127.0.0.1", 0))
        world = World(home, seed, Sizes(**sizes))
        stack.callback(world.database.close)
        ready, stop, facts = threading.Event(), threading.Event(), dict[str, Any]()

        def on_ready(said: Mapping[str, Any]) -> None:
            facts.update(said)
            ready.set()

        def run() -> None:
            try:
                serve(world, listeners, stop=stop, on_ready=on_ready)
            finally:
                ready.set()

        thread = threading.Thread(target=run, name="sandbox", daemon=True)
        thread.start()
        try:
            if not ready.wait(120) or not facts:
                raise AssertionError("the sandbox did not start")
            ca = Path(facts["ca"]) if "ca" in facts else None
            yield Sandbox(facts["http"], home, facts.get("https"), ca)
        finally:
            stop.set()
            thread.join(30)


@contextmanager
def sandbox_process(home: Path, *options: str) -> Iterator[tuple[subprocess.Popen[str], Sandbox]]:
    """A sandbox in a process of its own, as users start it; ended with SIGTERM if still there."""
    command = [sys.executable, "-m", "crm_pipelines.sandbox", "--home", str(home), *options]
    environment = {**os.environ, "PYTHONWARNINGS": "default"}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            if not line:
                assert process.stderr is not None
                raise AssertionError(f"the sandbox did not start: {process.stderr.read()}")
            facts = json.loads(line)
            yield process, Sandbox(facts["http"], home, facts.get("https"))
        finally:
            process.terminate()
            process.wait(20)
