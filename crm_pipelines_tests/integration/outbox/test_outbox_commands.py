"""``crm-pipelines demo-data`` and ``crm-pipelines outbox``, as people call them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from crm_pipelines.cli.demo_rows import demo_rows
from crm_pipelines.model.command import Status
from crm_pipelines.store import outbox
from crm_pipelines.store.database import Database
from crm_pipelines_tests.commands import run
from crm_pipelines_tests.integration.outbox.desk import Desk, check
from crm_pipelines_tests.integration.outbox.seller import Seller


@pytest.fixture
def variables(database: Database, tmp_path: Path) -> dict[str, str]:
    """An account is set, so that no sandbox is started."""
    return {
        "CRM_HOME": str(tmp_path / "home"),
        "CRM_DATABASE_URL": database.url,
        "PIPEDRIVE_BASE_URL": "http://127.0.0.1:9",
        "PIPEDRIVE_API_TOKEN": "0" * 40,
    }


def test_demo_data_again_adds_nothing(
    variables: dict[str, str], tmp_path: Path, seller: Seller, desk: Desk
) -> None:
    code, said, told = run(tmp_path, variables, "demo-data", "--contacts", "40", "--json")
    assert code == 0, told
    added = json.loads(said)
    assert (added["users"], added["organizations"], added["contacts"]) == (6, 10, 40)
    assert added["activities"] > 20
    code, said, told = run(tmp_path, variables, "demo-data", "--contacts", "40", "--json")
    assert (code, set(json.loads(said).values())) == (0, {0}), told
    assert {row["user_id"] for row in seller.rows("person").values()} <= {
        f"demo-user-{number}" for number in range(1, 7)
    }
    desk.work()
    check(desk, seller)
    assert len(desk.crm.made) > 15


def test_demo_data_is_the_same_for_the_same_seed() -> None:
    assert demo_rows(50, 3) == demo_rows(50, 3)
    assert demo_rows(50, 3) != demo_rows(50, 4)
    people = demo_rows(2000, 1)["contacts"]
    assert len({row["email"] for row in people}) == 2000
    assert all(row["email"].isascii() for row in people)
    assert 0.1 < sum(row["warmness_score"] >= 4 for row in people) / 2000 < 0.5


def kill_one(desk: Desk) -> int:
    command = desk.due()[0]
    with desk.database.transaction() as connection:
        assert outbox.kill(connection, command, "refused", {"email": "[bold]is no address"})
    return command.id


def test_dead_letters_are_listed_and_driven_again(
    variables: dict[str, str], tmp_path: Path, seller: Seller, desk: Desk
) -> None:
    seller.contact("c", warmness_score=5)
    seller.contact("d", warmness_score=5)
    first, second = kill_one(desk), kill_one(desk)

    def call(*arguments: str) -> tuple[int, Any]:
        code, said, told = run(tmp_path, variables, "outbox", *arguments)
        return code, (json.loads(said) if "--json" in arguments else said + told)

    code, listed = call("list", "--status", "dead", "--json")
    assert (code, [row["id"] for row in listed]) == (0, [second, first])
    code, shown = call()
    assert code == 0
    assert "person/c" in shown
    assert "email: [bold]is no address" in " ".join(shown.split())
    assert call("retry", str(first), "999", "--json") == (1, {"retried": 1, "passed_over": 1})
    assert call("retry", "--dead", "--json") == (0, {"retried": 1, "passed_over": 0})
    assert call("counts", "--json")[1] == dict.fromkeys(Status, 0) | {"pending": 2}
    assert [row["attempts"] for row in seller.commands()] == [0, 0]
    audit = seller.run("SELECT details FROM sync.audit_log WHERE action = 'outbox.retry'")
    assert [row["details"]["retried"] for row in audit] == [1, 1]
    desk.work()
    check(desk, seller)
