"""Bulk API 2.0 ingest jobs."""

from __future__ import annotations

import pytest

from crm_pipelines_tests.salesforce_org import Org, csv_rows


def results(org: Org, path: str, sign: str = ",") -> dict[str, list[dict[str, str]]]:
    org.finish(path)
    names = ("successfulResults", "failedResults", "unprocessedrecords")
    return {name: csv_rows(org.send("GET", f"{path}/{name}/").text, sign) for name in names}


def test_upsert(org: Org) -> None:
    known = next(record for record in org.truth() if record["FirstName"] and record["Email"])
    data = (
        "External_Id__c,LastName,FirstName,Email,Birthdate\n"
        f"{known['External_Id__c']},,#N/A,,1970-01-31\n"
        'B-1,"two\nlines, ""quoted""\r\n\u2028",,b@b.org,\n'
        "B-2,,,,\n"
        "B-3,Name,,,31.01.1970\n"
        "B-1,Twice,,,\n"
        "too,short\n"
    )
    path = org.ingest("upsert", data, "External_Id__c")
    got = results(org, path)
    good = {row["External_Id__c"]: row for row in got["successfulResults"]}
    assert good[known["External_Id__c"]]["sf__Id"] == known["Id"]
    assert (good["B-1"]["sf__Created"], good["B-1"]["Email"]) == ("true", "b@b.org")
    errors = [(row["External_Id__c"], row["sf__Error"]) for row in got["failedResults"]]
    assert errors[:3] == [
        ("B-2", "REQUIRED_FIELD_MISSING:Required fields are missing: [LastName]:LastName --"),
        ("B-3", "INVALID_TYPE_ON_FIELD_IN_RECORD:value not of required type: --"),
        ("B-1", "DUPLICATE_VALUE:Duplicate external id specified: B-1:External_Id__c --"),
    ]
    assert errors[3][1].startswith("INVALID_CSV_ROW:")
    assert got["unprocessedrecords"] == []
    shown = org.get(path)
    assert (shown["numberRecordsProcessed"], shown["numberRecordsFailed"]) == (6, 4)
    truth = {record["External_Id__c"]: record for record in org.truth()}
    changed = truth[known["External_Id__c"]]
    assert (changed["FirstName"], changed["Birthdate"]) == (None, "1970-01-31")
    assert (changed["LastName"], changed["Email"]) == (known["LastName"], known["Email"])
    assert truth["B-1"]["LastName"] == 'two\nlines, "quoted"'


def test_the_last_of_two_in_different_chunks_wins(org: Org) -> None:
    rows = [f"K-{number},Name {number}\n" for number in range(250)]
    data = "External_Id__c,LastName\n" + "".join(rows) + "K-0,Later\n"
    got = results(org, org.ingest("upsert", data, "External_Id__c"))
    assert len(got["successfulResults"]) == 251
    truth = {record["External_Id__c"]: record["LastName"] for record in org.truth()}
    assert truth["K-0"] == "Later"
    assert truth["K-249"] == "Name 249"


def test_insert_update_delete_and_parents(org: Org) -> None:
    account = org.truth("Account")[1]
    data = f"LastName,Account.External_Id__c\r\nBulk,{account['External_Id__c']}\r\n"
    made = results(org, org.ingest("insert", data, lineEnding="CRLF"))["successfulResults"][0]
    identity = made["sf__Id"]
    assert org.get(f"/sobjects/Contact/{identity}")["AccountId"] == account["Id"]
    data = f"Id|Title\n{identity}|Dr.\n|None\n003000000000000AAA|Gone\n"
    got = results(org, org.ingest("update", data, columnDelimiter="PIPE"), "|")
    assert [row["sf__Error"].split(":")[0] for row in got["failedResults"]] == [
        "MISSING_ARGUMENT",
        "NOT_FOUND",
    ]
    assert org.get(f"/sobjects/Contact/{identity}")["Title"] == "Dr."
    assert results(org, org.ingest("delete", f"Id\n{identity}\n"))["failedResults"] == []
    assert identity in {record["Id"] for record in org.truth(deleted=True)}
    results(org, org.ingest("hardDelete", f"Id\n{identity}\n"))
    assert identity not in {record["Id"] for record in org.truth(deleted=True)}


