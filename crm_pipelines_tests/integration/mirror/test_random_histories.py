"""Whatever happens, in whatever order: after a quiet sync the mirror is what the CRM holds.

``CRM_TEST_HISTORIES`` multiplies how many histories are told; the default ones are always the
same. A failing one is printed as steps: put them into a test of their own.
"""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Callable
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from crm_pipelines_tests.integration.mirror.histories import (
    WAYS,
    Crash,
    Exhaust,
    Hold,
    Release,
    Step,
    Sync,
    Telling,
)
from crm_pipelines_tests.integration.mirror.worlds import (
    ACCOUNTS,
    CONTACTS,
    DEALS,
    ORGANIZATIONS,
    PERSONS,
    Change,
    Collection,
)
from crm_pipelines_tests.mirroring import variables
from crm_pipelines_tests.sandbox_process import running_sandbox
from crm_pipelines_tests.servers import Databases

MORE = int(os.environ.get("CRM_TEST_HISTORIES", "1"))
SMALL: dict[str, Any] = dict.fromkeys(
    ("persons", "organizations", "deals", "activities", "contacts", "accounts"), 6
)
PHASES = (Phase.generate, Phase.shrink) if "CRM_TEST_SHRINK" in os.environ else (Phase.generate,)
"""Finding the shortest history that fails takes minutes."""

PIPEDRIVE = (PERSONS, ORGANIZATIONS, DEALS)
SALESFORCE = (CONTACTS, ACCOUNTS)

READINGS: tuple[dict[str, str], ...] = (
    {},
    {"SALESFORCE_BULK_ROWS": "0", "SALESFORCE_PAGE_ROWS": "1"},
    {"SALESFORCE_BULK_ROWS": "2", "SALESFORCE_SPLIT_ROWS": "2"},
)
"""How Salesforce is read, told by a history's length: plain queries, pages side by side, ranges."""

Tell = Callable[[tuple[Collection, ...], list[Step]], None]


@pytest.fixture(scope="session")
def small_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("small") / "sandbox"
    with running_sandbox(home, opportunities=2, **SMALL):
        return home


@pytest.fixture
def tell(small_home: Path, databases: Databases, tmp_path: Path) -> Tell:
    """Tells a history to a sandbox and a database of its own."""

    def tell(collections: tuple[Collection, ...], steps: list[Step]) -> None:
        home = tmp_path / uuid.uuid4().hex
        shutil.copytree(small_home, home / "sandbox")
        with (
            running_sandbox(home / "sandbox", opportunities=2, **SMALL) as sandbox,
            databases.clone() as url,
        ):
            free = {"burst": 10_000, "burst_search": 10_000, "token_headers": 0}
            sandbox.admin("PATCH", "/pipedrive/limits", {**free, "daily_tokens": 1_000_000})
            sandbox.admin("PATCH", "/salesforce/limits", {"bulk_page_rows": 2})
            more = {"PIPEDRIVE_DAILY_TOKENS": "1000000", **READINGS[len(steps) % len(READINGS)]}
            values = variables(sandbox.url, url, home / "home", **more)
            Telling(sandbox, values, collections).tell(steps)
        shutil.rmtree(home)

    return tell


def histories(collections: tuple[Collection, ...], length: int) -> st.SearchStrategy[list[Step]]:
    """Lists of steps; about half of them are what people do."""
    numbers = st.integers(0, 9)
    changes = st.sampled_from(collections).flatmap(_changes)
    streams = st.sampled_from([name for one in collections for name in one.streams])
    runs = st.builds(
        Sync,
        streams,
        st.sampled_from(WAYS),
        st.sampled_from([0, 2, 3]),
        st.lists(changes, max_size=3).map(tuple),
    )
    ends = st.sampled_from(["same", "same", "another", "never"])
    crashes = st.builds(Crash, runs, st.sampled_from(["page", "fetch", "validate"]), ends)
    single: list[st.SearchStrategy[Any]] = [changes, changes, changes, runs, crashes]
    single += [st.builds(Sync, streams), st.builds(Hold, runs), st.builds(Release, numbers)]
    if collections[0].crm == "pipedrive":
        single.append(st.builds(Exhaust, runs, st.integers(0, 3), st.booleans(), ends))
    overtaken = st.sampled_from(collections).flatmap(_overtaken)
    passages = st.one_of(*(one.map(lambda step: [step]) for one in single), overtaken)
    return st.lists(passages, min_size=length // 2, max_size=length).map(
        lambda found: list(chain.from_iterable(found))
    )


def _changes(collection: Collection) -> st.SearchStrategy[Change]:
    numbers, actions = st.integers(0, 9), st.sampled_from(collection.actions)
    texts = st.sampled_from(["Ada", "Bo", "NA", "null", "0012", 'a"b,\nc', "é🎈", " x "])
    ago = st.integers(1, 540)
    return st.builds(Change, st.just(collection), actions, numbers, numbers, texts, ago)


def _overtaken(collection: Collection) -> st.SearchStrategy[list[Step]]:
    """A slow run, and a quick one that ends before it with what has changed in between."""
    streams = st.sampled_from(collection.streams)
    slow = st.builds(Hold, st.builds(Sync, streams, st.sampled_from(["delta", "full", "days"])))
    changes = st.lists(_changes(collection), min_size=2, max_size=4)
    quick = st.builds(Sync, streams, st.sampled_from(["delta", "full"]))
    return st.tuples(st.builds(Sync, streams), slow, changes, quick).map(
        lambda told: [told[0], told[1], *told[2], told[3], Release(-1)]
    )


def told(number: int) -> settings:
    """Always the same histories by default; new ones every time where more are asked for."""
    return settings(
        max_examples=number * MORE,
        derandomize=MORE == 1,
        database=None,
        deadline=None,
        phases=PHASES,
        suppress_health_check=list(HealthCheck),
        print_blob=False,
    )


@pytest.mark.long
@told(7)
@given(steps=histories(PIPEDRIVE, 14))
def test_pipedrive_after_any_history(tell: Tell, steps: list[Step]) -> None:
    tell(PIPEDRIVE, steps)


@pytest.mark.long
@told(2)
@given(steps=histories(SALESFORCE, 10))
def test_salesforce_after_any_history(tell: Tell, steps: list[Step]) -> None:
    tell(SALESFORCE, steps)
