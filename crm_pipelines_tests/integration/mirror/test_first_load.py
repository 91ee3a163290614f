"""The fast way into an empty table counts and keeps what the merge would."""

from __future__ import annotations

from dataclasses import replace

import pytest

from crm_pipelines.model.window import Mode
from crm_pipelines_tests.mirroring import Mirroring
from crm_pipelines_tests.sandbox_process import Sandbox
from crm_pipelines_tests.truths import differences

CONTACTS, PERSONS = "salesforce.contacts", "pipedrive.persons"


@pytest.mark.parametrize("name", [CONTACTS, PERSONS])
def test_records_that_come_twice_are_there_once(
    sandbox: Sandbox, mirror: Mirroring, name: str
) -> None:
    """A page that is repeated, next to itself and within one chunk."""
    fetched = mirror.fetch(name, mode=Mode.FULL, batch_size=10)
    pages = fetched.chunks
    twice = mirror.flow(name).staging
    first = twice.read(pages[0])
    joined = twice.write(fetched.key, "fetch", 90, first.take([*range(10), *range(10)]))
    chunks = (*pages, joined, pages[-1])
    outcome = mirror.finish(name, replace(fetched, chunks=chunks, raw=chunks))
    assert differences(sandbox, mirror, name) == {}
    rows = mirror.rows(name, deleted=True)
    assert outcome.created == len(rows)
    assert outcome.unchanged == sum(chunk.rows for chunk in chunks) - len(rows)
    assert (outcome.updated, outcome.deleted, outcome.rejected) == (0, 0, 0)
    assert {row["_run_id"] for row in rows.values()} == {mirror.run_id}


def test_a_record_in_the_bin_is_passed_over(sandbox: Sandbox, mirror: Mirroring) -> None:
    gone = sandbox.truth("salesforce", "Contact")[3]["Id"]
    sandbox.admin("DELETE", f"/salesforce/records/Contact/{gone}")
    outcome = mirror(CONTACTS, mode=Mode.FULL)
    assert gone not in mirror.rows(CONTACTS, deleted=True)
    assert (outcome.created, outcome.unchanged) == (outcome.fetched - 1, 1)
    again = mirror(CONTACTS, mode=Mode.FULL)
    assert (again.created, again.updated, again.deleted) == (0, 0, 0)


def test_another_workspace_in_the_same_table(sandbox: Sandbox, mirror: Mirroring) -> None:
    """The second tenant finds the table filled, but not by itself."""
    first = mirror(PERSONS, mode=Mode.FULL)
    mirror.query("UPDATE pipedrive.persons SET workspace_id = 'other'")
    second = mirror(PERSONS, mode=Mode.FULL)
    assert second.created == first.created
    assert mirror.query("SELECT count(*) AS n FROM pipedrive.persons")[0]["n"] == 2 * first.created
