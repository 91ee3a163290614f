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
        ("External_Id__c,LastName\nX,Y\nX,Z\r\n", {}, "LineEnding is invalid"),
        ('External_Id__c,LastName\nX,"Y\n', {}, "EOF reached before closing"),
        ("External_Id__c,LastName,lastname\nX,Y,Z\n", {}, "Duplicate field name : LastName"),
        ("External_Id__c" + ",A" * 5_000 + "\n", {}, "Too many fields: 5001"),
    ],
)
def test_files_that_fail_the_job(org: Org, data: str, more: dict[str, str], message: str) -> None:
    path = org.ingest("upsert", data, "External_Id__c", **more)
    shown = org.get(path)
    assert shown["state"] == "Failed"
    assert message in shown["errorMessage"]
    left = csv_rows(org.send("GET", f"{path}/unprocessedRecords").text)
    assert len(left) == len(csv_rows(data))
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


def test_quotes_enclose_whole_values(org: Org) -> None:
    data = (
        'External_Id__c,LastName\nQ-1, "before"\nQ-2,"behind" \nQ-3,with"in"\nQ-4," ""sound"" "\n'
        'Q-5, "two\nlines"\nQ-6,sound\n'
    )
    got = results(org, org.ingest("upsert", data, "External_Id__c"))
    assert [row["External_Id__c"] for row in got["successfulResults"]] == ["Q-4", "Q-6"]
    errors = [row["sf__Error"].split(":")[0] for row in got["failedResults"]]
    assert errors == ["INVALID_CSV_ROW"] * 4
    assert org.truth()[-2]["LastName"] == '"sound"'


def test_rows_that_are_too_large(org: Org) -> None:
    described = org.get("/sobjects/Contact/describe")["fields"]
    texts = [f["name"] for f in described if f["type"] == "string" and f["createable"]]
    fields = [name for name in texts if name not in ("LastName", "External_Id__c")][:14]
    data = ",".join(["External_Id__c", "LastName", *fields]) + "\n"
    data += f"L-1,{'x' * 32_001}" + "," * len(fields) + "\n"
    data += "L-2,Name," + ",".join(["x" * 31_000] * len(fields)) + "\n"
    data += f"L-3,{'x' * 140_000}" + "," * len(fields) + "\n"
    got = results(org, org.ingest("upsert", data, "External_Id__c"))
    errors = {row["External_Id__c"]: row["sf__Error"] for row in got["failedResults"]}
    assert errors["L-1"].startswith("STRING_TOO_LONG:Field is longer than 32000")
    assert errors["L-2"].startswith("STRING_TOO_LONG:Record is longer than 400000")
    assert errors["L-3"].startswith("STRING_TOO_LONG:Field")


def test_children_of_one_parent_in_different_batches(org: Org) -> None:
    org.limit(ingest_parent_locks=1, bulk_batch_rows=2)
    first, second = (record["External_Id__c"] for record in org.truth("Account")[:2])
    parents = [first, second, first, second, second, "#N/A"]
    rows = [f"N-{number},Name,{parent}\n" for number, parent in enumerate(parents)]
    data = "External_Id__c,LastName,Account.External_Id__c\n" + "".join(rows)
    got = results(org, org.ingest("upsert", data, "External_Id__c"))
    locked = {row["External_Id__c"]: row["sf__Error"] for row in got["failedResults"]}
    codes = {key: error.split(":")[0] for key, error in locked.items()}
    assert codes == {
        **dict.fromkeys(("N-2", "N-3", "N-4"), "UNABLE_TO_LOCK_ROW"),
        "N-5": "INVALID_FIELD",  # nothing has no external id
    }
    assert locked["N-2"].startswith("UNABLE_TO_LOCK_ROW:unable to obtain exclusive access")
    alone = [row for row, parent in zip(rows, parents, strict=True) if parent == first]
    again = "External_Id__c,LastName,Account.External_Id__c\n" + "".join(alone)
    assert results(org, org.ingest("upsert", again, "External_Id__c"))["failedResults"] == []


def test_an_external_id_that_two_records_have(org: Org) -> None:
    first, second = org.truth()[:2]
    for record in (first, second):
        org.admin("PATCH", f"/records/Contact/{record['Id']}", {"External_Id__c": "Both"})
    data = "External_Id__c,LastName\nBoth,Name\n"
    got = results(org, org.ingest("upsert", data, "External_Id__c"))
    assert got["failedResults"][0]["sf__Error"].startswith("DUPLICATE_EXTERNAL_ID:")


def test_a_job_that_fails_half_way_keeps_what_it_did(org: Org) -> None:
    org.limit(ingest_jobs_to_fail=1)
    rows = [f"H-{number},Name {number}\n" for number in range(450)]
    path = org.ingest("upsert", "External_Id__c,LastName\n" + "".join(rows), "External_Id__c")
    shown = org.get(path)
    assert shown["state"] == "Failed"
    assert shown["errorMessage"].startswith("TooManyLockFailure")
    assert (shown["numberRecordsProcessed"], shown["numberRecordsFailed"]) == (200, 0)
    left = csv_rows(org.send("GET", f"{path}/unprocessedrecords").text)
    assert [row["External_Id__c"] for row in left] == [f"H-{n}" for n in range(200, 450)]
    assert len(org.truth()) == 500


def test_files_that_are_too_large(org: Org) -> None:
    org.limit(bulk_upload_bytes=40)
    job = org.send("POST", "/jobs/ingest", json={"object": "Contact", "operation": "insert"}).json()
    path = "/" + job["contentUrl"]
    refused = org.refused("PUT", path, content=b"LastName\n" + b"x" * 22)
    assert refused[:2] == (400, "CLIENTINPUTERROR")
    assert org.send("PUT", path, content=b"LastName\n" + b"x" * 21).status_code == 201


def test_a_job_deleted_while_it_works(org: Org) -> None:
    rows = "".join(f"Name {number}\n" for number in range(2_000))
    path = org.ingest("insert", "LastName\n" + rows)
    assert org.send("DELETE", path).status_code == 204
    assert org.refused("GET", path)[0] == 404
