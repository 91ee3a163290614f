"""Values that careless software nulls, rounds or breaks: the table holds what the CRM holds."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from crm_pipelines.model.window import Mode
from crm_pipelines_tests.mirroring import Mirroring
from crm_pipelines_tests.sandbox_process import Sandbox
from crm_pipelines_tests.truths import differences

SURNAMES = ("NA", "None", "null", "nan", "NULL", "N/A", "true", "0", "-", "O'Brien", "李小龍", "😀")
LONG = "1234567890123456789012345678901234567890"
TEXTS = (
    *("0012345", "007", LONG, "1e5", "=SUM(A1:A9)", "2026-02-30", "Zoë 😀 \U0001d518"),
    *('said "yes", then left', 'quote at end"', "comma, semicolon; tab\there", "back\\slash\\N"),
    *("two\nlines", "windows\r\nlines", "lone\rreturn", "line\u2028separator", "null\u200bwidth"),
    *("<b>bold</b> &amp; more", "\\u0000 spelled out", "{}", "[]", '""', "مرحبا"),
)
AMOUNTS = ("0.1", "9999999999999999.99", "-0.01", "0", "1234567890.12", "100000000000000.05")
LONGEST = 131_072
"""Characters of a long text area, its most."""
PIECES = ('"', "\n", '"\n"', '",\n"', "\r", "\r\n", ",", "a\0b", "李", "😀\n", "lorem ipsum ")
DAYS = ("1899-12-31", "1700-01-01", "1900-02-28", "2000-02-29", "4000-12-31")


def edit(sandbox: Sandbox, path: str, **values: Any) -> None:
    sandbox.admin("PATCH", path, values)


def persons(sandbox: Sandbox) -> dict[int, dict[str, Any]]:
    """Every awkward text is somebody's name, first name or e-mail label."""
    wanted = {}
    for number, text in enumerate(TEXTS, 1):
        surname = SURNAMES[number % len(SURNAMES)]
        values = {
            "name": surname,
            "last_name": surname,
            "first_name": text,
            "emails": [{"value": "a@b.co", "primary": True, "label": text}],
        }
        edit(sandbox, f"/pipedrive/records/persons/{number}", **values)
        wanted[number] = values
    return wanted


@pytest.mark.parametrize("mode", [Mode.FULL, Mode.INCREMENTAL])
def test_persons(sandbox: Sandbox, mirror: Mirroring, mode: Mode) -> None:
    if mode is Mode.INCREMENTAL:
        mirror("pipedrive.persons")
    wanted = persons(sandbox)
    outcome = mirror("pipedrive.persons", mode=mode)
    assert outcome.rejected == 0
    rows = mirror.rows("pipedrive.persons")
    for number, values in wanted.items():
        assert {name: rows[number][name] for name in values} == values
    assert differences(sandbox, mirror, "pipedrive.persons") == {}


def test_deals(sandbox: Sandbox, mirror: Mirroring) -> None:
    """Amounts digit by digit, as numbers of JSON that a float cannot hold."""
    deals = [d for d in sandbox.truth("pipedrive", "deals") if not d["is_archived"]]
    amounts = (0.1, 1234567890.12, 9007199254740993, 0, 1e-7, 1e21)
    for deal, amount in zip(deals, amounts, strict=False):
        edit(sandbox, f"/pipedrive/records/deals/{deal['id']}", value=amount, title="NA")
    assert mirror("pipedrive.deals").rejected == 0
    rows = mirror.rows("pipedrive.deals")
    for deal, amount in zip(deals, amounts, strict=False):
        assert rows[deal["id"]]["value"] == Decimal(str(amount))
        assert rows[deal["id"]]["title"] == "NA"
    assert differences(sandbox, mirror, "pipedrive.deals") == {}


def contacts(sandbox: Sandbox) -> dict[str, dict[str, Any]]:
    ids = [record["Id"] for record in sandbox.truth("salesforce", "Contact")]
    wanted: dict[str, dict[str, Any]] = {identity: {} for identity in ids}
    for identity, surname in zip(ids, SURNAMES, strict=False):
        wanted[identity]["LastName"] = surname
    for identity, text in zip(ids, TEXTS, strict=False):
        wanted[identity]["Description"] = text
        wanted[identity]["MailingStreet"] = text
    for identity, day in zip(ids, DAYS, strict=False):
        wanted[identity]["Birthdate"] = day
    for identity, values in wanted.items():
        if values:
            edit(sandbox, f"/salesforce/records/Contact/{identity}", **values)
    return wanted


@pytest.mark.parametrize("bulk_rows", ["0", "2000"], ids=["bulk job", "plain query"])
@pytest.mark.parametrize("mode", [Mode.FULL, Mode.INCREMENTAL])
def test_contacts(
    sandbox: Sandbox, mirroring: Callable[..., Mirroring], mode: Mode, bulk_rows: str
) -> None:
    mirror = mirroring(SALESFORCE_BULK_ROWS=bulk_rows)
    if mode is Mode.INCREMENTAL:
        mirror("salesforce.contacts")
    wanted = contacts(sandbox)
    assert mirror("salesforce.contacts", mode=mode).rejected == 0
    rows = mirror.rows("salesforce.contacts")
    names = {"LastName": "last_name", "Description": "description"}
    names |= {"MailingStreet": "mailing_street", "Birthdate": "birthdate"}
    for identity, values in wanted.items():
        row = rows[identity]
        expected = dict(values)
        if "Birthdate" in expected:
            expected["Birthdate"] = date.fromisoformat(expected["Birthdate"])
        assert {name: row[names[name]] for name in expected} == expected
    assert differences(sandbox, mirror, "salesforce.contacts") == {}


