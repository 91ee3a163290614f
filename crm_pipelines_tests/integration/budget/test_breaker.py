"""When a CRM is left alone, for everybody, and how it is tried again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC
from typing import Any

import pytest

from crm_pipelines.budget.breaker import THRESHOLD
from crm_pipelines.budget.ledger import Ledger
from crm_pipelines.model.errors import (
    CircuitOpen,
    CrmError,
    InvalidData,
    OutcomeUnknown,
    Unreachable,
)
from crm_pipelines.store.database import Database
from crm_pipelines.transport.door import Door
from crm_pipelines_tests.integration.budget.conftest import create, get
from crm_pipelines_tests.sandbox_process import Sandbox

Doors = Callable[..., Door]
Purses = Callable[..., Ledger]
NOWHERE = "http://127.0.0.1:1"


def open_circuit(door: Doors) -> None:
    with pytest.raises(Unreachable):
        door(url=NOWHERE).send(get())


def let_time_pass(database: Database) -> None:
    database.run_text(
        "UPDATE sync.breakers SET open_until = clock_timestamp(), probe_until = least(probe_until,"
        " clock_timestamp())"
    )


def state(database: Database) -> list[tuple[int, bool]]:
    rows = database.run("breaker.state", {"workspace": "default", "crm": "pipedrive"})
    return [(row["failures"], bool(row["refusing"])) for row in rows]


def test_an_unreachable_crm_fails_what_follows_at_once(
    sandbox: Sandbox, door: Doors, purse: Purses
) -> None:
    open_circuit(door)
    with pytest.raises(CircuitOpen) as caught:
        door().send(get())
    words = str(caught.value)
    assert f"({THRESHOLD} failures in a row, last: Pipedrive cannot be reached at" in words
    assert f"not asked again before {caught.value.until.astimezone(UTC):%H:%M:%S} UTC" in words
    with pytest.raises(CircuitOpen):
        purse().spend(get())
    assert sandbox.journal() == []


def test_one_that_tries_opens_it_for_all(
    sandbox: Sandbox, door: Doors, purse: Purses, database: Database
) -> None:
    open_circuit(door)
    let_time_pass(database)
    first = purse()
    first.admit()
    with pytest.raises(CircuitOpen):
        purse().admit()
    assert door(first).send(get()).json()["success"]
    assert state(database) == []
    purse().spend(get())


def test_a_try_that_fails_doubles_the_pause(door: Doors, database: Database) -> None:
    def pause() -> float:
        row = database.run_text(
            "SELECT extract(epoch FROM open_until - failed_at)::float8 AS s FROM sync.breakers"
        )[0]
        return float(round(row["s"]))

    open_circuit(door)
    first = pause()
    for times in (2, 4, 8):
        let_time_pass(database)
        with pytest.raises((Unreachable, CircuitOpen)):
            door(url=NOWHERE).send(get())
        assert pause() == first * times


def test_a_process_that_died_trying_is_followed_by_another(
    door: Doors, purse: Purses, database: Database
) -> None:
    open_circuit(door)
    let_time_pass(database)
    purse().admit()
    let_time_pass(database)
    purse().admit()


def test_one_flaky_answer_is_no_outage(sandbox: Sandbox, door: Doors, database: Database) -> None:
    sandbox.fault("server_error", path="persons", times=0)
    with pytest.raises(OutcomeUnknown):
        door().send(create())
    assert state(database) == [(1, False)]
    door().send(get("/api/v2/deals"))
    assert state(database) == []


def test_trouble_call_after_call_is_one(sandbox: Sandbox, door: Doors, database: Database) -> None:
    sandbox.fault("reset", times=0)
    for number in range(1, THRESHOLD + 1):
        with pytest.raises(OutcomeUnknown):
            door().send(create())
        assert state(database) == [(number, number == THRESHOLD)]


def test_refused_data_is_no_trouble(sandbox: Sandbox, door: Doors, database: Database) -> None:
    budget = door()
    for _ in range(THRESHOLD + 1):
        with pytest.raises(InvalidData):
            budget.send(create(name=""))
    assert state(database) == []


@pytest.mark.parametrize("crm", ["pipedrive", "salesforce"])
def test_streams_after_the_first_ones_fail_at_once(mirroring: Any, crm: str) -> None:
    names = {"pipedrive": "PIPEDRIVE_BASE_URL", "salesforce": "SALESFORCE_LOGIN_URL"}
    mirror = mirroring(**{names[crm]: NOWHERE})
    streams = [s.name for s in mirror.wiring.account("default", crm).streams]
    found = []
    for stream in streams:
        with pytest.raises(CrmError) as caught:
            mirror.fetch(f"{crm}.{stream}")
        found.append(type(caught.value))
    assert set(found[:THRESHOLD]) <= {Unreachable, CircuitOpen}
    assert set(found[THRESHOLD:]) == {CircuitOpen}
