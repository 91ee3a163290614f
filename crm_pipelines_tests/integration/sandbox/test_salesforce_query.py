"""REST queries over several pages."""

from __future__ import annotations

import pytest

from crm_pipelines_tests.salesforce_org import Org


def test_pages_hold_every_record_once(org: Org) -> None:
    org.limit(rest_page_rows=70)
    first = org.get("/query/", q="SELECT Id FROM Contact")
    assert len(first["records"]) == 70
    assert first["totalSize"] == 300
    assert not first["done"]
    assert first["nextRecordsUrl"].startswith("/services/data/v64.0/query/01g")
    ids = [record["Id"] for record in org.query("SELECT Id FROM Contact")]
    assert len(ids) == len(set(ids)) == 300
    assert first["records"][0]["attributes"] == {
        "type": "Contact",
        "url": f"/services/data/v64.0/sobjects/Contact/{ids[0]}",
    }


def test_the_caller_may_want_smaller_pages(org: Org) -> None:
    headers = {"Sforce-Query-Options": "batchSize=45"}
    answer = org.send("GET", "/query", params={"q": "SELECT Id FROM Contact"}, headers=headers)
    assert len(answer.json()["records"]) == 45


def test_a_cursor_keeps_its_records_while_others_come_and_go(org: Org) -> None:
    org.limit(rest_page_rows=100)
    page = org.get("/query", q="SELECT Id, LastName FROM Contact ORDER BY Id")
    last = org.truth()[-1]["Id"]
    org.admin("POST", "/records/Contact", {"LastName": "Later"})
    org.admin("PATCH", f"/records/Contact/{last}", {"LastName": "Changed"})
    records = page["records"]
    while not page["done"]:
        page = org.get(page["nextRecordsUrl"])
        records.extend(page["records"])
    assert len(records) == 300
    assert records[-1]["LastName"] == "Changed"


def test_cursors_end_after_two_days(org: Org) -> None:
    org.limit(rest_page_rows=100, session_seconds=10**6)
    page = org.get("/query", q="SELECT Id FROM Contact")
    org.advance(days=2, seconds=-60)
    assert len(org.get(page["nextRecordsUrl"])["records"]) == 100
    org.advance(seconds=61)
    refused = org.refused("GET", page["nextRecordsUrl"])
    assert refused == (400, "INVALID_QUERY_LOCATOR", "invalid query locator")
    for locator in ("01gNOTHING-100", "01g", "x-y", page["nextRecordsUrl"][-20:-4] + "-9999"):
        assert org.refused("GET", f"/query/{locator}")[1] == "INVALID_QUERY_LOCATOR"


def test_deleted_records_only_with_query_all(org: Org) -> None:
    gone = org.truth()[3]["Id"]
    org.admin("DELETE", f"/records/Contact/{gone}")
    soql = "SELECT Id, IsDeleted FROM Contact"
    assert gone not in {record["Id"] for record in org.query(soql)}
    shown = {record["Id"]: record["IsDeleted"] for record in org.query(soql, "/queryAll")}
    assert len(shown) == 300
    assert [identity for identity, deleted in shown.items() if deleted] == [gone]
    assert [r["Id"] for r in org.query(f"{soql} WHERE IsDeleted = true", "/queryAll")] == [gone]


def test_numbers_keep_all_their_digits(org: Org) -> None:
    wish = {"LastName": "Exact", "Lifetime_Value__c": "1234567890.12345678"}
    made = org.admin("POST", "/records/Contact", wish)
    path = f"/sobjects/Contact/{made['Id']}"
    assert '"Lifetime_Value__c":1234567890.12345678' in org.send("GET", path).text


def test_a_short_page_lacks_what_it_promises(org: Org) -> None:
    org.sandbox.fault("short_page", path="/query")
    page = org.get("/query", q="SELECT Id FROM Contact")
    assert page["totalSize"] == 300
    assert page["done"]
    assert len(page["records"]) == 270


@pytest.mark.parametrize(
    "condition",
    [
        "LastName = 'x' LIMIT 99999999999999999999",
        "CreatedDate = LAST_N_DAYS:999999999",
        "CreatedDate = LAST_N_YEARS:9999",
        "CreatedDate > 0001-01-01T00:00:00+12:00",
        "CreatedDate > 9999-12-31T23:59:59-12:00",
        "LastName = 'x\\'",
        "LastName IN ()",
        "LastName IN (SELECT LastName FROM Contact)",
        "Id IN (SELECT Id, AccountId FROM Contact)",
        "COUNT(Id) > 1",
        "MailingAddress = null",
        "\x00",
        "LastName LIKE 5",
        "Id LIKE '003%'",
    ],
)
def test_conditions_that_make_no_sense(shared_org: Org, condition: str) -> None:
    params = {"q": f"SELECT Id FROM Contact WHERE {condition}"}
    answer = shared_org.send("GET", "/query", params=params)
    assert answer.status_code == 400, answer.text
    assert answer.json()[0]["message"]


def test_what_even_the_server_cannot_bear(shared_org: Org) -> None:
    params = {"q": f"SELECT Id FROM Contact WHERE LastName LIKE '{'%a' * 30_000}'"}
    wish = {"operation": "query", "query": params["q"]}
    answer = shared_org.send("POST", "/jobs/query", json=wish)
    assert answer.status_code == 200
    job = f"/jobs/query/{answer.json()['id']}"
    assert shared_org.get(job)["state"] == "Failed"
    deep = shared_org.refused("POST", "/jobs/query", content=b"[" * 100_000)
    assert deep[:2] == (400, "JSON_PARSER_ERROR")
