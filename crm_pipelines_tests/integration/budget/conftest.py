"""Purses on a ledger of the test's own, and doors to a sandbox that pay from them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import pytest

from crm_pipelines.budget.ledger import Ledger, Ledgers
from crm_pipelines.connectors.pipedrive.answers import classify, observe
from crm_pipelines.connectors.pipedrive.costs import price
from crm_pipelines.model.call import Call, Limits
from crm_pipelines.model.priority import Priority
from crm_pipelines.store.database import Database
from crm_pipelines.transport.door import Door
from crm_pipelines.transport.timeouts import Timeouts
from crm_pipelines_tests.sandbox_process import TOKEN, Sandbox

ROOMY = Limits(daily=30_000, bursts={"general": (10_000, 2.0)})
IMPATIENT = Timeouts.model_validate(
    {"CRM_CONNECT_SECONDS": 2, "CRM_READ_SECONDS": 0.4, "CRM_REQUEST_SECONDS": 1}
)


class Token:
    """A login that counts how often it was renewed."""

    renewed = 0

    def headers(self) -> Mapping[str, str]:
        return {"x-api-token": TOKEN}

    def renew(self) -> None:
        self.renewed += 1


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    found = Database(database_url)
    yield found
    found.close()


@pytest.fixture
def purse(database: Database) -> Callable[..., Ledger]:
    """Makes purses of one account."""

    def make(limits: Limits = ROOMY, priority: Priority = Priority.DELTA, user: str = "") -> Ledger:
        return Ledgers(database).purse("default", "pipedrive", "persons", limits, priority, user)

    return make


@pytest.fixture
def door(sandbox: Sandbox, purse: Callable[..., Ledger]) -> Iterator[Callable[..., Door]]:
    """Makes doors to the sandbox's Pipedrive, or to another address."""
    made: list[Door] = []

    def make(budget: Ledger | None = None, url: str = "", login: Token | None = None) -> Door:
        made.append(
            Door(
                "Pipedrive",
                url or sandbox.url,
                budget=budget or purse(),
                login=login or Token(),
                classify=classify,
                observe=observe,
                timeouts=IMPATIENT,
            )
        )
        return made[-1]

    yield make
    for one in made:
        one.close()


def get(path: str = "/api/v2/persons") -> Call:
    """A read."""
    return Call("GET", path, cost=price("GET", path))


def create(name: str = "Ada") -> Call:
    """A write that must not be made twice."""
    path = "/api/v2/persons"
    return Call("POST", path, json={"name": name}, cost=price("POST", path), safe=False)
