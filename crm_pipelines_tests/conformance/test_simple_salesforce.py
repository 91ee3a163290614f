"""PyPI ``simple-salesforce`` 1.12.10, unmodified, against the simulated Salesforce over TLS."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from requests.adapters import HTTPAdapter
from simple_salesforce.api import Salesforce
from simple_salesforce.exceptions import (
    SalesforceAuthenticationFailed,
    SalesforceExpiredSession,
    SalesforceMalformedRequest,
    SalesforceMoreThanOneRecord,
    SalesforceResourceNotFound,
)
from simple_salesforce.login import SalesforceLogin

from crm_pipelines_tests.salesforce_org import Org, csv_rows, logged_in
from crm_pipelines_tests.sandbox_process import running_sandbox


class Reroute(HTTPAdapter):
    """Sends what is meant for a real host to the sandbox, under the real host's name."""

    def __init__(self, netloc: str) -> None:
        self.netloc = netloc
        super().__init__()

    def send(self, request: requests.PreparedRequest, *args: Any, **named: Any) -> Any:
        url = urlsplit(str(request.url))
        request.headers["Host"] = url.netloc
        request.url = url._replace(netloc=self.netloc).geturl()
        named["verify"] = named.get("verify", True)
        return super().send(request, *args, **named)


@pytest.fixture
def org(tmp_path: Path) -> Iterator[Org]:
    sizes = {"persons": 1, "organizations": 1, "deals": 1, "activities": 1, "contacts": 300}
    with (
        running_sandbox(tmp_path, seed=1, tls=True, **sizes) as sandbox,
        logged_in(sandbox) as caller,
    ):
        yield caller


@pytest.fixture
def session(org: Org) -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.verify, session.trust_env = str(org.sandbox.ca), False
        netloc = urlsplit(str(org.sandbox.https)).netloc
        session.mount("https://login.salesforce.com", Reroute(netloc))
        session.mount("https://acme.my.salesforce.com", Reroute(netloc))
        yield session


@pytest.fixture
def sf(org: Org, session: requests.Session) -> Any:
    """Logged in with a ready-made token."""
    token = org.admin("POST", "/tokens")["access_token"]
    return Salesforce(
        session_id=token, instance_url=org.sandbox.https, session=session, version="64.0"
    )


def test_the_version_under_test() -> None:
    assert version("simple-salesforce") == "1.12.10"


def test_soap_login(org: Org, session: requests.Session) -> None:
    token, instance = SalesforceLogin(
        username="sandbox@example.com",
        password="sandbox-password",
        security_token="sandboxtoken",
        session=session,
        scratch_url=org.sandbox.https,
        sf_version="59.0",
    )
    assert f"https://{instance}" == org.sandbox.https
    sf = Salesforce(session_id=token, instance=instance, session=session)
    assert sf.query("SELECT COUNT() FROM Contact")["totalSize"] == 300
    with pytest.raises(SalesforceAuthenticationFailed, match="INVALID_LOGIN"):
        SalesforceLogin(
            username="x",
            password="y",
            security_token="z",
            session=session,
            scratch_url=org.sandbox.https,
        )


def test_client_credentials(session: requests.Session) -> None:
    sf = Salesforce(
        consumer_key="sandbox-client",
        consumer_secret="sandbox-secret",
        domain="acme.my",
        session=session,
    )
    assert sf.query("SELECT COUNT() FROM Contact")["totalSize"] == 300


def test_signed_assertion(org: Org, session: requests.Session) -> None:
    known = org.admin("GET", "/credentials")
    token, instance = SalesforceLogin(
        username=known["username"],
        consumer_key=known["client_id"],
        privatekey_file=known["private_key_file"],
        session=session,
    )
    assert instance == "login.salesforce.com"
    sf = Salesforce(session_id=token, instance=instance, session=session)
    assert sf.query("SELECT COUNT() FROM Contact")["totalSize"] == 300


def test_describe_and_limits(org: Org, sf: Any) -> None:
    fields = [field["name"] for field in sf.Contact.describe()["fields"]]
    assert fields == [f["name"] for f in org.get("/sobjects/Contact/describe")["fields"]]
    assert "Provider__c" in [each["name"] for each in sf.describe()["sobjects"]]
    assert sf.limits()["DailyApiRequests"]["Max"] == 100_000
    assert sf.api_usage["api-usage"].total == 100_000


def test_queries_over_several_pages(org: Org, sf: Any) -> None:
    org.limit(rest_page_rows=110)
    gone = org.truth()[5]["Id"]
    org.admin("DELETE", f"/records/Contact/{gone}")
    names = {record["Id"]: record["LastName"] for record in org.truth()}
    shown = list(sf.query_all_iter("SELECT Id, LastName FROM Contact"))
    assert {record["Id"]: record["LastName"] for record in shown} == names
    assert sf.query_all("SELECT Id FROM Contact")["totalSize"] == 299
    everything = sf.query_all("SELECT Id, IsDeleted FROM Contact", include_deleted=True)
    assert [r["Id"] for r in everything["records"] if r["IsDeleted"]] == [gone]
    with pytest.raises(SalesforceMalformedRequest, match="No such column"):
        sf.query("SELECT Nope FROM Contact")


