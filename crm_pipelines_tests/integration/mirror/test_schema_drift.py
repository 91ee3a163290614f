"""Fields that come, go, and change their type in the CRM between two syncs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import psycopg
import pyarrow as pa
import pytest

from crm_pipelines.model.drift import NOTE
from crm_pipelines.model.source import RAW
from crm_pipelines.model.window import Mode
from crm_pipelines_tests.mirroring import Mirroring
from crm_pipelines_tests.sandbox_process import TOKEN, Sandbox, plain_client
from crm_pipelines_tests.truths import differences

CONTACTS = "salesforce.contacts"
PERSONS = "pipedrive.persons"
FIELDS = "pipedrive.person_fields"


def add(sandbox: Sandbox, name: str, kind: str, value: Any = None, **more: Any) -> None:
    """A custom field of contacts; ``value`` fills it for all, and no stamp moves."""
    body = {"name": name, "type": kind, "value": value, **more}
    sandbox.admin("POST", "/salesforce/fields/Contact", body)


def drop(sandbox: Sandbox, name: str) -> None:
    sandbox.admin("DELETE", f"/salesforce/fields/Contact/{name}")


def retype(sandbox: Sandbox, name: str, kind: str, value: Any = None) -> None:
    drop(sandbox, name)
    add(sandbox, name, kind, value)


def pipedrive(sandbox: Sandbox, method: str, path: str, body: Any = None) -> Any:
    with plain_client(headers={"x-api-token": TOKEN}) as client:
        answer = client.request(method, f"{sandbox.url}/api/v2{path}", json=body)
    answer.raise_for_status()
    return answer.json()["data"]


def told(mirror: Mirroring, name: str) -> dict[str, Any]:
    """What the last run's metadata and its line of history say; both the same."""
    notes: dict[str, Any] = mirror.notes[NOTE]
    assert mirror.history(name)[-1]["metrics"][NOTE] == notes
    return notes


def types(mirror: Mirroring, table: str) -> dict[str, str]:
    rows = mirror.query(
        "SELECT attname AS name, format_type(atttypid, atttypmod) AS type FROM pg_attribute"
        " WHERE attrelid = to_regclass(%(table)s) AND attnum > 0 AND NOT attisdropped",
        table=table,
    )
    return {row["name"]: row["type"] for row in rows}


def test_a_new_field_is_a_column_with_its_values_at_once(
    sandbox: Sandbox, mirror: Mirroring
) -> None:
    """Also in records that no stamp calls changed."""
    mirror(CONTACTS)
    assert told(mirror, CONTACTS) == {}
    add(sandbox, "Colour__c", "string", "blue", label="Favourite colour")
    outcome = mirror(CONTACTS)
    assert told(mirror, CONTACTS) == {"added_columns": ["colour__c"]}
    rows = mirror.rows(CONTACTS)
    assert outcome.updated == len(rows)
    assert {row["colour__c"] for row in rows.values()} == {"blue"}
    assert differences(sandbox, mirror, CONTACTS) == {}
    assert mirror(CONTACTS).fetched == 0
    assert told(mirror, CONTACTS) == {}


def test_a_window_does_not_make_a_new_field_an_old_one(sandbox: Sandbox, mirror: Mirroring) -> None:
    """Its records have values for it now, the others still have to be read."""
    mirror(CONTACTS)
    add(sandbox, "Colour__c", "string", "blue")
    window = (datetime(2000, 1, 1, tzinfo=UTC), datetime(2000, 1, 2, tzinfo=UTC))
    assert mirror(CONTACTS, mode=Mode.WINDOW, window=window).fetched == 0
    assert told(mirror, CONTACTS) == {"added_columns": ["colour__c"]}
    assert mirror(CONTACTS).updated == len(mirror.rows(CONTACTS))
    assert differences(sandbox, mirror, CONTACTS) == {}


