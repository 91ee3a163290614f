"""The schedule of a delta: streams that seldom change are read less often, and cost less."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from crm_pipelines.connectors.pipedrive.costs import price
from crm_pipelines.connectors.pipedrive.streams import STREAMS
from crm_pipelines.defs.build import build_definitions
from crm_pipelines.wiring import Wiring
from crm_pipelines_tests.mirroring import variables

MIDNIGHT = datetime(2026, 8, 1, tzinfo=UTC)
SMALLEST_PLAN = 30_000


def asked_for(home: Path, crm: str, at: datetime, minutes: int = 15) -> set[str]:
    """The streams of one tick of the schedule."""
    values = variables("http://127.0.0.1:1", "postgresql://127.0.0.1:1/none", home)
    values["CRM_SYNC_EVERY_MINUTES"] = str(minutes)
    repository = build_definitions(Wiring(values)).get_repository_def()
    schedule = repository.get_schedule_def(f"{crm}_delta_sync")
    with _context(repository, at) as context:
        (request,) = schedule.evaluate_tick(context).run_requests or []
    assert request.partition_key == f"{at:%Y-%m-%d}"
    keys = request.asset_selection
    if keys is None:
        every = repository.asset_graph.get_all_asset_keys()
        keys = [key for key in every if key.path[0] == crm]
    return {key.path[-1] for key in keys}


def _context(repository: dg.RepositoryDefinition, at: datetime) -> dg.ScheduleEvaluationContext:
    return dg.build_schedule_context(scheduled_execution_time=at, repository_def=repository)


@pytest.mark.parametrize("minutes", [15, 60])
def test_a_tick_asks_for_what_is_due(tmp_path: Path, minutes: int) -> None:
    every = {stream.name for stream in STREAMS}
    assert asked_for(tmp_path, "pipedrive", MIDNIGHT, minutes) == every
    later = MIDNIGHT + timedelta(minutes=minutes)
    always = {stream.name for stream in STREAMS if stream.rhythm is None}
    if minutes < 60:
        assert asked_for(tmp_path, "pipedrive", later, minutes) == always
    else:
        assert asked_for(tmp_path, "pipedrive", later, minutes) >= always | {"users"}


def test_records_are_read_every_time(tmp_path: Path) -> None:
    records = {"persons", "organizations", "deals", "archived_deals", "activities", "products"}
    tick = MIDNIGHT + timedelta(minutes=45)
    assert asked_for(tmp_path, "pipedrive", tick) == records | {"leads", "notes", "files"}
    assert "contacts" in asked_for(tmp_path, "salesforce", tick)


@pytest.mark.parametrize("minutes", [1, 5, 7, 15, 59, 60, 120, 1440])
@pytest.mark.parametrize("stream", STREAMS, ids=[stream.name for stream in STREAMS])
def test_no_turn_is_left_out_and_none_comes_twice(stream: object, minutes: int) -> None:
    own = next(one for one in STREAMS if one is stream)
    # as cron has it: the same minutes of every hour, or whole hours of the day
    hours = range(0, 24, max(1, minutes // 60))
    ticks = [
        MIDNIGHT + timedelta(hours=hour, minutes=minute)
        for hour in hours
        for minute in range(0, 60, min(60, minutes))
    ]
    due = [at for at in ticks if own.is_due(at, timedelta(minutes=minutes))]
    turns = len(ticks) if own.rhythm is None else min(len(ticks), timedelta(days=1) // own.rhythm)
    assert len(due) == turns


def test_deltas_of_a_quiet_day_cost_little_more_than_half_of_the_smallest_plan() -> None:
    ticks = [MIDNIGHT + timedelta(minutes=15 * number) for number in range(96)]
    every = timedelta(minutes=15)
    lists = [(at, stream) for at in ticks for stream in STREAMS]
    tokens = sum(price("GET", stream.path) for at, stream in lists if stream.is_due(at, every))
    assert tokens < 0.55 * SMALLEST_PLAN
    assert sum(price("GET", stream.path) for _, stream in lists) > SMALLEST_PLAN
