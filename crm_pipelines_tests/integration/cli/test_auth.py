"""``crm-pipelines auth``, with a person who clicks, in a process of its own."""

from __future__ import annotations

import json
import re
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from crm_pipelines_tests.commands import COMMAND, environment, run
from crm_pipelines_tests.consent import app_variables, click
from crm_pipelines_tests.mirroring import variables
from crm_pipelines_tests.sandbox_process import Sandbox


@pytest.fixture
def values(sandbox: Sandbox, database_url: str, tmp_path: Path) -> dict[str, str]:
    found = variables(sandbox.url, database_url, tmp_path / "home")
    return {**found, **app_variables(sandbox.url)}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def asking(
    folder: Path, values: Mapping[str, str], *options: str
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The command, waiting for consent, and the page it printed."""
    with subprocess.Popen(
        [*COMMAND, "auth", "pipedrive", *options],
        cwd=folder,
        env=environment(values),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            lines = iter(process.stdout.readline, "")
            yield process, next(line.strip() for line in lines if line.startswith("http"))
        finally:
            process.kill()


def visit(url: str) -> int:
    return httpx.get(url, trust_env=False).status_code


@pytest.mark.long
def test_granted_in_a_browser_then_synced(
    tmp_path: Path, sandbox: Sandbox, values: dict[str, str]
) -> None:
    code, output, _ = run(tmp_path, values, "sync", "pipedrive.persons", "--json")
    assert code == 1
    assert "crm-pipelines auth pipedrive" in json.loads(output)[0]["error"]
    callback = f"http://localhost:{free_port()}/back"
    with asking(tmp_path, values, "--redirect-url", callback) as (process, page):
        answer = click(page)
        assert answer.startswith(callback)
        assert visit(callback.replace("/back", "/favicon.ico")) == 404
        assert visit(re.sub("state=[^&]+", "state=another", answer)) == 400
        assert visit(callback + "?code=guessed") == 400
        assert process.poll() is None
        assert visit(answer) == 200
        output, told = process.communicate(timeout=60)
    assert process.returncode == 0, told
    assert f"Access granted to Pipedrive at {sandbox.url}" in output
    secrets = [answer.partition("code=")[2].partition("&")[0]]
    assert not [secret for secret in secrets if secret in output + told]
    without_address = {**values, "PIPEDRIVE_BASE_URL": ""}  # the grant knows it
    code, output, _ = run(tmp_path, without_address, "sync", "pipedrive.persons", "--json")
    assert (json.loads(output)[0]["created"], code) == (30, 0), output
    code, output, _ = run(tmp_path, values, "audit", "--crm", "pipedrive", "--json")
    assert code == 0
    actions = [line["action"] for line in reversed(json.loads(output))]
    uses = ["credential.first_use", "credential.use"]
    assert actions == [*uses, "credential.grant", "credential.use"]
    code, output, _ = run(tmp_path, values, "audit", "--action", "credential")
    assert "credential.grant" in output


def test_denied(tmp_path: Path, values: dict[str, str]) -> None:
    callback = f"http://127.0.0.1:{free_port()}/callback"
    with asking(tmp_path, values, "--redirect-url", callback) as (process, page):
        assert visit(click(page, "deny")) == 200
        _, told = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "user_denied" in told
    assert len(told.strip().splitlines()) == 1


@pytest.mark.parametrize("form", ["address", "code"])
def test_pasted(tmp_path: Path, values: dict[str, str], form: str) -> None:
    with asking(tmp_path, values, "--paste") as (process, page):
        answer = click(page)
        pasted = answer if form == "address" else answer.partition("code=")[2].partition("&")[0]
        output, told = process.communicate(pasted + "\n", timeout=60)
    assert process.returncode == 0, told
    assert "Access granted" in output


@pytest.mark.parametrize(
    ("pasted", "words"),
    [
        ("http://127.0.0.1:8910/callback?code=abc&state=another\n", "state is not ours"),
        ("http://127.0.0.1:8910/callback?code=abc\n", "state is not ours"),
        ("abc\n", "does not take the code"),
        ("", "nothing was pasted"),
    ],
)
def test_pasted_wrongly(tmp_path: Path, values: dict[str, str], pasted: str, words: str) -> None:
    code, _, told = run(tmp_path, values, "auth", "pipedrive", "--paste", stdin=pasted)
    assert code == 1
    assert words in told
    assert len(told.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "change", "words"),
    [
        (("salesforce",), {}, "needs nobody's consent"),
        (("nothing",), {}, "there is no CRM"),
        (("pipedrive", "--workspace", "nobody"), {}, "CRM_WORKSPACES"),
        (("pipedrive",), {"CRM_WORKSPACES": "acme,globex"}, "--workspace is needed"),
        (("pipedrive",), {"PIPEDRIVE_CLIENT_ID": ""}, "PIPEDRIVE_CLIENT_ID is not set"),
        (("pipedrive",), {"PIPEDRIVE_CLIENT_SECRET": ""}, "PIPEDRIVE_CLIENT_SECRET is not set"),
        (("pipedrive",), {"PIPEDRIVE_OAUTH_URL": "http://example.com"}, "PIPEDRIVE_OAUTH_URL"),
        (("pipedrive", "--redirect-url", "http://127.0.0.1:x/"), {}, "--redirect-url"),
        (
            ("pipedrive",),
            {"PIPEDRIVE_CLIENT_ID": "", "PIPEDRIVE_CLIENT_SECRET": "", "PIPEDRIVE_API_TOKEN": "x"},
            "Developer Hub",
        ),
    ],
)
def test_wrong_use_is_named(
    tmp_path: Path,
    values: dict[str, str],
    arguments: tuple[str, ...],
    change: dict[str, str],
    words: str,
) -> None:
    code, _, told = run(tmp_path, {**values, **change}, "auth", *arguments)
    assert code == 2
    assert words in told
    assert len(told.strip().splitlines()) == 1


def test_a_taken_port_and_a_token_that_wins(tmp_path: Path, values: dict[str, str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        callback = f"http://127.0.0.1:{taken.getsockname()[1]}/callback"
        code, _, told = run(tmp_path, values, "auth", "pipedrive", "--redirect-url", callback)
    assert code == 2
    assert "--redirect-url" in told
    with asking(tmp_path, {**values, "PIPEDRIVE_API_TOKEN": "x"}, "--paste") as (process, page):
        _, told = process.communicate(click(page) + "\n", timeout=60)
    assert process.returncode == 0
    assert "Unset PIPEDRIVE_API_TOKEN" in told