def test_a_removed_field_keeps_its_column_and_data(sandbox: Sandbox, mirror: Mirroring) -> None:
    add(sandbox, "Colour__c", "string", "blue")
    mirror(CONTACTS)
    drop(sandbox, "Colour__c")
    known = next(iter(mirror.rows(CONTACTS)))
    sandbox.admin("PATCH", f"/salesforce/records/Contact/{known}", {"LastName": "Changed"})
    assert mirror(CONTACTS).updated == 1
    assert told(mirror, CONTACTS) == {"vanished_columns": ["colour__c"]}
    rows = mirror.rows(CONTACTS)
    assert rows[known]["last_name"] == "Changed"
    assert {row["colour__c"] for row in rows.values()} == {"blue"}
    mirror(CONTACTS, mode=Mode.FULL)
    assert told(mirror, CONTACTS) == {}
    assert {row["colour__c"] for row in mirror.rows(CONTACTS).values()} == {"blue"}


def test_a_renamed_field_is_one_more_and_one_less(sandbox: Sandbox, mirror: Mirroring) -> None:
    add(sandbox, "Colour__c", "string", "blue")
    mirror(CONTACTS)
    drop(sandbox, "Colour__c")
    add(sandbox, "Hue__c", "string", "blue")
    mirror(CONTACTS)
    notes = {"added_columns": ["hue__c"], "vanished_columns": ["colour__c"]}
    assert told(mirror, CONTACTS) == notes
    for row in mirror.rows(CONTACTS).values():
        assert (row["colour__c"], row["hue__c"]) == ("blue", "blue")


AT = "2026-01-05T10:00:00.000Z"
MOMENT = "timestamp with time zone"

# Type and value before and after, the type of the column then, and what an old value becomes.
WIDER: list[tuple[str, Any, str, Any, str, Any]] = [
    ("int", 42, "string", "forty-two", "text", "42"),
    ("int", 42, "double", 1.5, "numeric", 42),
    ("boolean", True, "string", "maybe", "text", "true"),
    ("date", "1899-12-31", "string", "soon", "text", "1899-12-31"),
    ("double", 0.25, "string", "a lot", "text", "0.25"),
    ("int", 7, "date", "2026-02-28", "text", "7"),
    ("datetime", AT, "string", "later", "text", "2026-01-05T10:00:00.000000Z"),
    ("date", "2026-03-29", "datetime", AT, MOMENT, datetime(2026, 3, 29, tzinfo=UTC)),
]
NARROWER: list[tuple[str, Any, str, Any, str, Any]] = [
    ("string", "blue", "int", 5, "text", "5"),
    ("string", "blue", "date", "2026-03-29", "text", "2026-03-29"),
    ("string", "blue", "boolean", True, "text", "true"),
    ("double", 1.5, "int", 5, "numeric", 5),
    ("datetime", AT, "date", "2026-03-29", MOMENT, datetime(2026, 3, 29, tzinfo=UTC)),
]


