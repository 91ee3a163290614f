"""``crm-pipelines inbox``, as people call it."""

from __future__ import annotations

import json
from pathlib import Path

import psycopg
import pytest

from crm_pipelines_tests.commands import run
from crm_pipelines_tests.mirroring import variables

ROWS = """
INSERT INTO sync.inbox (workspace_id, delivery_id, body, status, object, action, remote_id, error)
VALUES ('default', 'one', '{"meta": {"id": "ü"}}', 'dead', 'person', 'change', '7', 'no [b] luck'),
       ('default', 'two', '\\x00ff', 'unknown', 'lead', 'create', 'x', NULL),
       ('default', 'three', '{}', 'applied', 'deal', 'create', '9', NULL),
       ('default', 'four', '{}', 'waiting', NULL, NULL, NULL, NULL),
       ('other', 'five', '{}', 'dead', 'deal', 'create', '9', NULL)
"""


@pytest.fixture
def values(database_url: str, tmp_path: Path) -> dict[str, str]:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(ROWS)
    return variables("http://127.0.0.1:1", database_url, tmp_path / "home")


def test_list_show_and_counts(tmp_path: Path, values: dict[str, str]) -> None:
    code, output, _ = run(tmp_path, values, "inbox")
    assert code == 0
    assert "no [b] luck" in output
    assert "person change" in output
    assert "not read yet" in output

    code, output, _ = run(tmp_path, values, "inbox", "list", "--json", "--status", "dead")
    (dead,) = json.loads(output)
    assert (code, dead["delivery_id"], dead["bytes"]) == (0, "one", 22)

    code, output, _ = run(tmp_path, values, "inbox", "list", "--object", "nothing")
    assert (code, "no such deliveries" in output) == (0, True)

    code, output, _ = run(tmp_path, values, "inbox", "show", str(dead["id"]))
    assert code == 0
    assert '"id": "ü"' in output

    code, output, _ = run(tmp_path, values, "inbox", "show", str(dead["id"] + 1), "--json")
    assert (code, json.loads(output)["body"]) == (0, "\x00\ufffd")

    code, output, _ = run(tmp_path, values, "inbox", "counts", "--json")
    found = json.loads(output)
    assert (code, found["dead"], found["waiting"], found["stale"]) == (0, 1, 1, 0)
    assert found["oldest_waiting_seconds"] >= 0


def test_replay(tmp_path: Path, values: dict[str, str]) -> None:
    listed = json.loads(run(tmp_path, values, "inbox", "list", "--json")[1])
    ids = {row["delivery_id"]: str(row["id"]) for row in listed}
    assert set(ids) == {"one", "two", "three", "four"}

    code, output, _ = run(tmp_path, values, "inbox", "replay", "--unknown", "--json")
    assert (code, json.loads(output)) == (0, {"replayed": 1, "passed_over": 0})
    wanted = (ids["one"], ids["three"], ids["four"], "99")
    code, output, _ = run(tmp_path, values, "inbox", "replay", *wanted, "--json")
    assert (code, json.loads(output)) == (1, {"replayed": 2, "passed_over": 2})
    listed = json.loads(run(tmp_path, values, "inbox", "list", "--json")[1])
    assert {row["status"] for row in listed} == {"waiting"}
    code, output, _ = run(tmp_path, values, "audit", "--json")
    assert [line["action"] for line in json.loads(output)][:2] == ["inbox.replay"] * 2


def test_wrong_use(tmp_path: Path, values: dict[str, str]) -> None:
    for words in (["replay"], ["show", "99"], ["show", "0"], ["list", "--workspace", "none"]):
        code, _, told = run(tmp_path, values, "inbox", *words)
        assert (code, bool(told)) == (2, True), words
