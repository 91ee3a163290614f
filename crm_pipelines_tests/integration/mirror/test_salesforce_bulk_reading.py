"""Bulk jobs: pages side by side, ranges of a large slice, and whatever may come between."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from crm_pipelines.model.errors import BadCredentials, BudgetSpent, CrmError, FatalError
from crm_pipelines.model.window import Mode
from crm_pipelines_tests.mirroring import Mirroring
from crm_pipelines_tests.salesforce_org import logged_in
from crm_pipelines_tests.sandbox_process import Sandbox
from crm_pipelines_tests.truths import differences

CONTACTS = "salesforce.contacts"
ROWS = 30
BULK = {"SALESFORCE_BULK_ROWS": "0", "SALESFORCE_PAGE_ROWS": "5"}
RANGES = {"SALESFORCE_BULK_ROWS": "10", "SALESFORCE_SPLIT_ROWS": "8"}
Make = Callable[..., Mirroring]


class Interrupted(Exception):
    """Somebody stops the run."""


class Ground:
    """Thirty contacts, on result pages of three or fewer."""

    def __init__(self, sandbox: Sandbox, mirroring: Make) -> None:
        self.sandbox, self.make = sandbox, mirroring
        self.limit(bulk_page_rows=3)

    def limit(self, **limits: int) -> None:
        self.sandbox.admin("PATCH", "/salesforce/limits", limits)

    def fault(self, kind: str, path: str, **rule: Any) -> None:
        self.sandbox.fault(kind, system="salesforce", path=path, **rule)

    def calls(self, method: str, ending: str, status: int = 200) -> Counter[str]:
        """How often each address below that was answered in this way."""
        return Counter(
            f"{entry['path']}?{entry['query']}"
            for entry in self.sandbox.journal()
            if entry["method"] == method
            and entry["path"].endswith(ending)
            and entry["status"] == status
            and not entry["fault"]
        )

    def pages(self) -> Counter[str]:
        return self.calls("GET", "/results")

    def jobs(self) -> int:
        return self.calls("POST", "/jobs/query").total()

    def left_behind(self) -> int:
        """Jobs that nobody has deleted."""
        with logged_in(self.sandbox) as org:
            return len(org.get("/jobs/query")["records"])

    def spread(self, days: int = 28) -> None:
        """Changed long ago, a few a day."""
        for number, record in enumerate(self.sandbox.truth("salesforce", "Contact", deleted=True)):
            stamp = {"SystemModstamp": f"2024-01-{number % days + 1:02}T10:00:00.000Z"}
            self.edit(record["Id"], **stamp)

    def edit(self, identity: str, **values: str) -> None:
        self.sandbox.admin("PATCH", f"/salesforce/records/Contact/{identity}", values)

    def stop(self, mirror: Mirroring, page: int) -> None:
        """A sync that somebody stops when that page has come."""

        def heard(number: int) -> None:
            if number == page:
                raise Interrupted

        with pytest.raises(Interrupted):
            mirror.fetch(CONTACTS, key="root", on_page=heard, mode=Mode.FULL)

    def check(self, mirror: Mirroring) -> None:
        assert differences(self.sandbox, mirror, CONTACTS) == {}
        assert mirror.query("SELECT key FROM sync.checkpoints") == []


@pytest.fixture
def ground(sandbox: Sandbox, mirroring: Make) -> Ground:
    return Ground(sandbox, mirroring)


def full(mirror: Mirroring) -> Any:
    return mirror(CONTACTS, key="root", mode=Mode.FULL)


def test_pages_are_downloaded_side_by_side(ground: Ground) -> None:
    mirror = ground.make(**BULK)
    outcome = full(mirror)
    assert (outcome.created, outcome.fetched) == (ROWS, ROWS)
    assert len(ground.pages()) == 10
    assert set(ground.pages().values()) == {1}
    assert all("maxRecords=" in page for page in ground.pages())
    assert ground.calls("GET", "/resultPages").total() == 2
    assert ground.left_behind() == 0
    ground.check(mirror)


def test_one_page_needs_no_list_of_pages(ground: Ground) -> None:
    ground.limit(bulk_page_rows=25_000)
    mirror = ground.make(SALESFORCE_BULK_ROWS="0")
    outcome = full(mirror)
    assert outcome.api_calls == 5  # describe, order, one poll, one page, delete
    assert not ground.calls("GET", "/resultPages")
    ground.check(mirror)


@pytest.mark.parametrize("version", ["64.0", "57.0"])
def test_where_lists_of_pages_are_refused_locators_do(ground: Ground, version: str) -> None:
    ground.fault("html_403", "/resultPages", times=0)
    mirror = ground.make(**BULK, SALESFORCE_API_VERSION=version)
    assert full(mirror).created == ROWS
    assert len(ground.pages()) == 10
    assert all("maxRecords=5" in page for page in ground.pages())
    struck = [entry for entry in ground.sandbox.journal() if entry["fault"]]
    assert len(struck) == (version == "64.0")
    ground.check(mirror)


@pytest.mark.parametrize("page", [1, 4])
def test_a_stopped_run_goes_on_with_the_same_job(ground: Ground, page: int) -> None:
    """What was under way when it was stopped is lost, the pages before are not."""
    mirror = ground.make(**BULK)
    ground.stop(mirror, page)
    assert full(mirror).created == ROWS
    assert ground.jobs() == 1
    assert len(ground.pages()) == 10
    assert ground.pages().total() - len(ground.pages()) <= 3
    ground.check(mirror)


def test_another_version_goes_on_with_the_job_s_own(ground: Ground) -> None:
    ground.stop(ground.make(**BULK), 4)
    mirror = ground.make(**BULK, SALESFORCE_API_VERSION="63.0")
    assert full(mirror).created == ROWS
    assert ground.jobs() == 1
    ground.check(mirror)


def test_a_job_that_is_gone_is_ordered_again(ground: Ground) -> None:
    mirror = ground.make(**BULK)
    ground.stop(mirror, 4)
    with logged_in(ground.sandbox) as org:
        for job in org.get("/jobs/query")["records"]:
            org.send("DELETE", f"/jobs/query/{job['id']}")
    assert full(mirror).created == ROWS
    assert ground.jobs() == 2
    ground.check(mirror)


def test_a_session_that_expires_between_pages_is_renewed_once(ground: Ground) -> None:
    mirror = ground.make(**BULK)

    def heard(page: int) -> None:
        if page == 2:
            ground.sandbox.admin("POST", "/clock", {"advance_seconds": 3 * 3600})

    mirror.finish(CONTACTS, mirror.fetch(CONTACTS, on_page=heard, mode=Mode.FULL))
    logins = [e for e in ground.sandbox.journal() if "oauth2/token" in e["path"]]
    assert len(logins) == 2
    assert set(ground.pages().values()) == {1}
    assert ground.jobs() == 1
    ground.check(mirror)


def test_a_quota_that_is_used_up_in_mid_job_pauses_the_run(ground: Ground) -> None:
    """Pages that were under way are kept; afterwards each is paid once."""
    mirror = ground.make(**BULK)
    ground.fault("daily_429", "/results", after=4, times=1)
    with pytest.raises(BudgetSpent):
        full(mirror)
    assert mirror.history(CONTACTS)[-1]["status"] == "paused"
    mirror.query("UPDATE sync.budgets SET exhausted_until = now(), spent = 0")
    assert full(mirror).created == ROWS
    assert len(ground.pages()) == 10
    assert set(ground.pages().values()) == {1}
    assert ground.jobs() == 1
    ground.check(mirror)


@pytest.mark.parametrize("kind", ["short_page", "reset"])
def test_a_page_that_is_spoilt_is_fetched_again(ground: Ground, kind: str) -> None:
    ground.fault(kind, "/results", after=3, times=2)
    mirror = ground.make(**BULK)
    assert full(mirror).created == ROWS
    ground.check(mirror)


def test_a_job_that_takes_too_long_is_gone_on_with(ground: Ground) -> None:
    mirror = ground.make(**BULK, SALESFORCE_JOB_WAIT_SECONDS="1")
    ground.limit(bulk_seconds_until_complete=3600)
    with pytest.raises(FatalError, match="run the same command again"):
        full(mirror)
    ground.limit(bulk_seconds_until_complete=0)
    assert full(mirror).created == ROWS
    assert ground.jobs() == 1
    ground.check(mirror)


def test_a_job_that_somebody_aborts_is_ordered_again_by_the_next_run(ground: Ground) -> None:
    mirror = ground.make(**BULK, SALESFORCE_JOB_WAIT_SECONDS="1")
    ground.limit(bulk_seconds_until_complete=3600)
    with pytest.raises(FatalError):
        full(mirror)
    with logged_in(ground.sandbox) as org:
        for job in org.get("/jobs/query")["records"]:
            org.send("PATCH", f"/jobs/query/{job['id']}", json={"state": "Aborted"})
    with pytest.raises(FatalError, match="is aborted: no reason given"):
        full(mirror)
    ground.limit(bulk_seconds_until_complete=0)
    assert full(mirror).created == ROWS
    ground.check(mirror)


def test_polls_come_ever_more_rarely(ground: Ground) -> None:
    mirror = ground.make(**BULK)
    ground.limit(bulk_seconds_until_complete=4)
    outcome = full(mirror)
    polls = sum(
        1
        for entry in ground.sandbox.journal()
        if entry["method"] == "GET"
        and "/jobs/query/750" in entry["path"]
        and "/result" not in entry["path"]
    )
    assert 2 <= polls <= 6
    assert outcome.api_calls == 1 + 1 + polls + 2 + 10 + 1
    ground.check(mirror)


def test_a_job_that_times_out_in_salesforce_is_asked_in_halves(ground: Ground) -> None:
    ground.spread()
    ground.limit(bulk_jobs_to_fail=1)
    mirror = ground.make(**BULK)
    assert full(mirror).created == ROWS
    assert mirror.notes["read_by"] == "Bulk API 2.0 in ranges"
    assert ground.jobs() == 4  # the whole, two halves, and what changed meanwhile
    assert ground.left_behind() == 0
    ground.check(mirror)


def test_a_job_that_fails_however_small_says_why(ground: Ground) -> None:
    ground.spread(days=1)
    ground.limit(bulk_jobs_to_fail=1000)
    mirror = ground.make(**BULK)
    with pytest.raises(FatalError, match=r"failed: .*Retried more than 15 times"):
        full(mirror)
    assert "Retried" in mirror.history(CONTACTS)[-1]["error"]
    ground.limit(bulk_jobs_to_fail=0)
    assert full(mirror).created == ROWS
    ground.check(mirror)


def test_a_large_slice_is_read_in_ranges(ground: Ground) -> None:
    ground.spread()
    mirror = ground.make(**RANGES)
    assert full(mirror).created == ROWS
    assert mirror.notes["read_by"] == "Bulk API 2.0 in ranges"
    jobs = [entry for entry in ground.sandbox.journal() if "/jobs/query" in entry["path"]]
    assert ground.jobs() == 5
    closing = max(at for at, entry in enumerate(jobs) if entry["method"] == "POST")
    ended = [at for at, entry in enumerate(jobs) if entry["method"] == "DELETE"]
    assert ended[3] < closing < ended[4]  # what changes meanwhile is asked for at the very end
    assert ground.left_behind() == 0
    ground.check(mirror)
    again = full(mirror)
    assert (again.created, again.updated, again.deleted) == (0, 0, 0)


def test_no_more_than_three_jobs_are_at_work(ground: Ground) -> None:
    ground.spread()
    mirror = ground.make(**RANGES | {"SALESFORCE_SPLIT_ROWS": "3"})
    assert full(mirror).created == ROWS
    alive = most = 0
    for entry in ground.sandbox.journal():
        alive += entry["method"] == "POST" and entry["path"].endswith("/jobs/query")
        most = max(most, alive)
        alive -= entry["method"] == "DELETE"
    assert ground.jobs() > 6
    assert (alive, most) == (0, 3)
    ground.check(mirror)


@pytest.mark.parametrize("page", [3, 8])
def test_ranges_that_were_read_are_not_read_again(ground: Ground, page: int) -> None:
    ground.spread()
    mirror = ground.make(**RANGES)
    ground.stop(mirror, page)
    assert full(mirror).created == ROWS
    assert ground.jobs() == 5
    assert ground.pages().total() - len(ground.pages()) <= 3
    ground.check(mirror)


@pytest.mark.parametrize("first", [True, False], ids=["first sync", "later full sync"])
def test_a_record_that_moves_to_another_range_is_not_lost(ground: Ground, first: bool) -> None:
    """It is changed when the jobs of its old and its new range are done, or not yet ordered."""
    ground.spread()
    mirror = ground.make(**RANGES | {"SALESFORCE_SPLIT_ROWS": "3"})
    if not first:
        full(mirror)
    ids = [record["Id"] for record in ground.sandbox.truth("salesforce", "Contact")]

    def heard(page: int) -> None:
        if page in (1, 4):
            for identity in (*ids[page::5], ids[-1]):
                ground.edit(identity, LastName=f"edited after page {page}")
        if page == 2:
            ground.sandbox.admin("POST", "/salesforce/records/Contact", {"LastName": "New"})
            ground.sandbox.admin("DELETE", f"/salesforce/records/Contact/{ids[7]}")

    manifest = mirror.fetch(CONTACTS, on_page=heard, mode=Mode.FULL)
    mirror.finish(CONTACTS, manifest)
    assert set(mirror.rows(CONTACTS)) == {*ids} - {ids[7]} | {
        record["Id"] for record in ground.sandbox.truth("salesforce", "Contact")
    }
    ground.check(mirror)


def test_a_login_that_is_refused_ends_the_run_in_order(ground: Ground) -> None:
    mirror = ground.make(**BULK)
    ground.fault("expired_login", "/results", after=2, times=0)
    with pytest.raises(BadCredentials):
        full(mirror)
    ground.sandbox.admin("DELETE", "/faults")
    assert full(mirror).created == ROWS
    assert set(ground.pages().values()) == {1}
    ground.check(mirror)


def test_a_fault_that_lasts_is_given_up_on(ground: Ground) -> None:
    mirror = ground.make(**BULK)
    ground.fault("short_page", "/results", after=4, times=0)
    with pytest.raises(CrmError, match="promised"):
        full(mirror)
    ground.sandbox.admin("DELETE", "/faults")
    mirror.query("DELETE FROM sync.breakers")
    assert full(mirror).created == ROWS
    ground.check(mirror)