@pytest.fixture
def far_away(database_url: str) -> None:
    """A database in another zone than UTC, before anybody connects to it."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        name = psycopg.sql.Identifier(connection.info.dbname)
        statement = psycopg.sql.SQL("ALTER DATABASE {} SET timezone = 'Pacific/Auckland'")
        connection.execute(statement.format(name))


@pytest.mark.usefixtures("far_away")
def test_types_that_widen_lose_no_row(sandbox: Sandbox, mirror: Mirroring) -> None:
    """A record that is gone shows what became of an old value; the others have new ones."""
    for number, (kind, value, *_) in enumerate(WIDER):
        add(sandbox, f"Odd{number}__c", kind, value)
    mirror(CONTACTS)
    ids = list(mirror.rows(CONTACTS))
    sandbox.admin("DELETE", f"/salesforce/records/Contact/{ids[0]}")
    sandbox.admin("POST", f"/salesforce/records/Contact/{ids[0]}/destroy")
    for number, (_, _, kind, value, *_) in enumerate(WIDER):
        retype(sandbox, f"Odd{number}__c", kind, value)
    outcome = mirror(CONTACTS)
    assert (outcome.updated, outcome.rejected) == (len(ids) - 1, 0)
    notes = told(mirror, CONTACTS)
    assert list(notes) == ["widened_columns"]
    assert notes["widened_columns"]["odd0__c"] == "bigint → text"
    columns, rows = types(mirror, CONTACTS), mirror.rows(CONTACTS)
    assert set(rows) == set(ids)
    for number, (_, _, _, _, column, kept) in enumerate(WIDER):
        assert columns[f"odd{number}__c"] == column
        assert rows[ids[0]][f"odd{number}__c"] == kept
    mirror(CONTACTS, mode=Mode.FULL)
    left = differences(sandbox, mirror, CONTACTS)
    as_text = {"odd5__c": ("2026-02-28", date(2026, 2, 28))}
    assert left == dict.fromkeys(ids[1:], as_text)


@pytest.mark.usefixtures("far_away")
def test_types_that_narrow_keep_the_wider_column(sandbox: Sandbox, mirror: Mirroring) -> None:
    for number, (kind, value, *_) in enumerate(NARROWER):
        add(sandbox, f"Odd{number}__c", kind, value)
    mirror(CONTACTS)
    for number, (_, _, kind, value, *_) in enumerate(NARROWER):
        retype(sandbox, f"Odd{number}__c", kind, value)
    outcome = mirror(CONTACTS)
    assert (outcome.updated, outcome.rejected) == (len(mirror.rows(CONTACTS)), 0)
    notes = told(mirror, CONTACTS)
    assert list(notes) == ["narrowed_columns"]
    assert notes["narrowed_columns"]["odd3__c"] == "numeric → bigint"
    columns, rows = types(mirror, CONTACTS), mirror.rows(CONTACTS)
    for number, (_, _, _, _, column, now) in enumerate(NARROWER):
        assert columns[f"odd{number}__c"] == column
        assert {row[f"odd{number}__c"] for row in rows.values()} == {now}
    assert mirror(CONTACTS, mode=Mode.FULL).unchanged == len(rows)
    assert mirror.rows(CONTACTS) == rows
    assert told(mirror, CONTACTS) == {}


def test_longer_text_needs_no_change(sandbox: Sandbox, mirror: Mirroring) -> None:
    add(sandbox, "Short__c", "string", "abc", length=3)
    mirror(CONTACTS)
    drop(sandbox, "Short__c")
    add(sandbox, "Short__c", "textarea", "x" * 30_000)
    mirror(CONTACTS)
    assert told(mirror, CONTACTS) == {}
    mirror(CONTACTS, mode=Mode.FULL)
    assert differences(sandbox, mirror, CONTACTS) == {}


def test_views_on_a_column_that_widens_stay_what_they_were(
    sandbox: Sandbox, mirror: Mirroring
) -> None:
    add(sandbox, "Odd__c", "int", 42)
    mirror(CONTACTS)
    for statement in (
        "CREATE SCHEMA ours",
        'CREATE VIEW ours."Odd ones" WITH (security_barrier=true) AS'
        " SELECT id, odd__c FROM salesforce.contacts",
        'CREATE VIEW ours.counted AS SELECT odd__c, count(*) AS n FROM ours."Odd ones" GROUP BY 1',
        "COMMENT ON VIEW ours.counted IS 'how many'",
        "COMMENT ON COLUMN ours.counted.n IS 'that many'",
        "GRANT SELECT ON ours.counted TO PUBLIC",
    ):
        mirror.query(statement)
    retype(sandbox, "Odd__c", "string", "many")
    mirror(CONTACTS)
    assert list(told(mirror, CONTACTS)) == ["widened_columns"]
    assert mirror.query("SELECT * FROM ours.counted") == [{"odd__c": "many", "n": 30}]
    (facts,) = mirror.query(
        "SELECT obj_description('ours.counted'::regclass) AS comment,"
        " col_description('ours.counted'::regclass, 2) AS of_column,"
        " (SELECT relacl::text FROM pg_class WHERE oid = 'ours.counted'::regclass) AS rights,"
        " (SELECT reloptions FROM pg_class WHERE oid = 'ours.\"Odd ones\"'::regclass) AS options"
    )
    assert (facts["comment"], facts["of_column"]) == ("how many", "that many")
    assert ",=r/" in facts["rights"].replace("{", ",")
    assert facts["options"] == ["security_barrier=true"]


@pytest.mark.parametrize(
    "made",
    [
        "CREATE VIEW ours AS SELECT id FROM salesforce.contacts WHERE odd__c > 5",
        "CREATE MATERIALIZED VIEW ours AS SELECT id, odd__c FROM salesforce.contacts",
    ],
)
def test_a_view_that_would_not_survive_is_left_alone(
    sandbox: Sandbox, mirror: Mirroring, made: Any
) -> None:
    """Then the column stays; what does not fit is kept among the rejected, and all of it told."""
    add(sandbox, "Odd__c", "int", 42)
    mirror(CONTACTS)
    mirror.query(made)
    retype(sandbox, "Odd__c", "string", "7")
    ids = list(mirror.rows(CONTACTS))
    sandbox.admin("PATCH", f"/salesforce/records/Contact/{ids[0]}", {"Odd__c": "many"})
    outcome = mirror(CONTACTS)
    assert (outcome.updated, outcome.rejected) == (len(ids) - 1, 1)
    assert "ours is built on" in told(mirror, CONTACTS)["hindrances"][0]
    assert types(mirror, CONTACTS)["odd__c"] == "bigint"
    assert {row["odd__c"] for row in mirror.rows(CONTACTS).values()} == {7, 42}
    mirror.query("SELECT * FROM ours")
    (left,) = mirror.query("SELECT record_id FROM sync.rejected_records")
    assert left["record_id"] == ids[0]


def test_concurrent_runs_while_a_column_is_added(
    sandbox: Sandbox, mirroring: Callable[..., Mirroring]
) -> None:
    """One began before there was the field, the other after; they end in any order."""
    early, late = mirroring(), mirroring()
    early(CONTACTS)
    old = early.fetch(CONTACTS, mode=Mode.FULL)
    add(sandbox, "Colour__c", "string", "blue")
    new = late.fetch(CONTACTS, mode=Mode.FULL)
    late.finish(CONTACTS, new)
    early.finish(CONTACTS, old)
    assert {row["colour__c"] for row in early.rows(CONTACTS).values()} == {"blue"}
    late(CONTACTS)
    assert differences(sandbox, late, CONTACTS) == {}


def test_names_that_are_the_same_in_snake_case(sandbox: Sandbox, mirror: Mirroring) -> None:
    long = "A" + "b" * 39
    for name in ("FooBar__c", "Foo_Bar__c", "Order__c", "Select__c", f"{long}__c"):
        add(sandbox, name, "string", name)
    mirror(CONTACTS)
    (row, *_) = mirror.rows(CONTACTS).values()
    assert (row["foo_bar__c"], row["foo_bar__c_2"]) == ("FooBar__c", "Foo_Bar__c")
    assert (row["order__c"], row["select__c"]) == ("Order__c", "Select__c")
    assert differences(sandbox, mirror, CONTACTS) == {}
    drop(sandbox, "FooBar__c")
    mirror(CONTACTS, mode=Mode.FULL)
    rows = mirror.rows(CONTACTS).values()
    assert {(r["foo_bar__c"], r["foo_bar__c_2"]) for r in rows} == {("FooBar__c", "Foo_Bar__c")}


def test_custom_fields_of_pipedrive_come_and_go(sandbox: Sandbox, mirror: Mirroring) -> None:
    """A key as soon as a record shows it; what a removed field held stays, and nothing clears it.

    Nothing is written because a field came or went: a record has to change to be seen.
    """
    mirror(PERSONS)
    mirror(FIELDS)
    made = pipedrive(
        sandbox, "POST", "/personFields", {"field_name": 'Lieblings-"🎈"', "field_type": "varchar"}
    )
    code = made["field_code"]
    ids = list(mirror.rows(PERSONS))
    path = "/pipedrive/records/persons"
    for identity, value in ((ids[0], "rot"), (ids[1], "gelb"), (ids[2], "grün")):
        body = {"custom_fields": {code: value}}
        sandbox.admin("PATCH", f"{path}/{identity}", body)
    assert mirror(PERSONS).updated == 3
    assert told(mirror, PERSONS) == {"added_keys": [f"custom_fields.{code}"]}
    assert mirror.rows(PERSONS)[ids[0]]["custom_fields"][code] == "rot"
    mirror(FIELDS)
    (shown,) = mirror.query(
        'SELECT "Lieblings-""🎈""" AS colour FROM pipedrive.persons_named WHERE id = %(id)s',
        id=ids[0],
    )
    assert shown == {"colour": "rot"}
    sandbox.admin("PATCH", f"{path}/{ids[1]}", {"custom_fields": {code: None}})
    assert mirror(PERSONS).updated == 1
    assert mirror.rows(PERSONS)[ids[1]]["custom_fields"][code] is None
    pipedrive(sandbox, "DELETE", f"/personFields/{code}")
    sandbox.admin("PATCH", f"{path}/{ids[0]}", {"name": "Changed"})
    assert mirror(PERSONS).updated == 1
    assert told(mirror, PERSONS) == {"vanished_keys": [f"custom_fields.{code}"]}
    mirror(PERSONS, mode=Mode.FULL)
    rows = mirror.rows(PERSONS)
    kept = {identity: rows[identity]["custom_fields"].get(code) for identity in ids[:4]}
    assert kept == {ids[0]: "rot", ids[1]: None, ids[2]: "grün", ids[3]: None}
    assert rows[ids[0]]["name"] == "Changed"
    assert mirror(PERSONS, mode=Mode.FULL).unchanged == len(rows)
    assert mirror(FIELDS).deleted == 1
    with pytest.raises(psycopg.errors.UndefinedColumn):
        mirror.query('SELECT "Lieblings-""🎈""" FROM pipedrive.persons_named')
    mirror(PERSONS, mode=Mode.FULL, force_overwrite=True)
    assert differences(sandbox, mirror, PERSONS) == {}


