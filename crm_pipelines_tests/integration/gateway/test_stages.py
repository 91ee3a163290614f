"""Stages over HTTP: mapping them, and the history of a deal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from crm_pipelines.model.access import Scope
from crm_pipelines_tests.integration.gateway.conftest import Local, Standing, make_key, signed
from crm_pipelines_tests.integration.stages.staging import Staging

PATH = "/api/pipedrive/stage-mappings"


@pytest.fixture(scope="module")
def world(standing: Standing) -> Iterator[Staging]:
    one = Staging(standing.values, standing.sandbox)
    one.sync()
    yield one
    one.close()


@pytest.fixture
def admin(caller: httpx.Client, database_url: str) -> dict[str, str]:
    return signed(make_key(database_url, Scope.ADMIN))


def test_mapping_a_stage(
    world: Staging, caller: httpx.Client, admin: dict[str, str], local: Local
) -> None:
    wanted = {
        "localStatus": "Qualified",
        "probability": 35,
        "actions": [
            {"action": "start_campaign", "options": {"campaign": "Spring"}},
            {"action": "update_lead_score"},
        ],
    }
    assert caller.put(f"{PATH}/2", json=wanted).status_code == 403
    answer = caller.put(f"{PATH}/2", json=wanted, headers=admin)
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert (found["name"], found["pipelineId"]) == ("Contact made", 1)
    mapping = found["mapping"]
    assert (mapping["localStatus"], mapping["probability"], mapping["enabled"]) == (
        "Qualified",
        35,
        True,
    )
    assert mapping["actions"][1]["options"] == {"score": None}
    assert mapping["updatedBy"].startswith("api key")
    assert caller.get(f"{PATH}/2").json() == found
    every = caller.get(PATH).json()["stages"]
    assert [one["stageId"] for one in every] == [*range(1, 11)]
    assert [one["stageId"] for one in every if one["mapping"]] == [2]
    assert caller.delete(f"{PATH}/2").status_code == 403
    assert caller.delete(f"{PATH}/2", headers=admin).status_code == 204
    assert caller.delete(f"{PATH}/2", headers=admin).status_code == 404
    assert local.run("SELECT count(*) FROM sync.stage_mappings") == [(0,)]


@pytest.mark.parametrize(
    ("stage", "wrong", "status", "words"),
    [
        (99, {}, 404, "the mirror has no stage 99"),
        (2, {"probability": 101}, 422, "less than or equal to 100"),
        (2, {"actions": [{"action": "dance"}]}, 422, "update_lead_score"),
        (2, {"actions": [{"action": "start_campaign"}]}, 422, "options"),
        (2, {"actions": [{"action": "stop_campaign", "options": {"x": 1}}]}, 422, "Extra"),
        (2, {"actions": [{"action": "assign_owner", "options": {"users": ["x@y"]}}]}, 409, "x@y"),
        (2, {"surprise": 1}, 422, "Extra"),
    ],
)
def test_wrong_mappings_are_problems(
    world: Staging,
    caller: httpx.Client,
    admin: dict[str, str],
    stage: int,
    wrong: dict[str, Any],
    status: int,
    words: str,
) -> None:
    answer = caller.put(f"{PATH}/{stage}", json={"probability": 10, **wrong}, headers=admin)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert words in answer.text


def test_the_history_of_a_deal(world: Staging, caller: httpx.Client, local: Local) -> None:
    world.stages.fill_past()
    moved = next(d for d in world.linked_deals() if len(world.history(d)) > 1)
    answer = caller.get(f"/api/pipedrive/deals/{moved}/stage-history")
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert (found["dealId"], found["past"]) == (moved, "complete")
    first, last = found["stays"][0], found["stays"][-1]
    assert first["previousStageId"] is None and first["secondsInStage"] >= 0
    assert last["leftAt"] is None and last["stageId"] == world.deal(moved)["stage_id"]
    [[row]] = local.run(
        "INSERT INTO app.deals (title, pipedrive_deal_id) VALUES ('D', %s) RETURNING id", moved
    )
    assert caller.get(f"/api/pipedrive/deals/{row}/stage-history").json() == found
    assert caller.get("/api/pipedrive/deals/123456/stage-history").status_code == 404
    assert caller.get("/api/pipedrive/deals/nobody/stage-history").status_code == 404
