"""The frame of the sandbox: faults on the wire, clock, latency, starting and stopping."""

from __future__ import annotations

import json
import signal
import socket
import ssl
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from crm_pipelines_tests.sandbox_process import TOKEN, Sandbox, running_sandbox, sandbox_process

SIZES = ("--persons", "20", "--contacts", "3", "--accounts", "1", "--opportunities", "1")


@pytest.mark.parametrize("kind", ["timeout", "reset", "lost_answer"])
def test_no_answer_at_all(pipedrive: httpx.Client, sandbox: Sandbox, kind: str) -> None:
    sandbox.fault(kind, method="POST", seconds=0.1)
    with pytest.raises(httpx.TransportError):
        pipedrive.post("/api/v2/persons", json={"name": "Schrödinger"})
    names = [row["name"] for row in sandbox.truth("pipedrive", "persons")]
    assert ("Schrödinger" in names) == (kind == "lost_answer")
    entry = sandbox.journal()[-1]
    assert (entry["fault"], entry["status"]) == (kind, 0)
    assert pipedrive.get("/api/v2/persons").status_code == 200


def test_cut_body(pipedrive: httpx.Client, sandbox: Sandbox) -> None:
    sandbox.fault("cut_body", at=0.5)
    with pytest.raises(httpx.RemoteProtocolError):
        pipedrive.get("/api/v2/persons")
    assert len(pipedrive.get("/api/v2/persons").json()["data"]) == 40


def test_malformed_json(pipedrive: httpx.Client, sandbox: Sandbox) -> None:
    sandbox.fault("malformed_json")
    answer = pipedrive.get("/api/v2/persons")
    assert answer.status_code == 200
    with pytest.raises(json.JSONDecodeError):
        answer.json()


def test_slow_body_is_whole(pipedrive: httpx.Client, sandbox: Sandbox) -> None:
    sandbox.fault("slow_body", seconds=0.2)
    assert len(pipedrive.get("/api/v2/persons").json()["data"]) == 40


def test_rules_count_and_choose(pipedrive: httpx.Client, sandbox: Sandbox) -> None:
    sandbox.fault("server_error", path="deals", after=1, times=2, status=502)
    statuses = [pipedrive.get("/api/v2/deals").status_code for _ in range(5)]
    assert statuses == [200, 502, 502, 200, 200]
    assert pipedrive.get("/api/v2/persons").status_code == 200
    (rule,) = sandbox.admin("GET", "/faults")
    assert (rule["seen"], rule["hits"]) == (5, 2)
    sandbox.admin("DELETE", "/faults")
    assert sandbox.admin("GET", "/faults") == []


def test_journal_tells_what_was_asked(pipedrive: httpx.Client, sandbox: Sandbox) -> None:
    pipedrive.get("/api/v2/persons?limit=3")
    pipedrive.get("/api/v2/persons?limit=0")
    first, second = sandbox.journal()
    assert (first["method"], first["path"], first["query"]) == ("GET", "/api/v2/persons", "limit=3")
    assert (first["status"], second["status"]) == (200, 400)
    assert sandbox.journal(since=first["number"]) == [second]


def test_clock(sandbox: Sandbox) -> None:
    set_to = {"now": "2030-01-01T00:00:00Z", "frozen": True}
    assert sandbox.admin("POST", "/clock", set_to)["now"] == "2030-01-01T00:00:00+00:00"
    moved = sandbox.admin("POST", "/clock", {"advance_seconds": 60})
    assert moved["now"] == "2030-01-01T00:01:00+00:00"
    assert sandbox.admin("GET", "/clock") == moved
    assert not sandbox.admin("POST", "/clock", {"reset": True})["now"].startswith("2030")


def test_same_seed_same_records(tmp_path: Path) -> None:
    truths = []
    for folder, seed in (("a", 5), ("b", 5), ("c", 6)):
        with running_sandbox(tmp_path / folder, seed=seed, persons=30) as one:
            truths.append(one.truth("pipedrive", "persons"))
    assert truths[0] == truths[1] != truths[2]


def test_overview(sandbox: Sandbox) -> None:
    shown = sandbox.admin("GET", "")
    assert shown["sizes"]["persons"] == 40
    assert shown["systems"]["pipedrive"]["limits"]["daily_tokens"] == 30_000
    assert "deals" in shown["systems"]["pipedrive"]["objects"]


def test_tls_with_its_own_authority(tmp_path: Path) -> None:
    with running_sandbox(tmp_path, tls=True, persons=5) as one:
        assert one.https is not None and one.ca is not None
        with httpx.Client(verify=_trusting(one.ca), trust_env=False) as client:
            answer = client.get(f"{one.https}/v1/users/me?api_token={TOKEN}")
        assert answer.status_code == 200


def _trusting(ca: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(ca))


def test_process_announces_itself_and_ends_cleanly(tmp_path: Path) -> None:
    ready = tmp_path / "ready.json"
    options = (*SIZES, "--ready-file", str(ready), "--tls-port", "0")
    with sandbox_process(tmp_path / "home", *options) as (process, one):
        said = json.loads(ready.read_text())
        assert said["pid"] == process.pid and said["http"] == one.url
        assert Path(said["ca"]).exists()
        assert len(one.truth("pipedrive", "persons")) == 20
        one.fault("timeout", seconds=60)
        with pytest.raises(httpx.ReadTimeout):
            httpx.get(f"{one.url}/v1/users?api_token={TOKEN}", timeout=0.3, trust_env=False)
        one.fault("reset")
        with pytest.raises(httpx.TransportError):
            httpx.get(f"{one.url}/v1/users?api_token={TOKEN}", trust_env=False)
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
        assert process.stderr is not None and process.stderr.read() == ""


def start(*options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "crm_pipelines.sandbox", *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def test_taken_port(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ended = start("--home", str(tmp_path), "--port", port)
    assert ended.returncode == 2
    assert port in ended.stderr and "--port" in ended.stderr and "Traceback" not in ended.stderr


def test_home_in_use_or_unusable(tmp_path: Path) -> None:
    with sandbox_process(tmp_path / "home", *SIZES):
        ended = start("--home", str(tmp_path / "home"))
    assert ended.returncode == 2 and "already runs" in ended.stderr
    (tmp_path / "file").write_text("")
    ended = start("--home", str(tmp_path / "file"))
    assert ended.returncode == 2 and "--home" in ended.stderr


@pytest.mark.parametrize("options", [["--persons", "-1"], ["--port", "99999"], ["--frobnicate"]])
def test_wrong_options(tmp_path: Path, options: list[str]) -> None:
    ended = start("--home", str(tmp_path), *options)
    assert ended.returncode == 2 and "Traceback" not in ended.stderr


def test_killed_sandbox_keeps_its_edits(tmp_path: Path) -> None:
    with sandbox_process(tmp_path, *SIZES) as (process, one):
        one.admin("PATCH", "/pipedrive/records/persons/3", {"name": "Before Kill"})
        process.kill()
        process.wait()
    with sandbox_process(tmp_path, *SIZES) as (_, again):
        assert again.truth("pipedrive", "persons")[2]["name"] == "Before Kill"
