"""What is sent again, what is not, and what the caller learns, over real HTTP."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from crm_pipelines.budget.ledger import Ledger
from crm_pipelines.model.errors import (
    BadCredentials,
    Blocked,
    BudgetSpent,
    CircuitOpen,
    CrmError,
    GoneError,
    InvalidData,
    OutcomeUnknown,
    Truncated,
    Unreachable,
)
from crm_pipelines.transport.door import Door
from crm_pipelines_tests.integration.budget.conftest import Token, create, get
from crm_pipelines_tests.sandbox_process import Sandbox

Doors = Callable[..., Door]


def arrived(sandbox: Sandbox) -> int:
    """Requests that met the fault's rule; the journal knows only those that have ended."""
    return int(sandbox.admin("GET", "/faults")[0]["seen"])


@pytest.mark.parametrize(
    ("kind", "rule"),
    [
        ("server_error", {"status": 500}),
        ("server_error", {"status": 503}),
        ("burst_429", {}),
        ("cut_body", {}),
        ("reset", {}),
        ("timeout", {"seconds": 2}),
        ("slow_body", {"seconds": 3}),
    ],
)
def test_reads_are_made_again(sandbox: Sandbox, door: Doors, kind: str, rule: Any) -> None:
    sandbox.fault(kind, path="persons", **rule)
    assert door().send(get()).json()["success"]
    assert arrived(sandbox) == 2


@pytest.mark.parametrize("kind", ["server_error", "reset", "lost_answer", "timeout"])
def test_a_write_of_unknown_outcome_is_not_made_again(
    sandbox: Sandbox, door: Doors, kind: str
) -> None:
    sandbox.fault(kind, path="persons", seconds=2)
    with pytest.raises(OutcomeUnknown, match="POST /api/v2/persons"):
        door().send(create())
    assert arrived(sandbox) == 1


def test_a_write_that_was_turned_away_is_made_again(sandbox: Sandbox, door: Doors) -> None:
    before = len(sandbox.truth("pipedrive", "persons"))
    sandbox.fault("burst_429", path="persons")
    door().send(create())
    assert len(sandbox.truth("pipedrive", "persons")) == before + 1


def test_an_expired_login_is_renewed_once(sandbox: Sandbox, door: Doors) -> None:
    sandbox.fault("expired_login", path="persons")
    login = Token()
    assert door(login=login).send(get()).json()["success"]
    assert login.renewed == 1


def test_a_dead_login_is_not_renewed_for_ever(sandbox: Sandbox, door: Doors) -> None:
    sandbox.fault("expired_login", path="persons", times=0)
    login = Token()
    with pytest.raises(BadCredentials, match="after a new login"):
        door(login=login).send(get())
    assert (login.renewed, len(sandbox.journal())) == (1, 2)


def test_a_spent_day_ends_every_purse_of_the_account(
    sandbox: Sandbox, door: Doors, purse: Callable[..., Ledger]
) -> None:
    sandbox.fault("daily_429", path="persons")
    with pytest.raises(BudgetSpent) as caught:
        door().send(get())
    with pytest.raises(BudgetSpent) as again:
        purse().spend(get())
    assert again.value.resumes_at == caught.value.resumes_at
    assert len(sandbox.journal()) == 1


def test_the_firewall_stops_the_account(sandbox: Sandbox, door: Doors) -> None:
    sandbox.fault("html_403", path="persons")
    with pytest.raises(Blocked, match="stop everything"):
        door().send(get())
    with pytest.raises(CircuitOpen, match="not asked again before"):
        door().send(get("/api/v2/deals"))
    assert len(sandbox.journal()) == 1


@pytest.mark.parametrize(
    ("path", "kind"),
    [("/api/v2/persons/999999", GoneError), ("/api/v2/persons?limit=many", InvalidData)],
)
def test_what_cannot_help_is_sent_once(
    sandbox: Sandbox, door: Doors, path: str, kind: type[CrmError]
) -> None:
    with pytest.raises(kind):
        door().send(get(path))
    assert len(sandbox.journal()) == 1


def test_an_answer_that_stays_cut_is_given_up(sandbox: Sandbox, door: Doors) -> None:
    sandbox.fault("cut_body", path="persons", times=0)
    with pytest.raises(Truncated, match="broke off"):
        door().send(get())
    assert len(sandbox.journal()) == 5


def test_bytes_that_trickle_do_not_last_for_ever(sandbox: Sandbox, door: Doors) -> None:
    sandbox.fault("slow_body", path="persons", times=0, seconds=3)
    with pytest.raises(OutcomeUnknown, match="in time"):
        door().send(create())


def test_what_never_left_is_not_paid_for(
    door: Doors, purse: Callable[..., Ledger], database: Any
) -> None:
    budget = purse()
    with pytest.raises(Unreachable, match="cannot be reached"):
        door(budget, url="http://127.0.0.1:1").send(get())
    assert (budget.calls, budget.tokens) == (0, 0)
    spent = database.run_text("SELECT spent, by_priority FROM sync.budgets")
    assert [(row["spent"], sum(row["by_priority"])) for row in spent] == [(0, 0)]
