"""Rejected records run again from what was kept of them, without a call to the CRM."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from crm_pipelines.flows.mirror.retry import retry
from crm_pipelines.model.manifest import Outcome
from crm_pipelines.store.rejected import PIECE, batches, reject
from crm_pipelines_tests.mirroring import Mirroring
from crm_pipelines_tests.sandbox_process import Sandbox
from crm_pipelines_tests.truths import differences

PERSONS, CONTACTS = "pipedrive.persons", "salesforce.contacts"
Make = Callable[..., Mirroring]


def again(mirror: Mirroring, name: str, limit: int = 0) -> list[Outcome]:
    return list(retry(mirror.flow(name), limit))


def waiting(mirror: Mirroring) -> set[str]:
    return {row["record_id"] for row in mirror.query("SELECT * FROM sync.rejected_records")}


@pytest.mark.parametrize("name", [PERSONS, CONTACTS])
def test_after_the_rule_was_mended_the_table_is_the_crm(
    sandbox: Sandbox, mirroring: Make, name: str
) -> None:
    """All that a strict rule had rejected gets in, value by value, and no request is sent."""
    emails = [{"value": "nowhere", "primary": True, "label": "work"}]
    for number in range(1, 4):
        sandbox.admin("PATCH", f"/pipedrive/records/persons/{number}", {"emails": emails})
    strict, lenient = mirroring(CRM_VALIDATION="strict"), mirroring()
    first = strict(name)
    assert 0 < first.rejected <= 30
    assert len(waiting(strict)) == first.rejected
    kinds = strict.query("SELECT DISTINCT is_json FROM sync.rejected_records")
    assert [row["is_json"] for row in kinds] == [name == PERSONS]
    before = len(sandbox.journal())
    outcomes = again(lenient, name)
    assert len(sandbox.journal()) == before
    assert sum(outcome.created for outcome in outcomes) == first.rejected
    assert waiting(lenient) == set()
    lenient.manifests[name] = strict.manifests[name]
    assert differences(sandbox, lenient, name) == {}
    line = lenient.history(name)[-1]
    assert (line["mode"], line["status"], line["api_calls"]) == ("retry", "success", 0)
    assert line["created"] == first.rejected
    assert lenient.watermark(name) == strict.watermark(name)


def test_what_still_fails_stays(mirroring: Make) -> None:
    strict = mirroring(CRM_VALIDATION="strict")
    strict(CONTACTS)
    kept = waiting(strict)
    outcomes = again(strict, CONTACTS)
    assert sum(outcome.rejected for outcome in outcomes) == len(kept)
    assert waiting(strict) == kept
    assert strict.history(CONTACTS)[-1]["status"] == "partial"


def test_no_more_than_the_limit(mirroring: Make) -> None:
    strict, lenient = mirroring(CRM_VALIDATION="strict"), mirroring()
    strict(CONTACTS)
    kept = waiting(strict)
    assert [outcome.created for outcome in again(lenient, CONTACTS, 2)] == [2]
    assert len(waiting(lenient)) == len(kept) - 2


def test_an_older_copy_does_not_replace_a_newer_row(sandbox: Sandbox, mirroring: Make) -> None:
    strict, lenient = mirroring(CRM_VALIDATION="strict"), mirroring()
    emails = [{"value": "nowhere", "primary": True, "label": "work"}]
    sandbox.admin("PATCH", "/pipedrive/records/persons/7", {"emails": emails, "name": "Old"})
    strict(PERSONS)
    kept = strict.query("SELECT * FROM sync.rejected_records WHERE record_id = '7'")[0]
    sandbox.admin("PATCH", "/pipedrive/records/persons/7", {"name": "New"})
    lenient(PERSONS)
    assert "7" not in waiting(lenient)
    failure = {
        "record_id": "7",
        "raw": strict.query("SELECT %(raw)s::jsonb::text AS raw", raw=_json(kept["raw"]))[0]["raw"],
        "reasons": '{"email": "left behind"}',
        "json": True,
    }
    about = {**lenient.flow(PERSONS).about, "run": kept["run_id"]}
    with lenient.wiring.database.transaction() as connection:
        reject(connection, about, [failure], fetched_at=kept["fetched_at"])
    before = lenient.rows(PERSONS)
    assert before[7]["name"] == "New"
    again(lenient, PERSONS)
    assert lenient.rows(PERSONS) == before
    assert waiting(lenient) == set()


@pytest.mark.parametrize(("minutes", "updated"), [(-1, 0), (1, 1)])
def test_without_stamps_what_counts_is_which_fetch_began_later(
    mirror: Mirroring, minutes: int, updated: int
) -> None:
    users = "pipedrive.users"
    mirror(users)
    raw = '{"id": 1, "name": "Other", "email": "a@b.co"}'
    failure = {"record_id": "1", "raw": raw, "reasons": '{"name": "?"}', "json": True}
    about = {**mirror.flow(users).about, "run": "another"}
    fetched_at = mirror.history(users)[0]["started_at"] + timedelta(minutes=minutes)
    with mirror.wiring.database.transaction() as connection:
        reject(connection, about, [failure], fetched_at=fetched_at)
    (outcome,) = again(mirror, users)
    assert (outcome.updated, outcome.rejected) == (updated, 0)
    assert (mirror.rows(users)[1]["name"] == "Other") is bool(updated)
    assert waiting(mirror) == set()


def _json(value: Any) -> Any:
    from psycopg.types.json import Jsonb

    return Jsonb(value)


def test_records_without_a_key_and_without_sense(mirror: Mirroring) -> None:
    """What is no record stays rejected, under the same name; once it has a key it gets in."""
    mirror(PERSONS)
    flow = mirror.flow(PERSONS)
    about = {**flow.about, "run": "earlier"}
    fetched_at = mirror.history(PERSONS)[0]["started_at"]
    texts = ["{cut off", '{"name": "nobody"}', '{"id": "900", "name": "NA", "org_id": 12.0}']
    failures = [
        {"record_id": None, "raw": text, "reasons": '{"*": "old"}', "json": True} for text in texts
    ]
    with mirror.wiring.database.transaction() as connection:
        reject(connection, about, failures, fetched_at=fetched_at)
    names = waiting(mirror)
    assert len(names) == 3
    (outcome,) = again(mirror, PERSONS)
    assert (outcome.created, outcome.rejected) == (1, 2)
    assert len(waiting(mirror)) == 2
    assert waiting(mirror) < names
    assert (mirror.rows(PERSONS)[900]["name"], mirror.rows(PERSONS)[900]["org_id"]) == ("NA", 12)
    (outcome,) = again(mirror, PERSONS)
    assert (outcome.created, outcome.rejected) == (0, 2)
    assert waiting(mirror) < names


def test_many_are_read_in_pieces(mirror: Mirroring) -> None:
    about = mirror.flow(PERSONS).about
    number = 2 * PIECE + 7
    mirror.query(
        "INSERT INTO sync.rejected_records (workspace_id, crm, stream, record_id, raw, reasons,"
        " run_id, fetched_at, is_json) SELECT %(workspace)s, %(crm)s, %(stream)s, n::text,"
        " jsonb_build_object('id', n), '{}', 'r', now() + n %% 3 * interval '1 day', true"
        " FROM generate_series(1, %(number)s) AS n",
        number=number,
        **about,
    )
    database = mirror.wiring.database
    for limit, expected in ((0, number), (PIECE + 1, PIECE + 1), (PIECE, PIECE), (1, 1)):
        found = list(batches(database, about, limit))
        ids = [identity for batch in found for identity in batch.ids]
        assert len(set(ids)) == len(ids) == expected
        assert all(len(batch.raw) == len(batch.ids) <= PIECE for batch in found)
        moments = [batch.fetched_at for batch in found]
        assert moments == sorted(moments)
