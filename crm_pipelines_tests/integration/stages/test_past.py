"""The past of deals, read from their own logs within the budget, each page paid for once."""

from __future__ import annotations

import itertools
import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from crm_pipelines_tests.integration.stages.staging import Row, Staging
from crm_pipelines_tests.mirroring import variables
from crm_pipelines_tests.sandbox_process import TOKEN, Sandbox, plain_client, running_sandbox

DEALS: dict[str, Any] = {
    "persons": 20,
    "organizations": 5,
    "deals": 200,
    "activities": 0,
    "contacts": 0,
    "accounts": 0,
    "opportunities": 0,
}
Log = list[Row]
DAY = 3_000


@pytest.fixture(scope="module")
def many_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of a sandbox with 200 deals."""
    home = tmp_path_factory.mktemp("many") / "sandbox"
    with running_sandbox(home, **DEALS):
        return home


@pytest.fixture
def many(many_home: Path, database_url: str, tmp_path: Path) -> Iterator[Staging]:
    """200 deals, synced."""
    with ExitStack() as stack:
        home = tmp_path / "sandbox"
        shutil.copytree(many_home, home)
        sandbox = stack.enter_context(running_sandbox(home, **DEALS))
        sandbox.admin("PATCH", "/pipedrive/limits", {"burst": 10_000, "daily_tokens": DAY})
        sandbox.admin("POST", "/clock", {"now": "2026-12-01T12:00:00+00:00"})
        values = variables(sandbox.url, database_url, tmp_path / "home")
        one = Staging({**values, "PIPEDRIVE_DAILY_TOKENS": str(DAY)}, sandbox)
        one.follow_clock()
        stack.callback(one.close)
        one.sync()
        yield one


def logs(sandbox: Sandbox) -> dict[int, Log]:
    """The changes of stage of every deal that is there, oldest first, as the API tells them."""
    found = {}
    headers = {"x-api-token": TOKEN}
    with plain_client(base_url=sandbox.url, headers=headers) as client:
        for deal in sandbox.truth("pipedrive", "deals"):
            lines: Log = []
            cursor: dict[str, str] = {}
            while True:
                path = f"/api/v1/deals/{deal['id']}/changelog"
                page = client.get(path, params={"limit": "500", **cursor}).json()
                lines += page["data"]
                if page["additional_data"]["next_cursor"] is None:
                    break
                cursor = {"cursor": page["additional_data"]["next_cursor"]}
            found[deal["id"]] = lines[::-1]
    return found


def test_two_hundred_deals_with_a_budget_that_ends_in_the_middle(many: Staging) -> None:
    since = many.sandbox.journal()[-1]["number"]
    first = many.stages.fill_past(run="first")
    assert first.resumes_at is not None and 0 < first.deals < 200
    assert first.left == 200 - first.deals
    assert many.stages.fill_past(run="at once").deals == 0
    assert [line["status"] for line in many.mirror.history("pipedrive.stage_history")] == [
        "paused",
        "paused",
    ]
    turns = [first]
    while turns[-1].left:
        tomorrow = turns[-1].resumes_at
        assert tomorrow is not None
        many.sandbox.admin("POST", "/clock", {"now": (tomorrow + timedelta(minutes=1)).isoformat()})
        turns.append(many.stages.fill_past(run=f"turn {len(turns)}"))
    assert len(turns) > 1 and sum(turn.deals for turn in turns) == 200
    asked = [e for e in many.sandbox.journal(since) if "changelog" in e["path"]]
    pages = Counter((e["path"], str(e["query"])) for e in asked)
    assert set(pages.values()) == {1} and {e["status"] for e in asked} == {200}
    assert sum(turn.tokens for turn in turns) == 20 * len(pages) > 20 * 200
    assert many.query("SELECT status, count(*) FROM sync.deal_pasts GROUP BY 1") == [
        {"status": "complete", "count": 200}
    ]
    many.sandbox.admin("PATCH", "/pipedrive/limits", {"daily_tokens": 1_000_000})
    _require_history_is_the_log(many)
    assert many.stages.fill_past().deals == 0


def _require_history_is_the_log(world: Staging) -> None:
    deals = {one["id"]: one for one in world.sandbox.truth("pipedrive", "deals")}
    for deal_id, log in logs(world.sandbox).items():
        expected = _way(deals[deal_id], log)
        rows = world.history(deal_id)
        found = [
            (
                row["previous_stage_id"],
                row["stage_id"],
                f"{row['changed_at'].astimezone(UTC):%Y-%m-%d %H:%M:%S}",
                float(row["deal_value"]),
                row["changed_by_user_id"],
            )
            for row in rows
        ]
        assert found == expected, deal_id
        assert {row["source"] for row in rows} == {"change_log"}
        for row, after in itertools.pairwise(rows):
            assert row["duration_in_stage"] == after["changed_at"] - row["changed_at"]
        assert rows[-1]["left_at"] is None and rows[-1]["stage_id"] == deals[deal_id]["stage_id"]


def _way(deal: Row, log: Log) -> list[tuple[Any, ...]]:
    """What the log says, forwards; stages that were come into twice in one second are once."""
    values = [line for line in log if line["field_key"] == "value"]
    value = float(values[0]["old_value"]) if values else float(deal["value"])
    moved = [line for line in log if line["field_key"] == "stage_id"]
    first = int(moved[0]["old_value"]) if moved else deal["stage_id"]
    added = deal["add_time"].replace("T", " ").removesuffix("Z")
    found: dict[tuple[int, str], tuple[Any, ...]] = {
        (first, added): (None, first, added, value, deal.get("creator_user_id"))
    }
    for line in log:
        if line["field_key"] == "value":
            value = float(line["new_value"])
        elif line["field_key"] == "stage_id":
            stage, time = int(line["new_value"]), line["time"]
            found.pop((stage, time), None)
            before = int(line["old_value"])
            found[stage, time] = (before, stage, time, value, line["actor_user_id"])
    return list(found.values())


def test_changes_since_are_in_the_log_whether_there_are_webhooks_or_not(world: Staging) -> None:
    deal = world.linked_deals()[0]
    before = world.deal(deal)["stage_id"]
    stages = [one for one in (1, 2, 3, 4) if one != before][:2]
    for stage in stages:
        world.sandbox.admin("POST", "/clock", {"advance_seconds": 60})
        world.move(deal, stage)
    world.sync("deals")
    world.stages.complete()
    assert world.way(deal) == [(None, stages[1])]
    world.stages.fill_past()
    assert world.way(deal)[-2:] == [(before, stages[0]), (stages[0], stages[1])]
    assert world.history(deal)[-2]["duration_in_stage"] >= timedelta(seconds=59)


def test_where_the_log_is_silent_the_mirror_tells(world: Staging) -> None:
    world.sandbox.admin("PATCH", "/pipedrive/limits", {"change_log_days": 1})
    world.stages.fill_past()
    moved = [one for one in world.sandbox.truth("pipedrive", "deals") if one["stage_change_time"]]
    for deal in moved:
        [row] = world.history(deal["id"])
        assert (row["stage_id"], row["source"]) == (deal["stage_id"], "mirror")
        assert row["changed_at"] == datetime.fromisoformat(deal["stage_change_time"])
    silent = world.query("SELECT deal_id FROM sync.deal_pasts WHERE status = 'silent'")
    assert {row["deal_id"] for row in silent} == {deal["id"] for deal in moved}
    still = world.query("SELECT deal_id FROM sync.deal_pasts WHERE status = 'complete'")
    assert len(still) + len(silent) == len(world.sandbox.truth("pipedrive", "deals"))


def test_the_past_sets_nothing_off(world: Staging) -> None:
    for stage in range(1, 11):
        world.map(stage, "send_notification", local_status="X")
    world.stages.fill_past()
    assert world.run() == 0 and world.actions() == []


def test_a_deal_that_is_gone_does_not_stop_the_others(world: Staging) -> None:
    world.stages.complete()
    deal = world.linked_deals()[-1]
    world.sandbox.admin("DELETE", f"/pipedrive/records/deals/{deal}")
    filled = world.stages.fill_past()
    assert filled.left == 0
    gone = world.query("SELECT deal_id FROM sync.deal_pasts WHERE status = 'gone'")
    assert [row["deal_id"] for row in gone] == [deal]