def test_writes(org: Org, sf: Any) -> None:
    made = sf.Contact.create({"LastName": "Made", "External_Id__c": "S-1", "npi__c": "0000000042"})
    assert made["success"]
    assert sf.Contact.update(made["id"], {"FirstName": "Mai", "DoNotCall": True}) == 204
    assert sf.Contact.upsert("External_Id__c/S-1", {"Title": "Dr."}) == 200
    assert sf.Contact.upsert("External_Id__c/S-2", {"LastName": "Second"}) == 201
    shown = sf.Contact.get_by_custom_id("External_Id__c", "S-1")
    assert (shown["FirstName"], shown["Title"], shown["npi__c"]) == ("Mai", "Dr.", "0000000042")
    truth = {record["External_Id__c"]: record for record in org.truth()}
    assert truth["S-2"]["LastName"] == "Second"
    assert truth["S-1"]["DoNotCall"]
    assert sf.Contact.delete(made["id"]) == 204
    with pytest.raises(SalesforceResourceNotFound):
        sf.Contact.get(made["id"])
    with pytest.raises(SalesforceMalformedRequest, match="REQUIRED_FIELD_MISSING"):
        sf.Contact.create({"FirstName": "x"})


def test_an_ambiguous_external_id(org: Org, sf: Any) -> None:
    first, second = (record["Id"] for record in org.truth()[:2])
    for identity in (first, second):
        org.admin("PATCH", f"/records/Contact/{identity}", {"External_Id__c": "same"})
    with pytest.raises(SalesforceMoreThanOneRecord, match=first):
        sf.Contact.upsert("External_Id__c/same", {"Title": "x"})


def test_bulk_query_in_several_pages(org: Org, sf: Any) -> None:
    soql = "SELECT Id, LastName FROM Contact"
    pages = list(sf.bulk2.Contact.query(soql, max_records=110, wait=0.05))
    rows = [row for page in pages for row in csv_rows(page)]
    assert [len(csv_rows(page)) for page in pages] == [110, 110, 80]
    assert [(r["Id"], r["LastName"]) for r in rows] == [
        (r["Id"], r["LastName"]) for r in org.truth()
    ]


def test_bulk_download(org: Org, sf: Any, tmp_path: Path) -> None:
    soql = "SELECT Id, Description FROM Contact"
    files = sf.bulk2.Contact.download(soql, path=str(tmp_path), max_records=200, wait=0.05)
    assert [each["number_of_records"] for each in files] == [200, 100]
    rows = [row for each in files for row in csv_rows(Path(each["file"]).read_bytes().decode())]
    assert {r["Id"]: r["Description"] for r in rows} == {
        # this client leaves NUL bytes out
        r["Id"]: (r["Description"] or "").replace("\x00", "")
        for r in org.truth()
    }


def test_bulk_upsert(org: Org, sf: Any) -> None:
    known = org.truth()[0]
    records = [
        {"External_Id__c": known["External_Id__c"], "LastName": "Changed", "FirstName": "#N/A"},
        {"External_Id__c": "SS-1", "LastName": 'new "one", 😀', "FirstName": ""},
        {"External_Id__c": "SS-2", "LastName": "", "FirstName": "Without a last name"},
    ]
    (done,) = sf.bulk2.Contact.upsert(
        records=records, external_id_field="External_Id__c", wait=0.05
    )
    assert (done["numberRecordsTotal"], done["numberRecordsFailed"]) == (3, 1)
    failed = csv_rows(sf.bulk2.Contact.get_failed_records(done["job_id"]))
    assert [row["External_Id__c"] for row in failed] == ["SS-2"]
    assert failed[0]["sf__Error"].startswith("REQUIRED_FIELD_MISSING:")
    good = csv_rows(sf.bulk2.Contact.get_successful_records(done["job_id"]))
    assert {row["External_Id__c"]: row["sf__Created"] for row in good} == {
        known["External_Id__c"]: "false",
        "SS-1": "true",
    }
    assert csv_rows(sf.bulk2.Contact.get_unprocessed_records(done["job_id"])) == []
    truth = {record["External_Id__c"]: record for record in org.truth()}
    assert truth[known["External_Id__c"]]["LastName"] == "Changed"
    assert truth[known["External_Id__c"]]["FirstName"] is None
    assert truth["SS-1"]["LastName"] == 'new "one", 😀'


def test_an_expired_session(org: Org, sf: Any) -> None:
    org.admin("DELETE", "/tokens")
    with pytest.raises(SalesforceExpiredSession):
        sf.query("SELECT Id FROM Contact")
