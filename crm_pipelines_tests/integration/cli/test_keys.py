"""``crm-pipelines keys`` and ``audit``: rotating as the help says, with a file and a variable."""

from __future__ import annotations

import json
import stat
from contextlib import closing
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from crm_pipelines.wiring import Wiring
from crm_pipelines_tests.commands import run
from crm_pipelines_tests.consent import app_variables, grant
from crm_pipelines_tests.mirroring import variables
from crm_pipelines_tests.sandbox_process import Sandbox


@pytest.fixture
def values(sandbox: Sandbox, database_url: str, tmp_path: Path) -> dict[str, str]:
    """Without keys: they are made in the home."""
    found = variables(sandbox.url, database_url, tmp_path / "home")
    del found["CRM_ENCRYPTION_KEYS"]
    return {**found, **app_variables(sandbox.url)}


def is_readable(values: dict[str, str]) -> bool:
    with closing(Wiring(values)) as wiring:
        return wiring.account("default", "pipedrive").tokens().read() is not None


def give(values: dict[str, str]) -> None:
    with closing(Wiring(values)) as wiring:
        grant(wiring)


def test_rotation_with_the_file(tmp_path: Path, values: dict[str, str]) -> None:
    code, output, told = run(tmp_path, values, "check", "pipedrive")
    assert code == 2
    file = tmp_path / "home" / "encryption_keys"
    assert str(file) in told
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    give(values)
    code, output, told = run(tmp_path, values, "keys", "new")
    assert code == 0
    assert all(key not in output + told for key in file.read_text().splitlines())
    code, output, _ = run(tmp_path, values, "keys", "rotate", "--json")
    done = json.loads(output)
    assert (code, len(done["resealed"]), done["fresh"], done["forgotten"]) == (0, 2, [], [])
    comment, newest, _old = file.read_text().splitlines()
    file.write_text(f"{comment}\n{newest}\n")
    assert is_readable(values)
    code, output, _ = run(tmp_path, values, "audit", "--action", "key", "--json")
    assert [line["after"]["key"] for line in json.loads(output)] == [done["key"]]


def test_rotation_with_the_variable(tmp_path: Path, values: dict[str, str]) -> None:
    old = Fernet.generate_key().decode()
    given = {**values, "CRM_ENCRYPTION_KEYS": old}
    give(given)
    code, output, told = run(tmp_path, given, "keys", "new")
    new = output.strip()
    assert code == 0
    assert Fernet(new)
    assert "CRM_ENCRYPTION_KEYS" in told
    assert old not in output + told
    code, output, _ = run(
        tmp_path, {**values, "CRM_ENCRYPTION_KEYS": f"{new},{old}"}, "keys", "rotate"
    )
    assert (code, "1 sealed anew" in output) == (0, True)
    assert is_readable({**values, "CRM_ENCRYPTION_KEYS": new})
    code, _, told = run(tmp_path, given, "keys", "rotate")
    assert code == 2
    assert "--forget-unreadable" in told
    assert len(told.strip().splitlines()) == 1
    code, output, _ = run(tmp_path, given, "keys", "rotate", "--forget-unreadable")
    assert (code, "default/pipedrive/tokens" in output) == (0, True)


def test_wrong_values_are_named(tmp_path: Path, values: dict[str, str]) -> None:
    wrong = {**values, "CRM_ENCRYPTION_KEYS": "not-a-key"}
    code, _, told = run(tmp_path, wrong, "sync")
    assert code == 2
    assert "CRM_ENCRYPTION_KEYS" in told
    assert "not-a-key" not in told
    code, _, told = run(tmp_path, values, "audit", "--since", "soon")
    assert code == 2
    assert "--since" in told


@pytest.mark.parametrize(
    "command", [("auth",), ("audit",), ("keys", "new"), ("keys", "rotate")], ids="-".join
)
def test_help_has_an_example(tmp_path: Path, command: tuple[str, ...]) -> None:
    code, output, _ = run(tmp_path, {}, *command, "--help")
    assert code == 0
    assert "Example" in output
