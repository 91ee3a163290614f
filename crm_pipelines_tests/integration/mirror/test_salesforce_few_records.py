"""Few records are read by plain queries: the same table as by bulk jobs, for fewer calls."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote_plus

import pytest

from crm_pipelines.model.window import Mode
from crm_pipelines_tests.mirroring import Mirroring
from crm_pipelines_tests.sandbox_process import Sandbox
from crm_pipelines_tests.truths import differences

Make = Callable[..., Mirroring]
CONTACTS = "salesforce.contacts"
EVERY = ("contacts", "accounts", "leads", "opportunities", "opportunity_history", "tasks", "users")


class Interrupted(Exception):
    """Somebody stops the run."""


def stop_at(wanted: int) -> Callable[[int], None]:
    """Ends a fetch when it tells of that page."""

    def heard(page: int) -> None:
        if page == wanted:
            raise Interrupted

    return heard


def limit(sandbox: Sandbox, **limits: int) -> None:
    sandbox.admin("PATCH", "/salesforce/limits", limits)


def asked(sandbox: Sandbox, since: int = 0) -> list[str]:
    """What Salesforce was asked, without logins, by the words that matter."""
    paths = (
        unquote_plus(f"{entry['path'].partition('.0/')[2]}?{entry['query']}")
        for entry in sandbox.journal()[since:]
        if entry["path"].startswith("/services/data")
    )
    words = ("describe", "COUNT()", "jobs/query", "query/01g", "queryAll", "query")
    return [next(word for word in words if word in path) for path in paths]


def pages(sandbox: Sandbox) -> Counter[str]:
    """How often each page of records came."""
    return Counter(
        f"{entry['path']}?{entry['query']}"
        for entry in sandbox.journal()
        if entry["status"] == 200
        and ("/query/01g" in entry["path"] or "FROM+Contact" in entry["query"])
        and "COUNT" not in entry["query"]
    )


@pytest.mark.parametrize("zoned", [0, 1])
@pytest.mark.parametrize("first", ["0", "2000"], ids=["bulk first", "plain first"])
def test_both_ways_give_the_same_table(
    sandbox: Sandbox, mirroring: Make, first: str, zoned: int
) -> None:
    """Column by column: what one way has stored, the other way does not touch."""
    limit(sandbox, z_datetimes=zoned)
    for name in (f"salesforce.{one}" for one in EVERY):
        before = mirroring(SALESFORCE_BULK_ROWS=first)
        whole = before(name, mode=Mode.FULL)
        assert whole.created == whole.fetched > 0
        assert differences(sandbox, before, name) == {}
        after = mirroring(SALESFORCE_BULK_ROWS={"0": "2000", "2000": "0"}[first])
        again = after(name, mode=Mode.FULL)
        assert (again.created, again.updated, again.unchanged) == (0, 0, whole.created)
        assert before.notes["read_by"] != after.notes["read_by"]


def test_the_run_says_which_way_was_taken(
    sandbox: Sandbox, mirroring: Make, caplog: pytest.LogCaptureFixture
) -> None:
    """30 contacts are many here, 8 accounts are few."""
    mirror = mirroring(SALESFORCE_BULK_ROWS="20")
    ways = {CONTACTS: "Bulk API 2.0", "salesforce.accounts": "REST query"}
    for name, way in ways.items():
        said: list[str] = []
        flow = mirror.flow(name, lambda _, words, said=said: said.append(words))  # type: ignore[misc]
        with caplog.at_level(logging.INFO, "crm_pipelines.mirror"):
            mirror(name)
            manifest = flow.fetch(_options(), None, key=f"shown {name}", run="shown")
            mirror.wiring.checkpoints.release(manifest.key)
        assert mirror.notes["read_by"] == way
        assert mirror.history(name)[0]["metrics"]["read_by"] == way
        assert said[-1] == f"{manifest.rows} records by {way}"
        assert f"by {way}" in caplog.text
        caplog.clear()


def _options() -> Any:
    from crm_pipelines.model.window import Options

    return Options(mode=Mode.FULL)


def test_what_runs_cost(sandbox: Sandbox, mirror: Mirroring) -> None:
    assert mirror(CONTACTS).api_calls == 3
    assert asked(sandbox) == ["describe", "COUNT()", "queryAll"]
    since = len(sandbox.journal())
    record = sandbox.truth("salesforce", "Contact")[0]
    path = f"/salesforce/records/Contact/{record['Id']}"
    sandbox.admin("PATCH", path, {"LastName": "Edited"})
    delta = mirror(CONTACTS)
    assert (delta.updated, delta.api_calls) == (1, 3)
    assert asked(sandbox, since) == ["describe", "COUNT()", "queryAll"]


def test_a_delta_without_changes_takes_two_calls(sandbox: Sandbox, mirror: Mirroring) -> None:
    for number, record in enumerate(sandbox.truth("salesforce", "Contact", deleted=True)):
        stamp = {"SystemModstamp": f"2024-01-{number % 28 + 1:02}T10:00:00.000Z"}
        sandbox.admin("PATCH", f"/salesforce/records/Contact/{record['Id']}", stamp)
    mirror(CONTACTS)
    delta = mirror(CONTACTS)
    assert (delta.fetched, delta.api_calls) == (0, 2)
    assert differences(sandbox, mirror, CONTACTS) == {}


def test_deletions_are_told(sandbox: Sandbox, mirror: Mirroring) -> None:
    mirror(CONTACTS)
    gone = sandbox.truth("salesforce", "Contact")[0]["Id"]
    sandbox.admin("DELETE", f"/salesforce/records/Contact/{gone}")
    assert mirror(CONTACTS).deleted == 1
    assert gone not in mirror.rows(CONTACTS)
    assert differences(sandbox, mirror, CONTACTS) == {}


def test_no_more_records_than_wanted(mirror: Mirroring) -> None:
    assert mirror(CONTACTS, max_records=7).fetched == 7


def test_a_run_that_was_stopped_goes_on_behind_its_last_page(
    sandbox: Sandbox, mirror: Mirroring
) -> None:
    limit(sandbox, rest_page_rows=8)
    with pytest.raises(Interrupted):
        mirror.fetch(CONTACTS, key="root", on_page=stop_at(3), mode=Mode.FULL)
    outcome = mirror(CONTACTS, key="root", mode=Mode.FULL)
    assert outcome.created == 30
    assert len(pages(sandbox)) == 4
    assert set(pages(sandbox).values()) == {1}
    assert differences(sandbox, mirror, CONTACTS) == {}


def test_a_query_whose_place_is_lost_begins_anew(sandbox: Sandbox, mirror: Mirroring) -> None:
    """Salesforce keeps the place of a query for two days."""
    limit(sandbox, rest_page_rows=8)
    with pytest.raises(Interrupted):
        mirror.fetch(CONTACTS, key="root", on_page=stop_at(2), mode=Mode.FULL)
    limit(sandbox, query_locator_seconds=0)
    limit(sandbox, rest_page_rows=2000)
    assert mirror(CONTACTS, key="root", mode=Mode.FULL).created == 30
    assert differences(sandbox, mirror, CONTACTS) == {}


@pytest.mark.parametrize("size", [2000, 8], ids=["one page", "four pages"])
@pytest.mark.parametrize("struck", [0, 1])
def test_a_page_that_is_short_is_not_taken(
    sandbox: Sandbox, mirror: Mirroring, size: int, struck: int
) -> None:
    limit(sandbox, rest_page_rows=size)
    sandbox.fault("short_page", system="salesforce", path="query", after=1 + struck)
    assert mirror(CONTACTS, mode=Mode.FULL).created == 30
    assert differences(sandbox, mirror, CONTACTS) == {}


def test_a_count_that_takes_too_long_is_not_repeated(sandbox: Sandbox, mirror: Mirroring) -> None:
    limit(sandbox, query_timeout_rows=20)
    assert mirror(CONTACTS, mode=Mode.FULL).created == 30
    assert asked(sandbox)[:3] == ["describe", "COUNT()", "jobs/query"]
    assert differences(sandbox, mirror, CONTACTS) == {}


def test_an_org_that_cannot_count_is_read_by_bulk_jobs(sandbox: Sandbox, mirror: Mirroring) -> None:
    sandbox.fault("html_403", system="salesforce", path="COUNT", times=0)
    assert mirror(CONTACTS, mode=Mode.FULL).created == 30
    assert mirror.notes["read_by"] == "Bulk API 2.0"
    assert differences(sandbox, mirror, CONTACTS) == {}
