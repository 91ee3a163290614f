"""Every fault of the simulated CRMs, in the middle of a sync: it ends right, or stops in order.

In order means: the right class, one line that says what to do, the place kept, nothing written;
and when the fault is gone, the next sync is right without paying twice.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from crm_pipelines.model.errors import (
    BadCredentials,
    BudgetSpent,
    CircuitOpen,
    CrmError,
    FatalError,
)
from crm_pipelines.model.window import Mode
from crm_pipelines.sandbox.faults import REFUSALS, SPOILS
from crm_pipelines_tests.faults.runs import await_that
from crm_pipelines_tests.mirroring import Mirroring
from crm_pipelines_tests.sandbox_process import Sandbox
from crm_pipelines_tests.truths import differences

PERSONS, CONTACTS = "pipedrive.persons", "salesforce.contacts"
PAGES = {PERSONS: "/api/v2/persons", CONTACTS: "/results"}
STEPS = {
    "login": "/services/oauth2/token",
    "describe": "/describe",
    "order": "/jobs/query$",
    "poll": "/jobs/query/[^/]+$",
}
"""What a bulk query takes besides its result pages."""

PASSING = ["burst_429", "server_error", *sorted(set(SPOILS) - {"short_page"})]
"""Kinds that are over after a moment: nobody needs to notice."""

MOMENTARY = [
    (name, kind)
    for name in (PERSONS, CONTACTS)
    for kind in PASSING
    if (name, kind) != (CONTACTS, "burst_429")  # Salesforce has a daily limit only
]
SPOILT_STEPS = [
    *(("server_error", step) for step in STEPS),
    *(("malformed_json", step) for step in ("describe", "order", "poll")),
    *(("lost_answer", step) for step in ("login", "order")),
]

PLACES = (0.0, 0.02, 0.35, 0.5, 0.8, 0.97, 0.9999)
"""Shares of a page after which it breaks off: before its header, in its rows, near its end."""

IMPATIENT = {"CRM_READ_SECONDS": "0.6"}
SLOW = {"slow_body": 0.3, "timeout": 1.2}
both = pytest.mark.parametrize("name", [PERSONS, CONTACTS])


class Ground:
    """A stream that is synced in small pages while the CRM misbehaves."""

    def __init__(self, sandbox: Sandbox, mirror: Mirroring, name: str) -> None:
        self.sandbox, self.mirror, self.name = sandbox, mirror, name
        self.crm, _, stream = name.partition(".")
        self.records = len(sandbox.truth(self.crm, {"contacts": "Contact"}.get(stream, stream)))

    def sync(self) -> Any:
        return self.mirror(self.name, mode=Mode.FULL, batch_size=9)

    def fault(self, kind: str, path: str = "", **rule: Any) -> None:
        rule.setdefault("seconds", SLOW.get(kind, 0.1))
        self.sandbox.fault(kind, system=self.crm, path=path or PAGES[self.name], **rule)

    def struck(self) -> list[str]:
        return [entry["fault"] for entry in self.sandbox.journal() if entry["fault"]]

    def good_pages(self) -> Counter[str]:
        """How often each page came whole."""
        return Counter(
            f"{entry['path']}?{entry['query']}"
            for entry in self.sandbox.journal()
            if re.search(PAGES[self.name], entry["path"])
            and entry["status"] == 200
            and not entry["fault"]
        )

    def statuses(self) -> list[str]:
        return [line["status"] for line in self.mirror.history(self.name)]

    def check(self) -> None:
        """All is there, once; and a delta finds nothing to mend."""
        assert differences(self.sandbox, self.mirror, self.name) == {}
        delta = self.mirror(self.name)
        assert (delta.created, delta.updated, delta.deleted, delta.rejected) == (0, 0, 0, 0)
        assert self.mirror.query("SELECT key FROM sync.checkpoints") == []

    def stop(self, kind: type[CrmError]) -> CrmError:
        """A sync that must end with this error, all of it in one line of history."""
        with pytest.raises(kind) as caught:
            self.sync()
        line = self.mirror.history(self.name)[-1]
        assert str(caught.value) in line["error"]
        assert "\n" not in line["error"] and "Traceback" not in line["error"]
        assert self.mirror.watermark(self.name) is None
        table = self.mirror.query("SELECT to_regclass(%(name)s) AS name", name=self.name)
        assert table == [{"name": None}]
        return caught.value

    def recover(self) -> None:
        """The fault is over, and the time is up for which the CRM is left alone."""
        self.sandbox.admin("DELETE", "/faults")
        self.mirror.query("DELETE FROM sync.breakers")
        assert self.sync().created == self.records
        assert set(self.good_pages().values()) == {1}
        self.check()


@pytest.fixture
def ground(sandbox: Sandbox, mirroring: Callable[..., Mirroring], name: str) -> Ground:
    return Ground(sandbox, mirroring(**IMPATIENT), name)


@pytest.mark.parametrize(("name", "kind"), MOMENTARY)
def test_a_passing_fault_is_not_noticed(ground: Ground, kind: str) -> None:
    ground.fault(kind, after=1)
    outcome = ground.sync()
    await_that(lambda: ground.struck() == [kind], "the sandbox's note of it")
    assert (outcome.created, outcome.fetched) == (ground.records, ground.records)
    assert ground.statuses() == ["success"]
    assert set(ground.good_pages().values()) == {1}
    ground.check()


@pytest.mark.parametrize("kind", ["cut_body", "malformed_json"])
@pytest.mark.parametrize("name", [CONTACTS])
def test_pages_that_break_off_anywhere_are_asked_for_again(ground: Ground, kind: str) -> None:
    """Whether the connection breaks, too, or ends as if nothing was missing."""
    for number, at in enumerate(PLACES):
        ground.fault(kind, at=at, after=number)
    outcome = ground.mirror(CONTACTS, mode=Mode.FULL, batch_size=4)
    assert (outcome.created, outcome.fetched) == (ground.records, ground.records)
    await_that(lambda: ground.struck() == [kind] * len(PLACES), "the sandbox's notes of them")
    assert set(ground.good_pages().values()) == {1}
    ground.check()


@pytest.mark.parametrize(("kind", "step"), SPOILT_STEPS)
@pytest.mark.parametrize("name", [CONTACTS])
def test_a_passing_fault_in_any_step_of_a_bulk_query(ground: Ground, kind: str, step: str) -> None:
    ground.fault(kind, path=STEPS[step])
    assert ground.sync().created == ground.records
    assert ground.struck() == [kind]
    ground.check()


@pytest.mark.parametrize("path", [STEPS["order"], "/results"])
@pytest.mark.parametrize("name", [CONTACTS])
def test_a_session_that_expires_is_renewed(ground: Ground, path: str) -> None:
    ground.fault("expired_login", path=path)
    assert ground.sync().created == ground.records
    logins = [e for e in ground.sandbox.journal() if "oauth2/token" in e["path"]]
    assert len(logins) == 2
    ground.check()


@pytest.mark.parametrize("name", [CONTACTS])
def test_a_page_with_fewer_rows_than_it_promises_is_not_taken(ground: Ground) -> None:
    ground.fault("short_page", after=1)
    assert ground.sync().created == ground.records
    ground.check()


@pytest.mark.parametrize("name", [PERSONS])
def test_what_a_short_page_left_out_comes_with_the_next_full_sync(ground: Ground) -> None:
    """Pipedrive does not say how many records a page has."""
    ground.fault("short_page", after=1)
    ground.sync()
    ground.sync()
    ground.check()


@both
def test_the_crm_says_that_the_day_is_spent(ground: Ground) -> None:
    ground.fault("daily_429", after=2)
    error = ground.stop(BudgetSpent)
    assert isinstance(error, BudgetSpent)
    assert error.resumes_at > datetime.now(UTC)
    assert ground.statuses() == ["paused"]
    calls = len(ground.sandbox.journal())
    ground.stop(BudgetSpent)
    assert len(ground.sandbox.journal()) == calls
    ground.mirror.query("UPDATE sync.budgets SET exhausted_until = now(), spent = 0")
    ground.recover()
    assert ground.statuses()[:3] == ["paused", "paused", "success"]


@pytest.mark.parametrize(
    ("name", "kind", "error", "word"),
    [
        (PERSONS, "html_403", FatalError, "firewall"),
        (CONTACTS, "html_403", FatalError, "403"),
        (PERSONS, "expired_login", BadCredentials, "PIPEDRIVE_API_TOKEN"),
    ],
)
def test_a_refusal_stops_the_sync_at_once(
    ground: Ground, kind: str, error: type[CrmError], word: str
) -> None:
    ground.fault(kind, after=2, times=0)
    assert word in str(ground.stop(error))
    assert ground.struck() == [kind]
    assert ground.statuses() == ["failed"]
    ground.recover()


@pytest.mark.parametrize("name", [PERSONS])
def test_a_crm_that_blocks_us_is_left_alone(ground: Ground) -> None:
    ground.fault("html_403", times=0)
    ground.stop(FatalError)
    calls = len(ground.sandbox.journal())
    ground.stop(CircuitOpen)
    assert len(ground.sandbox.journal()) == calls
    ground.recover()


@pytest.mark.parametrize(
    ("name", "kind", "word"),
    [
        (PERSONS, "server_error", "Pipedrive"),
        (CONTACTS, "short_page", "promised"),
    ],
)
def test_a_fault_that_lasts_is_given_up_on(ground: Ground, kind: str, word: str) -> None:
    ground.fault(kind, after=2, times=0)
    assert word in str(ground.stop(CrmError))
    assert 2 <= len(ground.struck()) <= 6
    ground.recover()


@pytest.mark.parametrize("name", [CONTACTS])
def test_a_session_that_is_refused_again_and_again(ground: Ground) -> None:
    ground.fault("expired_login", after=1, times=0)
    ground.stop(BadCredentials)
    ground.recover()


def test_every_kind_of_fault_is_tried() -> None:
    elsewhere = {"daily_429", "html_403", "expired_login", "short_page"}
    assert {*PASSING, *elsewhere} == {*REFUSALS, *SPOILS}
