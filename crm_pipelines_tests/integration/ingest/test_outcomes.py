"""What becomes of rows that are written: in Salesforce, and in what we say of them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest

from crm_pipelines.model.errors import BudgetSpent, FatalError
from crm_pipelines.model.writing import OUTCOME_COLUMNS, Operation, Writing
from crm_pipelines_tests.integration.ingest.people import people, person, stored
from crm_pipelines_tests.integration.ingest.writers import Writer, calls, fates, truth
from crm_pipelines_tests.sandbox_process import Sandbox

Row = dict[str, Any]


def test_every_type_arrives_as_it_was(sandbox: Sandbox, write: Writer) -> None:
    accounts = {key: record["Id"] for key, record in truth(sandbox, "Account").items()}
    outcomes = write(*people(300, list(accounts)))
    assert set(fates(outcomes).values()) == {"created"}
    there = truth(sandbox)
    for number in range(300):
        wanted = stored(person(number, list(accounts)), accounts)
        found = there[wanted["External_Id__c"]]
        assert {name: found[name] for name in wanted} == wanted
    ids = {outcome["key"]: outcome["id"] for outcome in outcomes}
    assert ids == {key: there[key]["Id"] for key in ids}
    again = write(*people(300, list(accounts)))
    assert set(fates(again).values()) == {"updated"}
    assert truth(sandbox).keys() == there.keys()


def test_null_empties_a_field_and_empty_text_leaves_it(sandbox: Sandbox, write: Writer) -> None:
    account = next(iter(truth(sandbox, "Account").values()))
    first = {"External_Id__c": "N", "LastName": "Name", "Title": "Dr.", "FirstName": "Ann"}
    write({**first, "AccountId": account["Id"]})
    write({"External_Id__c": "N", "LastName": "", "Title": None, "Account.External_Id__c": None})
    found = truth(sandbox)["N"]
    assert (found["LastName"], found["Title"], found["FirstName"]) == ("Name", None, "Ann")
    assert found["AccountId"] == account["Id"]
    write({"External_Id__c": "N", "AccountId": None})
    assert truth(sandbox)["N"]["AccountId"] is None


def test_failed_rows_say_why(sandbox: Sandbox, write: Writer) -> None:
    outcomes = write(
        {"External_Id__c": "ok", "LastName": "Name", "Email": "a@b.org"},
        {"External_Id__c": "no name", "LastName": None, "Email": "a@b.org"},
        {"External_Id__c": "no address", "LastName": "Name", "Email": "a: b"},
    )
    assert [tuple(outcomes[0])] == [OUTCOME_COLUMNS]
    by_key = {outcome["key"]: outcome for outcome in outcomes}
    assert by_key["no name"] == {
        "key": "no name",
        "fate": "failed",
        "id": None,
        "code": "REQUIRED_FIELD_MISSING",
        "message": "Required fields are missing: [LastName]",
        "fields": ["LastName"],
    }
    assert by_key["no address"]["message"] == "Email: invalid email address: a: b"
    assert truth(sandbox).keys() & by_key.keys() == {"ok"}
    assert calls(sandbox, "POST") == ["/services/data/v64.0/jobs/ingest"]


def test_rows_that_salesforce_could_not_take_are_not_sent(sandbox: Sandbox, write: Writer) -> None:
    described = sandbox.truth("salesforce", "Contact")[0]
    texts = [name for name, value in described.items() if isinstance(value, str | None)]
    wide = [n for n in texts if n.endswith("__c") and "External" not in n][:14]
    good: Row = {"External_Id__c": "fine", "LastName": "Name", **dict.fromkeys(wide)}
    rows = [
        good,
        {**good, "External_Id__c": "field", "LastName": "x" * 32_001},
        {**good, "External_Id__c": "record", **dict.fromkeys(wide, "x" * 31_000)},
        {**good, "External_Id__c": "literal", "LastName": "#N/A"},
        {**good, "External_Id__c": " blank"},
        {**good, "External_Id__c": None},
        {**good, "External_Id__c": ""},
        {**good, "External_Id__c": "twice", "LastName": "First"},
        {**good, "External_Id__c": "Twice", "LastName": "Last"},
    ]
    outcomes = write(*rows)
    assert [(o["key"], o["fate"], o["code"]) for o in outcomes if o["fate"] != "created"] == [
        ("field", "refused", "STRING_TOO_LONG"),
        ("record", "refused", "STRING_TOO_LONG"),
        ("literal", "refused", "INVALID_VALUE"),
        (" blank", "refused", "INVALID_VALUE"),
        (None, "refused", "MISSING_ARGUMENT"),
        ("", "refused", "MISSING_ARGUMENT"),
        ("twice", "replaced", None),
    ]
    assert outcomes[0]["fields"] == ["LastName"]
    assert outcomes[1]["fields"] is None
    assert truth(sandbox)["Twice"]["LastName"] == "Last"
    assert len(outcomes) == len(rows)


NEVER_SENT: list[tuple[Row, Row, str]] = [
    ({"External_Id__c": "X", "Nope__c": "y"}, {}, "has no field Nope__c"),
    ({"External_Id__c": "X", "Nope.Ext__c": "y"}, {}, "has no field Nope.Ext__c"),
    ({"LastName": "X"}, {}, "no column External_Id__c"),
    ({"External_Id__c": "X", "LastName": "a", "lastname": "b"}, {}, "the same name"),
    ({"LastName": "X"}, {"key": "LastName"}, "no external id"),
    ({"External_Id__c": "X"}, {"operation": Operation.DELETE}, "delete by Id only"),
    ({"External_Id__c": "X"}, {"target": "Nope"}, "no object Nope"),
    ({"External_Id__c": "X", "LastName": b"bytes"}, {}, "cast it to text"),
    ({"External_Id__c": "X", "Last_Seen__c": datetime(2020, 1, 1)}, {}, "no field Last_Seen__c"),
    (
        {"External_Id__c": "X", "Credentialed_At__c": datetime(2020, 1, 1)},
        {},
        "without a time zone",
    ),
    ({f"A{n}": "x" for n in range(5_000)} | {"External_Id__c": "X"}, {}, "5000 fields"),
]


def test_nothing_is_sent_in_vain(sandbox: Sandbox, write: Writer) -> None:
    for row, changes, words in NEVER_SENT:
        wanted = {"target": "Contact", "operation": Operation.UPSERT, "key": "External_Id__c"}
        with pytest.raises(FatalError, match=words):
            write(row, writing=Writing(**{**wanted, **changes}))
    changing = [pa.table({"External_Id__c": ["X"]}), pa.table({"LastName": ["X"]})]
    with pytest.raises(FatalError, match="columns change"):
        write(*changing)
    assert calls(sandbox, "POST") == []


def test_insert_update_and_delete(sandbox: Sandbox, write: Writer) -> None:
    insert = Writing("Contact", Operation.INSERT, "External_Id__c")
    made = write(
        *[{"External_Id__c": f"I-{n}", "LastName": f"Name {n}"} for n in range(3)], writing=insert
    )
    assert set(fates(made).values()) == {"created"}
    twice = write({"External_Id__c": "I-0", "LastName": "Name"}, writing=insert)
    assert (twice[0]["fate"], twice[0]["code"]) == ("failed", "DUPLICATE_VALUE")
    ids = [outcome["id"] for outcome in made]
    update = Writing("Contact", Operation.UPDATE, "Id")
    rows = [{"Id": ids[0], "LastName": "New"}, {"Id": "003000000000000AAA", "LastName": "Nobody"}]
    assert fates(write(*rows, writing=update)) == {
        ids[0]: "updated",
        "003000000000000AAA": "failed",
    }
    delete = Writing("Contact", Operation.DELETE, "Id")
    gone = write(*[{"Id": one, "LastName": "ignored"} for one in ids[1:]], writing=delete)
    assert fates(gone) == {ids[1]: "deleted", ids[2]: "deleted"}
    assert {key: r["LastName"] for key, r in truth(sandbox).items() if key.startswith("I-")} == {
        "I-0": "New"
    }


def test_files_are_cut_by_size(sandbox: Sandbox, writers: Callable[..., Writer]) -> None:
    write = writers(SALESFORCE_INGEST_BYTES="20000")
    accounts = list(truth(sandbox, "Account"))
    sizes: list[int] = []
    tables = write.tables(
        people(500, accounts),
        kept=lambda _: sizes.extend(p.stat().st_size for p in write.folder.glob("*.csv")),
    )
    assert sum(table.num_rows for table in tables) == 500
    assert 15_000 < max(sizes) <= 20_000
    puts = calls(sandbox, "PUT")
    assert len(puts) == len(set(puts)) == len(calls(sandbox, "POST")) > 3
    assert len(calls(sandbox, "DELETE")) == len(puts)
    assert list(write.folder.iterdir()) == []
    assert [f for f in (sandbox.home / "salesforce").iterdir() if "input" in f.name] == []


def test_a_later_row_wins_across_files(sandbox: Sandbox, writers: Callable[..., Writer]) -> None:
    write = writers(SALESFORCE_INGEST_BYTES="1000")
    rows = [{"External_Id__c": f"W-{n % 50}", "LastName": f"Name {n}"} for n in range(150)]
    outcomes = write(*rows)
    assert len(outcomes) == 150
    assert {key: r["LastName"] for key, r in truth(sandbox).items() if key.startswith("W-")} == {
        f"W-{n % 50}": f"Name {n}" for n in range(100, 150)
    }


def test_every_call_is_paid_for(sandbox: Sandbox, write: Writer) -> None:
    write({"External_Id__c": "B", "LastName": "Name"})
    ours = [entry for entry in sandbox.journal() if "/services/data/" in entry["path"]]
    assert write.purse.calls == len(ours) == 7


def test_a_spent_quota_pauses_and_goes_on(sandbox: Sandbox, writers: Callable[..., Writer]) -> None:
    sandbox.admin("PATCH", "/salesforce/limits", {"daily_calls": 4})
    rows = [pa.table({"External_Id__c": ["Q"], "LastName": ["Name"]})]
    with pytest.raises(BudgetSpent):
        list(writers(SALESFORCE_QUOTA_SHARE="1").tables(rows))
    sandbox.admin("PATCH", "/salesforce/limits", {"daily_calls": 100_000})
    later = writers(clock=lambda: datetime.now(UTC) + timedelta(hours=25))
    [table] = later.tables([])
    assert fates(table.to_pylist()) == {"Q": "created"}
    assert len(calls(sandbox, "POST")) == 1


def test_no_rows(sandbox: Sandbox, write: Writer) -> None:
    assert write() == []
    assert write(pa.table({"External_Id__c": pa.array([], pa.string())})) == []
    assert calls(sandbox, "POST") == []


def test_dates_are_not_moments(sandbox: Sandbox, write: Writer) -> None:
    outcomes = write({"External_Id__c": "D", "LastName": "N", "Birthdate": date(1970, 1, 2)})
    assert fates(outcomes) == {"D": "created"}
    assert truth(sandbox)["D"]["Birthdate"] == "1970-01-02"
