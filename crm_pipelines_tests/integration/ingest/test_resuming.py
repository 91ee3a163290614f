"""Writings that die, at every place, and what goes wrong on the way: each row exactly once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator

import pyarrow as pa
import pytest

from crm_pipelines.model.errors import CrmError, FatalError, OutcomeUnknown
from crm_pipelines.model.source import Place
from crm_pipelines.model.writing import Operation, Writing
from crm_pipelines_tests.integration.ingest.writers import (
    BY_EXTERNAL_ID,
    Outcome,
    Writer,
    calls,
    fates,
    truth,
)
from crm_pipelines_tests.salesforce_org import Org
from crm_pipelines_tests.sandbox_process import Sandbox

INSERT = Writing("Contact", Operation.INSERT, "Title")
"""Titles are not unique: a row that is inserted twice is there twice."""

SMALL = {"SALESFORCE_INGEST_BYTES": "3000"}
COUNT = 100


class Died(Exception):
    """Stands for the end of the process."""


def rows(name: str = "R") -> Iterator[pa.Table]:
    """Two small files of rows."""
    numbers = [f"{name}-{number:04}" for number in range(COUNT)]
    names = [f"Name of {number}" for number in numbers]
    yield pa.table({"External_Id__c": numbers, "Title": numbers, "LastName": names})


def run(
    write: Writer, writing: Writing, name: str = "R", *, keeps: int = 0, tables: int = 0
) -> tuple[list[Outcome], bool]:
    """Outcomes up to the death at such a place or table, and whether it came."""
    found: list[Outcome] = []
    left = {"keeps": keeps, "tables": tables}

    def count(what: str) -> None:
        left[what] -= 1
        if left[what] == 0:
            raise Died

    try:
        for table in write.tables(rows(name), writing, lambda _: count("keeps")):
            found += table.to_pylist()
            count("tables")
    except Died:
        return found, True
    return found, False


def check(sandbox: Sandbox, outcomes: Iterable[Outcome], writing: Writing, name: str = "R") -> None:
    """Each row is in the CRM once, its outcome was told, and no job is left."""
    records = sandbox.truth("salesforce", "Contact")
    there = Counter(str(r["Title"]) for r in records if str(r["Title"]).startswith(f"{name}-"))
    assert there == {f"{name}-{number:04}": 1 for number in range(COUNT)}
    told = fates(outcomes)
    assert len(told) == COUNT
    assert set(told.values()) <= {"created", "updated"}
    if writing is INSERT:
        assert set(told.values()) == {"created"}
    assert list((sandbox.home / "salesforce").iterdir()) == []


@pytest.mark.parametrize("writing", [BY_EXTERNAL_ID, INSERT], ids=["upsert", "insert"])
@pytest.mark.parametrize("what", ["keeps", "tables"])
def test_a_death_at_every_place(
    sandbox: Sandbox, writers: Callable[..., Writer], writing: Writing, what: str
) -> None:
    write, number, died = writers(**SMALL), 0, True
    while died:
        number += 1
        name = f"{what}{number}"
        write.begin()
        found, died = run(write, writing, name, **{what: number})
        rest, _ = run(write, writing, name)
        check(sandbox, [*found, *rest], writing, name)
    assert number == {"keeps": 8, "tables": 3}[what]  # two files, and once without a death


FAULTS = [
    ("server_error", "POST", "ingest$"),
    ("lost_answer", "PUT", "batches"),
    ("reset", "PUT", "batches"),
    ("server_error", "PUT", "batches"),
    ("expired_login", "PUT", "batches"),
    ("lost_answer", "PATCH", "ingest"),
    ("reset", "PATCH", "ingest"),
    ("server_error", "PATCH", "ingest"),
    ("reset", "GET", "ingest/[^/]*$"),
    ("malformed_json", "GET", "ingest/[^/]*$"),
    ("cut_body", "GET", "successfulResults"),
    ("short_page", "GET", "successfulResults"),
    ("lost_answer", "DELETE", "ingest"),
]


@pytest.mark.parametrize("writing", [BY_EXTERNAL_ID, INSERT], ids=["upsert", "insert"])
def test_faults(sandbox: Sandbox, write: Writer, writing: Writing) -> None:
    for kind, method, path in FAULTS:
        name = f"{kind} {method} {path}"
        write.begin()
        sandbox.fault(kind, method=method, path=path)
        outcomes, _ = run(write, writing, name)
        assert sandbox.admin("GET", "/faults")[0]["hits"] == 1, name
        check(sandbox, outcomes, writing, name)
        sandbox.admin("DELETE", "/faults")


def forget(sandbox: Sandbox) -> None:
    """Delete the job that was made last, as Salesforce does after a week."""
    sandbox.admin("POST", "/clock", {"advance_seconds": 8 * 86_400})


def test_an_insert_whose_job_is_gone_is_not_made_again(
    sandbox: Sandbox, writers: Callable[..., Writer]
) -> None:
    write = writers()
    run(write, INSERT, tables=1)
    forget(sandbox)
    with pytest.raises(OutcomeUnknown, match="look in Contact for their Title"):
        run(write, INSERT)
    assert len(calls(sandbox, "POST")) == 1


def test_an_upsert_whose_job_is_gone_is_made_again(
    sandbox: Sandbox, writers: Callable[..., Writer]
) -> None:
    write = writers()
    run(write, BY_EXTERNAL_ID, tables=1)
    forget(sandbox)
    outcomes, _ = run(write, BY_EXTERNAL_ID)
    assert set(fates(outcomes).values()) == {"updated"}


@pytest.mark.parametrize("writing", [BY_EXTERNAL_ID, INSERT], ids=["upsert", "insert"])
def test_rows_of_a_job_that_fails_half_way(
    sandbox: Sandbox, write: Writer, writing: Writing
) -> None:
    sandbox.admin("PATCH", "/salesforce/limits", {"ingest_jobs_to_fail": 1})
    outcomes = write(*[table for name in "RST" for table in rows(name)], writing=writing)
    for name in "RST":
        check(sandbox, [o for o in outcomes if o["key"].startswith(name)], writing, name)
    assert len(calls(sandbox, "POST")) == 2
    assert len(outcomes) == 3 * COUNT


def test_rows_that_no_job_processed_are_listed(
    sandbox: Sandbox, writers: Callable[..., Writer]
) -> None:
    sandbox.admin("PATCH", "/salesforce/limits", {"ingest_jobs_to_fail": 9})
    write = writers(SALESFORCE_INGEST_ATTEMPTS="1")
    outcomes = write(*[table for name in "RST" for table in rows(name)])
    assert Counter(o["fate"] for o in outcomes) == {"created": 2 * COUNT, "unprocessed": COUNT}
    assert "is failed: TooManyLockFailure" in outcomes[-1]["message"]


def test_an_aborted_job_is_not_made_again(sandbox: Sandbox, write: Writer, org: Org) -> None:
    def abort(place: Place) -> None:
        if place["parts"] and place["parts"][0]["closing"]:
            path = f"/jobs/ingest/{place['parts'][0]['job']}"
            assert org.send("PATCH", path, json={"state": "Aborted"}).status_code == 200

    with pytest.raises(FatalError, match="Aborted"):
        list(write.tables(rows(), BY_EXTERNAL_ID, abort))
    outcomes, _ = run(write, BY_EXTERNAL_ID)
    assert Counter(o["fate"] for o in outcomes) == {"unprocessed": COUNT}
    assert "is aborted" in outcomes[0]["message"]
    assert len(calls(sandbox, "POST")) == 1


def test_locked_rows_are_written_in_the_end(
    sandbox: Sandbox, writers: Callable[..., Writer]
) -> None:
    """Sorted by parent, only parents at the edge of two batches are wanted by both of them."""
    sandbox.admin("PATCH", "/salesforce/limits", {"ingest_parent_locks": 1, "bulk_batch_rows": 100})
    accounts = list(truth(sandbox, "Account"))
    names = [f"L-{number:04}" for number in range(800)]
    parents = [accounts[number % len(accounts)] for number in range(800)]
    columns = {"External_Id__c": names, "LastName": names, "Account.External_Id__c": parents}
    once = writers(SALESFORCE_INGEST_ATTEMPTS="1")(pa.table(columns))
    failed = [outcome for outcome in once if outcome["fate"] == "failed"]
    assert {outcome["code"] for outcome in failed} <= {"UNABLE_TO_LOCK_ROW"}
    assert len(failed) < 400
    before = len(calls(sandbox, "POST"))
    outcomes = writers()(pa.table(columns))
    assert len(outcomes) == 800
    assert set(fates(outcomes).values()) <= {"created", "updated"}
    assert len(calls(sandbox, "POST")) - before <= 3


def test_a_place_of_another_writing(write: Writer) -> None:
    run(write, BY_EXTERNAL_ID, keeps=1)
    with pytest.raises(FatalError, match="another writing, upsert Contact by External_Id__c"):
        run(write, INSERT)


def test_a_folder_that_was_emptied(write: Writer) -> None:
    run(write, BY_EXTERNAL_ID, keeps=1)
    for path in write.folder.iterdir():
        path.unlink()
    with pytest.raises(FatalError, match="write the rows again"):
        run(write, BY_EXTERNAL_ID)


def test_a_job_that_takes_too_long_is_picked_up_later(
    sandbox: Sandbox, writers: Callable[..., Writer]
) -> None:
    sandbox.admin("PATCH", "/salesforce/limits", {"bulk_seconds_until_complete": 3_600})
    with pytest.raises(CrmError, match="SALESFORCE_JOB_WAIT_SECONDS"):
        run(writers(SALESFORCE_JOB_WAIT_SECONDS="1"), BY_EXTERNAL_ID)
    sandbox.admin("PATCH", "/salesforce/limits", {"bulk_seconds_until_complete": 0})
    outcomes, _ = run(writers(), BY_EXTERNAL_ID)
    check(sandbox, outcomes, BY_EXTERNAL_ID)
    assert len(calls(sandbox, "POST")) == 1