@pytest.mark.parametrize("bulk_rows", ["0", "2000"], ids=["bulk job", "plain query"])
def test_the_longest_texts_that_salesforce_holds(
    sandbox: Sandbox, mirroring: Callable[..., Mirroring], bulk_rows: str
) -> None:
    """Together larger than what is parsed at a time, in all of the places where a row may end."""
    mirror = mirroring(SALESFORCE_BULK_ROWS=bulk_rows)
    ids = [record["Id"] for record in sandbox.truth("salesforce", "Contact")]
    wanted = {}
    for number, identity in enumerate(ids):
        piece = PIECES[number % len(PIECES)]
        wanted[identity] = (piece * LONGEST)[number % len(piece) :][:LONGEST]
        edit(sandbox, f"/salesforce/records/Contact/{identity}", Clinical_Notes__c=wanted[identity])
    outcome = mirror("salesforce.contacts", mode=Mode.FULL)
    assert (outcome.rejected, outcome.created) == (0, len(ids))
    stored = {k: row["clinical_notes__c"] for k, row in mirror.rows("salesforce.contacts").items()}
    assert stored == {identity: text.replace("\0", "") for identity, text in wanted.items()}
    assert differences(sandbox, mirror, "salesforce.contacts") == {}
    again = mirror("salesforce.contacts", mode=Mode.FULL)
    assert (again.created, again.updated, again.deleted) == (0, 0, 0)


@pytest.mark.parametrize("bulk_rows", ["0", "2000"], ids=["bulk job", "plain query"])
def test_opportunities(
    sandbox: Sandbox, mirroring: Callable[..., Mirroring], bulk_rows: str
) -> None:
    mirror = mirroring(SALESFORCE_BULK_ROWS=bulk_rows)
    ids = [record["Id"] for record in sandbox.truth("salesforce", "Opportunity")]
    wanted = dict(zip(ids, AMOUNTS, strict=False))
    for identity, amount in wanted.items():
        path = f"/salesforce/records/Opportunity/{identity}"
        edit(sandbox, path, Amount=amount, CloseDate="1899-12-31")
    assert mirror("salesforce.opportunities").rejected == 0
    rows = mirror.rows("salesforce.opportunities")
    for identity, amount in wanted.items():
        assert rows[identity]["amount"] == Decimal(amount)
        assert rows[identity]["close_date"] == date(1899, 12, 31)
    assert "deal_consistency: close_date before created_date" in mirror.notes["warnings"]
    assert differences(sandbox, mirror, "salesforce.opportunities") == {}


def test_nul_bytes_are_removed_and_reported(sandbox: Sandbox, mirror: Mirroring) -> None:
    edit(sandbox, "/pipedrive/records/persons/7", name="Zo\0ë", last_name="\0")
    contact = sandbox.truth("salesforce", "Contact")[0]["Id"]
    edit(sandbox, f"/salesforce/records/Contact/{contact}", Description="nul\0byte")
    mirror("pipedrive.persons")
    row = mirror.rows("pipedrive.persons")[7]
    assert (row["name"], row["last_name"]) == ("Zoë", "")
    assert mirror.notes["nul_bytes_removed"] >= 2
    mirror("salesforce.contacts")
    assert mirror.rows("salesforce.contacts")[contact]["description"] == "nulbyte"
    assert mirror.notes["nul_bytes_removed"] >= 1


def test_empty_is_not_null(sandbox: Sandbox, mirror: Mirroring) -> None:
    """Pipedrive tells them apart; Salesforce stores no empty text."""
    edit(sandbox, "/pipedrive/records/persons/7", first_name="", last_name=None)
    contact = sandbox.truth("salesforce", "Contact")[0]["Id"]
    edit(sandbox, f"/salesforce/records/Contact/{contact}", Description=None)
    mirror("pipedrive.persons")
    row = mirror.rows("pipedrive.persons")[7]
    assert (row["first_name"], row["last_name"]) == ("", None)
    mirror("salesforce.contacts")
    assert mirror.rows("salesforce.contacts")[contact]["description"] is None


def test_both_spellings_of_date_times(sandbox: Sandbox, mirror: Mirroring) -> None:
    """v2 of Pipedrive writes ISO 8601, v1 a blank and no zone; Salesforce milliseconds."""
    mirror("pipedrive.persons")
    person = next(p for p in sandbox.truth("pipedrive", "persons") if p["id"] == 7)
    assert "T" in person["add_time"]
    moment = datetime.fromisoformat(person["add_time"]).astimezone(UTC)
    assert mirror.rows("pipedrive.persons")[7]["add_time"] == moment
    mirror("pipedrive.users")
    user = sandbox.truth("pipedrive", "users")[0]
    assert " " in user["created"]
    spelled = datetime.fromisoformat(user["created"]).replace(tzinfo=UTC)
    assert mirror.rows("pipedrive.users")[user["id"]]["created"] == spelled
    mirror("salesforce.accounts")
    account = sandbox.truth("salesforce", "Account")[0]
    stamp = datetime.fromisoformat(account["CreatedDate"])
    assert mirror.rows("salesforce.accounts")[account["Id"]]["created_date"] == stamp
