"""What syncs of a whole Pipedrive account cost, as Pipedrive itself counts."""

from __future__ import annotations

from math import ceil

from crm_pipelines.connectors.pipedrive.streams import STREAMS
from crm_pipelines.model.window import Mode
from crm_pipelines_tests.mirroring import Mirroring
from crm_pipelines_tests.sandbox_process import Sandbox

FIXED = 150
"""Beside ten tokens for every started 500 records of a stream."""


def used(sandbox: Sandbox) -> int:
    return int(sandbox.admin("GET", "/pipedrive/usage")["tokens"])


def test_an_initial_sync_costs_ten_tokens_for_500_records_and_a_fixed_part(
    sandbox: Sandbox, mirror: Mirroring
) -> None:
    outcomes = [mirror(f"pipedrive.{stream.name}", mode=Mode.FULL) for stream in STREAMS]
    tokens = sum(outcome.tokens for outcome in outcomes)
    assert tokens == used(sandbox)
    assert tokens - sum(10 * ceil(outcome.fetched / 500) for outcome in outcomes) < FIXED


def test_a_quiet_delta_is_one_call_for_every_stream(sandbox: Sandbox, mirror: Mirroring) -> None:
    for stream in STREAMS:
        mirror(f"pipedrive.{stream.name}")
    before = used(sandbox)
    outcomes = [(stream, mirror(f"pipedrive.{stream.name}")) for stream in STREAMS]
    assert {outcome.api_calls for _, outcome in outcomes} == {1}
    assert sum(outcome.fetched for stream, outcome in outcomes if stream.windowed) == 0
    assert used(sandbox) - before == sum(outcome.tokens for _, outcome in outcomes)