@pytest.mark.parametrize(
    ("data", "more", "message"),
    [
        ("External_Id__c,LastName\r\nX,Y\r\n", {}, "LineEnding is invalid on user data"),
        ("External_Id__c,LastName\nX,Y\n", {"lineEnding": "CRLF"}, "LineEnding is invalid"),
        ("External_Id__c,Nope\nX,Y\n", {}, "Field name not found : Nope"),
        ("LastName\nY\n", {}, "Field name not found : External_Id__c"),
        ("", {}, "no header row"),
    ],
)
def test_files_that_fail_the_job(org: Org, data: str, more: dict[str, str], message: str) -> None:
    path = org.ingest("upsert", data, "External_Id__c", **more)
    shown = org.get(path)
    assert shown["state"] == "Failed"
    assert message in shown["errorMessage"]
    left = csv_rows(org.send("GET", f"{path}/unprocessedRecords").text)
    assert len(left) == (1 if data else 0)
    assert len(org.truth()) == 300


def test_the_life_of_a_job(org: Org) -> None:
    wish = {"object": "Contact", "operation": "insert"}
    job = org.send("POST", "/jobs/ingest", json=wish).json()
    path = f"/jobs/ingest/{job['id']}"
    assert job["state"] == "Open"
    assert job["contentUrl"] == f"services/data/v64.0{path}/batches"
    assert org.refused("GET", f"{path}/successfulResults")[1] == "INVALIDJOBSTATE"
    pieces = iter([b"LastName\nOn", b"e\n"])
    assert org.send("PUT", f"{path}/batches", content=pieces).status_code == 201
    again = org.refused("PUT", f"{path}/batches", content=b"LastName\nTwo\n")
    assert again[1] == "CLIENTINPUTERROR"
    assert org.get(path)["state"] == "Open"
    assert org.refused("DELETE", path)[0] == 400
    assert org.refused("PATCH", path, json={"state": "JobComplete"})[1] == "INVALIDJOBSTATE"
    org.send("PATCH", path, json={"state": "UploadComplete"})
    org.finish(path)
    assert org.refused("PUT", f"{path}/batches", content=b"x")[1] == "INVALIDJOBSTATE"
    assert [record["LastName"] for record in org.truth()][-1] == "One"
    assert org.get("/jobs/ingest")["records"][0]["id"] == job["id"]
    assert org.send("DELETE", path).status_code == 204
    assert org.refused("GET", path)[0] == 404
    assert list((org.sandbox.home / "salesforce").iterdir()) == []


def test_an_aborted_job_writes_nothing(org: Org) -> None:
    wish = {"object": "Contact", "operation": "insert"}
    job = org.send("POST", "/jobs/ingest", json=wish).json()
    path = f"/jobs/ingest/{job['id']}"
    org.send("PUT", f"{path}/batches", content=b"LastName\nOne\n")
    assert org.send("PATCH", path, json={"state": "Aborted"}).json()["state"] == "Aborted"
    assert org.refused("PATCH", path, json={"state": "UploadComplete"})[0] == 400
    assert len(org.truth()) == 300


@pytest.mark.parametrize(
    ("wish", "code"),
    [
        ({"object": "Contact", "operation": "merge"}, "INVALIDJOB"),
        ({"object": "Nope", "operation": "insert"}, "NOT_FOUND"),
        ({"object": "Contact", "operation": "upsert"}, "INVALIDJOB"),
        (
            {"object": "Contact", "operation": "upsert", "externalIdFieldName": "LastName"},
            "NOT_FOUND",
        ),
    ],
)
def test_jobs_that_make_no_sense(shared_org: Org, wish: dict[str, str], code: str) -> None:
    assert shared_org.refused("POST", "/jobs/ingest", json=wish)[1] == code
