"""Rows are passed over by digest alone; whatever makes a digest untrue makes them looked at."""

from __future__ import annotations

from typing import Any

import pytest

from crm_pipelines.model.window import Mode
from crm_pipelines_tests.mirroring import Mirroring
from crm_pipelines_tests.sandbox_process import Sandbox
from crm_pipelines_tests.truths import differences

CONTACTS, PERSONS = "salesforce.contacts", "pipedrive.persons"
TEXTS = {CONTACTS: "last_name", PERSONS: "name"}


def versions(mirror: Mirroring, name: str) -> list[Any]:
    statement: Any = f"SELECT id, xmin::text, _synced_at, _digest FROM {name} ORDER BY id"
    return mirror.query(statement)


def digests(mirror: Mirroring, name: str) -> dict[Any, int | None]:
    return {key: row["_digest"] for key, row in mirror.rows(name, deleted=True).items()}


@pytest.mark.parametrize("name", [CONTACTS, PERSONS])
@pytest.mark.parametrize(
    "edit",
    [
        "UPDATE {} SET {} = 'by hand' WHERE id = '{}'",
        "UPDATE {} SET {} = NULL WHERE id = '{}'",
        "UPDATE {0} SET _deleted_at = now() WHERE id = '{2}'",
        "DELETE FROM {0} WHERE id = '{2}'",
    ],
)
def test_a_row_that_was_changed_by_hand_is_put_right(
    sandbox: Sandbox, mirror: Mirroring, name: str, edit: str
) -> None:
    mirror(name, mode=Mode.FULL)
    before = mirror.rows(name)
    mine = list(before)[3]
    statement: Any = edit.format(name, TEXTS[name], mine)
    mirror.query(statement)
    assert digests(mirror, name).get(mine) is None
    outcome = mirror(name, mode=Mode.FULL)
    assert (outcome.created + outcome.updated, outcome.deleted) == (1, 0)
    assert differences(sandbox, mirror, name) == {}
    rows = mirror.rows(name)
    assert {key: row for key, row in rows.items() if key != mine} == {
        key: row for key, row in before.items() if key != mine
    }
    assert rows[mine]["_digest"] == before[mine]["_digest"]


def test_a_value_that_changed_without_a_newer_stamp(sandbox: Sandbox, mirror: Mirroring) -> None:
    """As a formula does when what it is made of changes elsewhere."""
    field = {"name": "Score__c", "type": "double", "value": 1.5}
    sandbox.admin("POST", "/salesforce/fields/Contact", field)
    mirror(CONTACTS, mode=Mode.FULL)
    stamps = {key: row["system_modstamp"] for key, row in mirror.rows(CONTACTS).items()}
    sandbox.admin("DELETE", "/salesforce/fields/Contact/Score__c")
    sandbox.admin("POST", "/salesforce/fields/Contact", {**field, "value": 2.5})
    outcome = mirror(CONTACTS, mode=Mode.FULL)
    assert (outcome.updated, outcome.unchanged) == (len(stamps), 0)
    rows = mirror.rows(CONTACTS)
    assert {row["score__c"] for row in rows.values()} == {2.5}
    assert {key: row["system_modstamp"] for key, row in rows.items()} == stamps


@pytest.mark.parametrize("value", ["blue", None])
def test_fields_that_come_and_go(sandbox: Sandbox, mirror: Mirroring, value: str | None) -> None:
    """Digests of other columns say nothing; rows get new ones once, and none is written twice."""
    mirror(CONTACTS, mode=Mode.FULL)
    number = len(mirror.rows(CONTACTS))
    before = digests(mirror, CONTACTS)
    field = {"name": "Colour__c", "type": "string", "value": value}
    sandbox.admin("POST", "/salesforce/fields/Contact", field)
    assert mirror(CONTACTS, mode=Mode.FULL).updated == (number if value else 0)
    assert {row["colour__c"] for row in mirror.rows(CONTACTS).values()} == {value}
    settled = versions(mirror, CONTACTS)
    assert not set(before.values()) & {row["_digest"] for row in settled}
    assert mirror(CONTACTS, mode=Mode.FULL).unchanged == number
    assert versions(mirror, CONTACTS) == settled
    sandbox.admin("DELETE", "/salesforce/fields/Contact/Colour__c")
    assert mirror(CONTACTS, mode=Mode.FULL).unchanged == number
    assert {row["colour__c"] for row in mirror.rows(CONTACTS).values()} == {value}
    assert digests(mirror, CONTACTS) == before
    assert differences(sandbox, mirror, CONTACTS) == {}


