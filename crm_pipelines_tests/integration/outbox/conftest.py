"""A database, and the local side of a tenant in it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from crm_pipelines.store.database import Database
from crm_pipelines_tests.integration.outbox.desk import Desk
from crm_pipelines_tests.integration.outbox.seller import Seller
from crm_pipelines_tests.servers import Databases

EMPTY = "TRUNCATE app.users, app.organizations, sync.outbox, sync.push_rules CASCADE"


@pytest.fixture
def database(shared: Database) -> Database:
    """Emptied for the test."""
    shared.run_text(EMPTY)
    return shared


@pytest.fixture
def seller(database: Database) -> Seller:
    """The local side."""
    return Seller(database, "default")


@pytest.fixture
def desk(database: Database) -> Desk:
    """Works commands off into records of its own."""
    return Desk(database, "default")


@pytest.fixture(scope="module")
def shared(databases: Databases) -> Iterator[Database]:
    """A database for many tenants."""
    with databases.clone() as url:
        found = Database(url)
        yield found
        found.close()