def test_views_on_named_views_follow(sandbox: Sandbox, mirror: Mirroring) -> None:
    """Also when a field is renamed; one that shows the old name is told, and left alone."""
    body = {"field_name": "Colour", "field_type": "varchar"}
    code = pipedrive(sandbox, "POST", "/personFields", body)["field_code"]
    mirror(PERSONS)
    mirror(FIELDS)
    mirror.query("CREATE VIEW ours AS SELECT id, name FROM pipedrive.persons_named")
    mirror.query("GRANT SELECT ON pipedrive.persons_named TO PUBLIC")
    pipedrive(sandbox, "PATCH", f"/personFields/{code}", {"field_name": "Hue " + "é" * 60})
    assert mirror(FIELDS).updated == 1
    assert mirror.notes["remarks"] == []
    columns = types(mirror, "pipedrive.persons_named")
    assert "Colour" not in columns
    assert [len(name.encode()) for name in columns if name.startswith("Hue")] == [50]
    assert len(mirror.query("SELECT * FROM ours")) == len(mirror.rows(PERSONS))
    (rights,) = mirror.query(
        "SELECT relacl::text AS rights FROM pg_class"
        " WHERE oid = 'pipedrive.persons_named'::regclass"
    )
    assert "=r/" in rights["rights"]
    mirror.query(
        "DO $$ BEGIN EXECUTE format('CREATE VIEW hues AS SELECT id, %%I FROM"
        " pipedrive.persons_named', (SELECT attname FROM pg_attribute WHERE attrelid ="
        " 'pipedrive.persons_named'::regclass AND attname LIKE 'Hue%%')); END $$"
    )
    pipedrive(sandbox, "PATCH", f"/personFields/{code}", {"field_name": "select"})
    mirror(FIELDS)
    assert "hues is built on it" in mirror.notes["remarks"][0]
    mirror.query("SELECT * FROM hues")


def test_members_no_column_reads_are_counted_by_name(mirror: Mirroring) -> None:
    """At every run that looks at such records; they are news once."""

    def sync(said: bytes) -> dict[str, Any]:
        manifest = mirror.fetch(PERSONS, mode=Mode.FULL, batch_size=7)
        staging = mirror.wiring.staging
        for number, chunk in enumerate(manifest.raw):
            texts = staging.read(chunk).column(RAW).to_pylist()
            texts[0] = texts[0][:-1] + b',"pronouns":"%b","a\\u0000b":{"c":[1]}}' % said
            records = pa.table({RAW: pa.array(texts, pa.binary())})
            assert staging.write(manifest.key, "fetch", number, records) == chunk
        mirror.finish(PERSONS, manifest)
        return told(mirror, PERSONS)

    counted = {"pronouns": 5, "ab": 5}
    assert sync(b"they") == {"added_keys": ["ab", "pronouns"], "unread_keys": counted}
    assert len(mirror.rows(PERSONS)) == 30
    assert sync(b"she") == {"unread_keys": counted}
    assert sync(b"she") == {}
    mirror(PERSONS, mode=Mode.FULL)
    assert told(mirror, PERSONS) == {}
