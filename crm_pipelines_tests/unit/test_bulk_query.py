"""Results that are not what their job said: nothing that ends early is taken for the end."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pytest

from crm_pipelines.connectors.salesforce.bulk_query import BulkQuery
from crm_pipelines.connectors.salesforce.query_jobs import QueryJobs
from crm_pipelines.connectors.salesforce.ranges import Range, restore
from crm_pipelines.connectors.salesforce.result_pages import ResultPages
from crm_pipelines.connectors.salesforce.settings import SalesforceSettings
from crm_pipelines.model.call import Call
from crm_pipelines.model.errors import GoneError, RetriableError, Truncated
from crm_pipelines.model.source import Page, Place
from crm_pipelines_tests.unit.scripted_org import (
    NO_JOB,
    ORDERED,
    Floor,
    Org,
    answered,
    csv,
    job,
    lists,
)


def read(org: Org, ranges: list[Range], size: int = 2) -> Iterator[Page]:
    settings = SalesforceSettings.model_validate({})
    door: Any = org
    return BulkQuery(
        QueryJobs(door, settings),
        ResultPages(door, Floor, (), size),
        version="64.0",
        order=lambda _: QueryJobs(door, settings).order("SELECT Id FROM Contact", "query"),
        divide=lambda one: [one],
        keep=places.append,
        empty=lambda: pa.table({"Id": pa.array([], pa.string())}),
        sized=False,
    ).pages(ranges)


places: list[Place] = []


@pytest.fixture(autouse=True)
def no_places() -> None:
    places.clear()


def rows_of(page: Page) -> int:
    found: Any = page.records
    return int(found.rows if isinstance(found, Floor) else found.num_rows)


def test_lists_that_end_early_are_not_the_end() -> None:
    """The job made six rows, the list has four: its pages are read one after the other."""
    org = Org(
        **ORDERED,
        poll=[job(6)],
        lists=[lists("a", "b")],
        page_a=[answered(csv(2), "2", "b")],
        page_b=[answered(csv(2), "2")],
        page_0=[answered(csv(2), "2", "x")],
        page_x=[answered(csv(4), "4")],
    )
    pages = list(read(org, [Range()]))
    assert pages[-1].next_place is None
    assert sum(map(rows_of, pages[-2:])) == 6
    assert org.asked[-3:] == ["page_0", "page_x", "delete"]


def test_a_last_page_that_comes_too_early_is_not_the_end() -> None:
    org = Org(**ORDERED, poll=[job(6)], lists=[NO_JOB], page_0=[answered(csv(4), "4")])
    with pytest.raises(Truncated, match="made 6 rows, but its result pages hold 4"):
        list(read(org, [Range()]))
    assert restore(places[-1]) == [Range()]


@pytest.mark.parametrize("locator", ["null", None])
def test_a_job_that_does_not_say_how_many_is_read_all_the_same(locator: str | None) -> None:
    org = Org(
        **ORDERED,
        poll=[job(None)],
        lists=[lists("a"), lists("b", done=False, more="/services/data/v64.0/resultPages")],
        page_a=[answered(csv(2), None, locator)],
    )
    pages = list(read(org, [Range()]))
    assert [rows_of(page) for page in pages] == [2]


def test_a_list_that_goes_on_with_nothing_ends_there() -> None:
    more = lists("a", done=False, more="/services/data/v64.0/jobs/query/750/resultPages?locator=q")
    org = Org(**ORDERED, poll=[job(2)], lists=[more, lists()], page_a=[answered(csv(2), "2")])
    # two rows fit one page, so the list is asked for where pages are smaller
    pages = list(read(org, [Range()], size=1))
    assert sum(map(rows_of, pages)) == 2
    assert pages[-1].next_place is None


def test_a_list_that_goes_round_in_circles_is_told() -> None:
    more = lists("a", done=False, more="/services/data/v64.0/jobs/query/750/resultPages?locator=q")
    empty = lists(done=False, more="/services/data/v64.0/jobs/query/750/resultPages?locator=q")
    org = Org(**ORDERED, poll=[job(4)], lists=[more, empty], page_a=[answered(csv(2), "2")])
    with pytest.raises(Truncated, match="without naming any"):
        list(read(org, [Range()]))


@pytest.mark.parametrize(("there", "told"), [(0, "0"), (0, None), (2, "2")])
def test_a_job_that_says_it_is_empty_is_looked_at(there: int, told: str | None) -> None:
    org = Org(**ORDERED, poll=[job(0)], page_0=[answered(csv(there), told)])
    (page,) = read(org, [Range()])
    assert (rows_of(page), page.next_place) == (there, None)
    assert org.asked == ["order", "poll", "page_0", "delete"]


def test_a_job_that_vanishes_at_once_is_not_ordered_for_ever() -> None:
    org = Org(**ORDERED, poll=[NO_JOB])
    with pytest.raises(GoneError):
        list(read(org, [Range()]))
    assert org.asked == ["order", "poll"] * 2


def test_a_job_that_vanishes_between_its_pages_is_ordered_again() -> None:
    org = Org(
        **ORDERED,
        poll=[job(4)],
        lists=[NO_JOB],
        page_0=[answered(csv(2), "2", "x")],
        page_x=[NO_JOB, answered(csv(2), "2")],
    )
    pages = list(read(org, [Range()]))
    assert sum(map(rows_of, pages[-2:])) == 4
    assert pages[-1].next_place is None
    assert org.asked.count("order") == 2


def test_a_page_that_names_itself_as_the_next_is_told() -> None:
    org = Org(
        **ORDERED,
        poll=[job(None)],
        lists=[NO_JOB],
        page_0=[answered(csv(2), "2", "x")],
        page_x=[answered(csv(2), "2", "x")],
    )
    with pytest.raises(Truncated, match="names itself"):
        list(read(org, [Range()]))
    assert restore(places[-1]) == [Range()]


def test_where_lists_of_pages_are_in_trouble_locators_do() -> None:
    trouble = RetriableError("Salesforce is in trouble")
    org = Org(**ORDERED, poll=[job(3)], lists=[trouble], page_0=[answered(csv(3), "3")])
    (page,) = read(org, [Range()])
    assert rows_of(page) == 3


@pytest.mark.parametrize("body", ["[]", "{}", "well", "", '{"id": null, "state": null}'])
@pytest.mark.parametrize("step", ["order", "poll"])
def test_an_answer_that_is_no_job_is_told(step: str, body: str) -> None:
    org = Org(**{**ORDERED, "poll": [job(0)], step: [answered(body)]})
    with pytest.raises(Truncated, match="not what its API promises"):
        list(read(org, [Range()]))


def test_a_page_is_asked_of_our_own_org() -> None:
    """Whatever host an address names, the session goes nowhere else."""
    seen: list[Call] = []

    class Watched(Org):
        def send(self, call: Call) -> Any:
            seen.append(call)
            return super().send(call)

    org = Watched(**ORDERED, poll=[job(3)], lists=[lists("a")], page_a=[answered(csv(3), "3")])
    list(read(org, [Range()]))
    (page,) = [call for call in seen if call.path.endswith("/results")]
    assert page.path == "/services/data/v64.0/jobs/query/750/results"
    assert page.params["locator"] == "a"
    assert int(page.params["maxRecords"]) >= 100_000
