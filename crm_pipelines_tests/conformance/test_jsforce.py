"""npm ``jsforce`` 3.10.16, unmodified, against the simulated Salesforce."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest

from crm_pipelines_tests.conformance.node_packages import installed, run
from crm_pipelines_tests.salesforce_org import Org, csv_rows, running_org

FOLDER = Path(__file__).parent / "jsforce_client"
USER = "0055Y0000000001QAA"

Client = Callable[..., Any]


@pytest.fixture(scope="module")
def modules() -> Path:
    return installed(FOLDER)


@pytest.fixture
def org(tmp_path: Path) -> Iterator[Org]:
    with running_org(tmp_path) as caller:
        yield caller


@pytest.fixture
def client(modules: Path, org: Org) -> Client:
    """Runs a scenario of ``drive.cjs``."""

    def drive(scenario: str, **given: Any) -> Any:
        return run(FOLDER / "drive.cjs", modules, org.sandbox.url, scenario, given=given)

    return drive


def test_soap_login_and_logout(client: Client, org: Org) -> None:
    got = client("soap")
    assert got["info"]["id"] == USER
    assert got["instance"] == org.sandbox.url
    assert got["first"] == min(user["Id"] for user in org.truth("User"))
    assert got["after"] == "INVALID_SESSION_ID"
    assert "INVALID_LOGIN" in client("soapRefused")["message"]


def test_password_login_and_identity(client: Client) -> None:
    got = client("password")
    assert got["info"]["id"] == USER
    assert got["identity"]["username"] == "sandbox@example.com"


def test_signed_assertion(client: Client, org: Org) -> None:
    known = org.admin("GET", "/credentials")
    claims = {
        "iss": known["client_id"],
        "sub": known["username"],
        "aud": "https://login.salesforce.com",
        "exp": int(time.time()) + 180,
    }
    key = Path(known["private_key_file"]).read_text()
    assert client("assertion", assertion=jwt.encode(claims, key, "RS256")) == 300


def test_metadata_and_limits(client: Client, org: Org) -> None:
    got = client("metadata")
    fields = org.get("/sobjects/Contact/describe")["fields"]
    assert got["fields"] == [field["name"] for field in fields]
    assert {"Contact", "Account", "Opportunity", "User", "Provider__c"} <= set(got["objects"])
    assert got["daily"]["Max"] == got["usage"]["limit"] == 100_000
    assert got["daily"]["Remaining"] == 100_000 - got["usage"]["used"]


def test_queries_over_several_pages(client: Client, org: Org) -> None:
    org.limit(rest_page_rows=110)
    gone = org.truth()[5]["Id"]
    org.admin("DELETE", f"/records/Contact/{gone}")
    accounts = {account["Id"]: account["Name"] for account in org.truth("Account")}
    got = client("queries")
    assert got["pages"] == [110, 110, 79]
    assert sorted(got["records"]) == [
        [r["Id"], r["LastName"], accounts.get(r["AccountId"])] for r in org.truth()
    ]
    assert got["fetched"] == 299
    assert got["deleted"] == [gone]


def test_writes(client: Client, org: Org) -> None:
    got = client("records")
    ids = got["ids"]
    assert got["read"] == ["Mai", True, "0012345678"]
    assert (got["again"]["id"], got["again"]["created"]) == (ids["made"], False)
    assert [each["success"] for each in got["several"]] == [True, False]
    assert got["several"][1]["errors"][0]["statusCode"] == "REQUIRED_FIELD_MISSING"
    assert [(each["id"], each["created"]) for each in got["many"]] == [
        (ids["fresh"], False),
        (ids["third"], True),
    ]
    assert got["deleted"] == [ids["fresh"]]
    assert {ids["made"], ids["third"]} <= set(got["updated"])
    assert got["refused"] == "ENTITY_IS_DELETED"
    truth = {record["External_Id__c"]: record for record in org.truth()}
    assert truth["J-1"]["Title"] == "Dr."
    assert truth["J-3"]["LastName"] == "Third"
    assert "J-2" not in truth


def test_bulk_query(client: Client, org: Org) -> None:
    got = client("bulkQuery")
    assert [(row["Id"], row["LastName"], row["Description"]) for row in got] == [
        (r["Id"], r["LastName"], r["Description"] or "") for r in org.truth()
    ]


def test_bulk_query_page_by_page(client: Client, org: Org) -> None:
    got = client("bulkPages")
    pages = [
        [row["Id"] for row in (csv_rows(page) if isinstance(page, str) else page)]
        for page in got["pages"]
    ]
    assert [len(page) for page in pages] == [110, 110, 80]
    assert [identity for page in pages for identity in page] == [
        record["Id"] for record in org.truth()
    ]
    assert got["info"]["numberRecordsProcessed"] == 300
    assert org.get("/jobs/query")["records"] == []


def test_bulk_upsert(client: Client, org: Org) -> None:
    known = next(record for record in org.truth() if record["FirstName"])
    rows = [
        # this client takes the columns from the first row
        {
            "External_Id__c": "JS-1",
            "LastName": "two\nlines 😀",
            "FirstName": "Ann",
            "Title": None,
            "npi__c": "0000000012",
        },
        {"External_Id__c": known["External_Id__c"], "FirstName": None, "Title": 'the "boss"'},
        {"External_Id__c": "JS-2", "FirstName": "Without a last name"},
    ]
    got = client("bulkUpsert", rows=rows)
    good = {row["External_Id__c"]: row for row in got["successfulResults"]}
    assert good[known["External_Id__c"]]["sf__Id"] == known["Id"]
    assert good["JS-1"]["sf__Created"] == "true"
    (bad,) = got["failedResults"]
    assert bad["External_Id__c"] == "JS-2"
    assert bad["sf__Error"].startswith("REQUIRED_FIELD_MISSING:")
    assert got["unprocessedRecords"] == []
    truth = {record["External_Id__c"]: record for record in org.truth()}
    assert truth[known["External_Id__c"]]["FirstName"] is None
    assert truth[known["External_Id__c"]]["Title"] == 'the "boss"'
    assert truth[known["External_Id__c"]]["LastName"] == known["LastName"]
    assert truth["JS-1"]["LastName"] == "two\nlines 😀"
    assert truth["JS-1"]["npi__c"] == "0000000012"