def test_a_column_that_was_dropped_by_hand_is_filled_again(
    sandbox: Sandbox, mirror: Mirroring
) -> None:
    mirror(CONTACTS, mode=Mode.FULL)
    filled = [row for row in mirror.rows(CONTACTS).values() if row["last_name"] is not None]
    mirror.query("ALTER TABLE salesforce.contacts DROP COLUMN last_name")
    assert mirror(CONTACTS, mode=Mode.FULL).updated == len(filled)
    assert differences(sandbox, mirror, CONTACTS) == {}


@pytest.mark.parametrize("name", [CONTACTS, PERSONS])
def test_a_table_from_before_there_were_digests(
    sandbox: Sandbox, mirror: Mirroring, name: str
) -> None:
    """Rows get theirs at the next full sync, and are the same otherwise."""
    mirror(name, mode=Mode.FULL)
    before = mirror.rows(name)
    for statement in ("DROP TRIGGER _forget_digest ON {}", "ALTER TABLE {} DROP COLUMN _digest"):
        made: Any = statement.format(name)
        mirror.query(made)
    outcome = mirror(name, mode=Mode.FULL)
    assert outcome.unchanged == outcome.fetched
    assert mirror.rows(name) == before
    settled = versions(mirror, name)
    mirror(name, mode=Mode.FULL)
    assert versions(mirror, name) == settled
    test_a_row_that_was_changed_by_hand_is_put_right(
        sandbox, mirror, name, "UPDATE {} SET {} = 'by hand' WHERE id = '{}'"
    )


def test_force_overwrite_writes_all_and_leaves_true_digests(
    sandbox: Sandbox, mirror: Mirroring
) -> None:
    mirror(CONTACTS, mode=Mode.FULL)
    before = digests(mirror, CONTACTS)
    assert mirror(CONTACTS, mode=Mode.FULL, force_overwrite=True).updated == len(before)
    assert digests(mirror, CONTACTS) == before
    assert {row["_run_id"] for row in mirror.rows(CONTACTS).values()} == {mirror.run_id}


def test_a_record_that_comes_back_as_it_was(sandbox: Sandbox, mirror: Mirroring) -> None:
    """A tombstone has no digest, so the same record is news to it."""
    mirror(PERSONS, mode=Mode.FULL)
    mirror.query("UPDATE pipedrive.persons SET _deleted_at = now(), _run_id = 'x' WHERE id = 3")
    mirror.query("UPDATE pipedrive.persons SET _digest = NULL WHERE id = 3")
    assert mirror(PERSONS, mode=Mode.FULL).updated == 1
    assert differences(sandbox, mirror, PERSONS) == {}


def test_custom_fields_that_left_keep_their_values(sandbox: Sandbox, mirror: Mirroring) -> None:
    """Merged members are not what the digest was made of, and are not lost by it."""
    mirror(PERSONS, mode=Mode.FULL)
    mirror.query(
        'UPDATE pipedrive.persons SET custom_fields = custom_fields || \'{"gone": "kept"}\''
    )
    number = len(mirror.rows(PERSONS))
    for _ in range(2):
        assert mirror(PERSONS, mode=Mode.FULL).unchanged == number
        rows = mirror.rows(PERSONS).values()
        assert {row["custom_fields"]["gone"] for row in rows} == {"kept"}
        assert None not in digests(mirror, PERSONS).values()
