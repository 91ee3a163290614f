"""Bulk API 2.0 query jobs: what they hold, how they page, how they end."""

from __future__ import annotations

from typing import Any

import pytest

from crm_pipelines_tests.salesforce_org import Org, csv_rows


def plain(value: Any) -> str:
    """A value of the truth as a bulk file spells it, numbers apart."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value).replace("+0000", "Z") if str(value).endswith(".000+0000") else str(value)


def bulk_fields(org: Org, name: str) -> list[dict[str, Any]]:
    fields = org.get(f"/sobjects/{name}/describe")["fields"]
    return [f for f in fields if f["type"] not in {"address", "location", "base64"}]


@pytest.mark.parametrize("name", ["Contact", "Account", "Opportunity", "User", "Provider__c"])
def test_every_field_of_every_record(org: Org, name: str) -> None:
    fields = bulk_fields(org, name)
    rows = org.bulk(f"SELECT {', '.join(f['name'] for f in fields)} FROM {name}")
    truth = {record["Id"]: record for record in org.truth(name)}
    assert len(rows) == len(truth)
    for row in rows:
        record = truth[row["Id"]]
        for field in fields:
            told, known = row[field["name"]], record[field["name"]]
            if isinstance(known, int | float) and not isinstance(known, bool):
                assert float(told) == known
            elif field["type"] == "datetime" and known:
                assert told == known[:-5] + "Z"
            else:
                assert told == plain(known), field["name"]


def test_a_job_as_it_is_made_and_polled(org: Org) -> None:
    org.limit(bulk_polls_until_complete=3)
    wish = {"operation": "query", "query": "SELECT Id FROM Contact"}
    made = org.send("POST", "/jobs/query", json=wish).json()
    assert made["id"].startswith("750")
    assert made["apiVersion"] == 64.0
    assert {k: made[k] for k in ("operation", "object", "state", "concurrencyMode")} == {
        "operation": "query",
        "object": "Contact",
        "state": "UploadComplete",
        "concurrencyMode": "Parallel",
    }
    path = f"/jobs/query/{made['id']}"
    assert org.send("GET", f"{path}/results").status_code == 204
    states = [org.get(path)["state"] for _ in range(3)]
    assert states == ["InProgress", "InProgress", "JobComplete"]
    shown = org.get(path)
    assert shown["jobType"] == "V2Query"
    assert shown["numberRecordsProcessed"] == 300
    assert org.get("/jobs/query")["records"] == [shown]


def test_jobs_whose_ids_differ_in_case_alone_are_two(org: Org) -> None:
    wish = {"operation": "query", "query": "SELECT Id FROM Contact"}
    made = [org.send("POST", "/jobs/query", json=wish).json()["id"] for _ in range(70)]
    assert len({id_[:15].lower() for id_ in made}) < len(made)
    assert [org.get(f"/jobs/query/{id_}")["id"] for id_ in made] == made
    assert [org.get(f"/jobs/query/{id_[:15]}")["id"] for id_ in made] == made


def test_a_job_may_take_its_time_by_the_clock(org: Org) -> None:
    org.limit(bulk_seconds_until_complete=60)
    wish = {"operation": "query", "query": "SELECT Id FROM Contact"}
    path = f"/jobs/query/{org.send('POST', '/jobs/query', json=wish).json()['id']}"
    assert org.get(path)["state"] == "InProgress"
    org.advance(seconds=61)
    assert org.get(path)["state"] == "JobComplete"


def test_results_are_those_of_the_moment_the_job_was_made(org: Org) -> None:
    truth = org.truth()
    wish = {"operation": "query", "query": "SELECT Id, LastName FROM Contact"}
    made = org.send("POST", "/jobs/query", json=wish).json()
    org.admin("PATCH", f"/records/Contact/{truth[0]['Id']}", {"LastName": "Later"})
    org.admin("DELETE", f"/records/Contact/{truth[1]['Id']}")
    org.admin("POST", "/records/Contact", {"LastName": "New"})
    job = org.finish(f"/jobs/query/{made['id']}")
    rows = [row for page in org.pages(job) for row in csv_rows(page.text)]
    assert {(r["Id"], r["LastName"]) for r in rows} == {(r["Id"], r["LastName"]) for r in truth}


def test_pages_and_their_headers(org: Org) -> None:
    job = org.job("SELECT Id FROM Contact")
    pages = list(org.pages(job, maxRecords=140))
    assert [page.headers["Sforce-NumberOfRecords"] for page in pages] == ["140", "140", "20"]
    assert pages[-1].headers["Sforce-Locator"] == "null"
    assert all(page.text.startswith('"Id"\n') for page in pages)
    assert all(page.headers["content-type"].startswith("text/csv") for page in pages)
    ids = [row["Id"] for page in pages for row in csv_rows(page.text)]
    assert sorted(ids) == sorted(record["Id"] for record in org.truth())
    again = org.send(
        "GET",
        f"/jobs/query/{job}/results",
        params={"locator": pages[0].headers["Sforce-Locator"], "maxRecords": 140},
    )
    assert again.content == pages[1].content


def test_a_ceiling_above_what_was_asked(org: Org) -> None:
    org.limit(bulk_page_rows=100)
    job = org.job("SELECT Id FROM Contact")
    assert len(list(org.pages(job, maxRecords=100_000))) == 3
    assert len(list(org.pages(job))) == 3


def test_no_rows_is_a_header(org: Org) -> None:
    job = org.job("SELECT Id, Name FROM Contact WHERE LastName = 'nobody at all'")
    (page,) = org.pages(job)
    assert page.text == '"Id","Name"\n'
    assert page.headers["Sforce-NumberOfRecords"] == "0"
    assert len(org.get(f"/jobs/query/{job}/resultPages")["resultPages"]) == 1


def test_pages_side_by_side(org: Org) -> None:
    org.limit(bulk_page_rows=25)
    job = org.job("SELECT Id FROM Contact")
    page, addresses = org.get(f"/jobs/query/{job}/resultPages"), []
    sizes = []
    for _ in range(10):
        sizes.append(len(page["resultPages"]))
        addresses += [each["resultUrl"] for each in page["resultPages"]]
        if page["done"]:
            break
        page = org.get(page["nextRecordsUrl"])
    assert sizes == [5, 5, 2]
    ids = [row["Id"] for url in reversed(addresses) for row in csv_rows(org.send("GET", url).text)]
    assert sorted(ids) == sorted(record["Id"] for record in org.truth())


def test_result_pages_need_a_version_that_has_them(org: Org) -> None:
    older = Org(org.sandbox, org.client, "57.0")
    job = older.job("SELECT Id FROM Contact")
    assert older.refused("GET", f"/jobs/query/{job}/resultPages")[:2] == (404, "NOT_FOUND")


def test_query_jobs_need_a_version_that_has_them(org: Org) -> None:
    wish = {"operation": "query", "query": "SELECT Id FROM Contact"}
    for version, status in (("46.0", 404), ("47.0", 200)):
        path = f"/services/data/v{version}/jobs/query"
        assert org.send("POST", path, json=wish).status_code == status


def test_jobs_are_listed_by_their_kind(org: Org) -> None:
    job = org.job("SELECT Id FROM Contact")
    for wanted, found in (("V2Query", [job]), ("Classic", [])):
        records = org.get("/jobs/query", jobType=wanted)["records"]
        assert [one["id"] for one in records] == found
    assert org.get("/jobs/query", concurrencyMode="Serial")["records"] == []


def test_results_want_the_version_of_the_job(org: Org) -> None:
    job = org.job("SELECT Id FROM Contact")
    for path in ("results", "resultPages"):
        wrong = f"/services/data/v63.0/jobs/query/{job}/{path}"
        assert org.refused("GET", wrong)[0] == 409


def test_gzip_when_asked(org: Org) -> None:
    path = f"/jobs/query/{org.job('SELECT Id, Description FROM Contact')}/results"
    packed = org.send("GET", path, headers={"Accept-Encoding": "gzip"})
    plain_one = org.send("GET", path, headers={"Accept-Encoding": "br"})
    assert packed.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain_one.headers
    assert "content-length" not in packed.headers
    assert packed.content == plain_one.content


@pytest.mark.parametrize(("name", "sign"), [("TAB", "\t"), ("PIPE", "|"), ("BACKQUOTE", "`")])
def test_dialects(org: Org, name: str, sign: str) -> None:
    more = {"columnDelimiter": name, "lineEnding": "CRLF"}
    job = org.job("SELECT Id, LastName FROM Contact", **more)
    (page,) = org.pages(job)
    assert page.text.startswith(f'"Id"{sign}"LastName"\r\n"003')


def test_date_times_in_both_spellings(org: Org) -> None:
    assert org.bulk("SELECT SystemModstamp FROM Contact")[0]["SystemModstamp"].endswith(".000Z")
    org.limit(z_datetimes=0)
    row = org.bulk("SELECT SystemModstamp, Birthdate FROM Contact WHERE Birthdate != null")[0]
    assert row["SystemModstamp"].endswith(".000+0000")
    assert len(row["Birthdate"]) == 10


@pytest.mark.parametrize(
    ("soql", "code", "word"),
    [
        ("SELECT COUNT() FROM Contact", "API_ERROR", "Aggregate"),
        ("SELECT COUNT(Id) FROM Contact", "API_ERROR", "Aggregate"),
        ("SELECT LastName FROM Contact GROUP BY LastName", "API_ERROR", "Aggregate"),
        ("SELECT Id FROM Contact OFFSET 5", "API_ERROR", "OFFSET"),
        ("SELECT FIELDS(ALL) FROM Contact LIMIT 5", "API_ERROR", "FIELDS"),
        ("SELECT MailingAddress FROM Contact", "API_ERROR", "Selecting compound data not"),
        ("SELECT Practice_Location__c FROM Contact", "API_ERROR", "compound data not supported"),
        ("SELECT Body FROM Attachment", "API_ERROR", "Binary"),
        ("SELECT Id, (SELECT Id FROM Contacts) FROM Account", "API_ERROR", "Nested"),
        ("SELECT Nope FROM Contact", "INVALID_FIELD", "No such column"),
        ("nonsense", "MALFORMED_QUERY", "unexpected"),
    ],
)
def test_queries_that_bulk_refuses(shared_org: Org, soql: str, code: str, word: str) -> None:
    wish = {"operation": "query", "query": soql}
    status, found, message = shared_org.refused("POST", "/jobs/query", json=wish)
    assert (status, found) == (400, code)
    assert word in message


@pytest.mark.parametrize(
    "wish",
    [
        {},
        {"operation": "insert", "query": "SELECT Id FROM Contact"},
        {"operation": "query"},
        {"operation": "query", "query": "SELECT Id FROM Contact", "lineEnding": "CR"},
        {"operation": "query", "query": "SELECT Id FROM Contact", "columnDelimiter": ";"},
        {"operation": "query", "query": "SELECT Id FROM Contact", "contentType": "JSON"},
    ],
)
def test_jobs_that_make_no_sense(shared_org: Org, wish: dict[str, str]) -> None:
    assert shared_org.refused("POST", "/jobs/query", json=wish)[:2] == (400, "INVALIDJOB")


def test_bodies_that_are_no_json_objects(shared_org: Org) -> None:
    for body in (b"", b"{", b"[]", b'"x"', b"\xff", b'{"a":"\\ud800"}'):
        refused = shared_org.refused("POST", "/jobs/query", content=body)
        assert refused[:2] == (400, "JSON_PARSER_ERROR")


def test_parents_in_bulk(org: Org) -> None:
    accounts = {account["Id"]: account["Name"] for account in org.truth("Account")}
    truth = {record["Id"]: record for record in org.truth()}
    for row in org.bulk("SELECT Id, Account.Name FROM Contact ORDER BY Id LIMIT 50"):
        assert row["Account.Name"] == accounts.get(truth[row["Id"]]["AccountId"], "")


def test_a_failing_job_says_why(org: Org) -> None:
    org.limit(bulk_jobs_to_fail=1)
    wish = {"operation": "query", "query": "SELECT Id FROM Contact"}
    path = f"/jobs/query/{org.send('POST', '/jobs/query', json=wish).json()['id']}"
    shown = org.get(path)
    assert shown["state"] == "Failed"
    assert "Retried more than" in shown["errorMessage"]
    assert org.send("GET", f"{path}/results").status_code == 204
    org.job("SELECT Id FROM Contact")


def test_abort_and_delete(org: Org) -> None:
    org.limit(bulk_polls_until_complete=100)
    wish = {"operation": "query", "query": "SELECT Id FROM Contact"}
    path = f"/jobs/query/{org.send('POST', '/jobs/query', json=wish).json()['id']}"
    refused = org.refused("DELETE", path)
    assert refused[0] == 400
    assert refused[2].endswith("the job is not terminated")
    assert org.send("PATCH", path, json={"state": "Aborted"}).json()["state"] == "Aborted"
    assert org.refused("PATCH", path, json={"state": "Aborted"})[1] == "INVALIDJOBSTATE"
    assert org.get(path)["state"] == "Aborted"
    deleted = org.send("DELETE", path)
    assert (deleted.status_code, deleted.content) == (204, b"")
    assert org.refused("GET", path)[:2] == (404, "NOT_FOUND")


def test_jobs_are_forgotten_after_seven_days(org: Org) -> None:
    org.limit(session_seconds=10**7)
    path = f"/jobs/query/{org.job('SELECT Id FROM Contact')}"
    org.advance(days=7, seconds=-60)
    assert org.send("GET", f"{path}/results").status_code == 200
    org.advance(seconds=61)
    assert org.refused("GET", f"{path}/results")[0] == 404
    org.job("SELECT Id FROM Contact")
    left = {each.name for each in (org.sandbox.home / "salesforce").iterdir()}
    assert len(left) == 2


def test_so_many_jobs_a_day(org: Org) -> None:
    org.limit(bulk_query_jobs_daily=1)
    org.job("SELECT Id FROM Contact")
    wish = {"operation": "query", "query": "SELECT Id FROM Contact"}
    assert org.refused("POST", "/jobs/query", json=wish)[1] == "LIMIT_EXCEEDED"


def test_locators_of_other_jobs_lead_nowhere(org: Org) -> None:
    first, second = org.job("SELECT Id FROM Contact"), org.job("SELECT Name FROM Contact")
    page = next(org.pages(first, maxRecords=10))
    for locator in (page.headers["Sforce-Locator"], "x", "é", "", "AAAA"):
        refused = org.refused("GET", f"/jobs/query/{second}/results", params={"locator": locator})
        assert refused[:2] == (400, "INVALID_QUERY_LOCATOR")
    assert org.refused("GET", f"/jobs/query/{first}/results?maxRecords=0")[0] == 400


def test_a_short_page_lacks_rows_it_counts(org: Org) -> None:
    job = org.job("SELECT Id FROM Contact")
    org.sandbox.fault("short_page", path="/results")
    page = next(org.pages(job, maxRecords=100))
    assert page.headers["Sforce-NumberOfRecords"] == "100"
    assert len(csv_rows(page.text)) == 90
    assert len(csv_rows(next(org.pages(job, maxRecords=100)).text)) == 100


def test_deleted_records_only_with_query_all(org: Org) -> None:
    gone = org.truth()[3]["Id"]
    org.admin("DELETE", f"/records/Contact/{gone}")
    assert gone not in {row["Id"] for row in org.bulk("SELECT Id FROM Contact")}
    rows = org.bulk("SELECT Id, IsDeleted FROM Contact", "queryAll")
    assert [row["Id"] for row in rows if row["IsDeleted"] == "true"] == [gone]
    assert len(rows) == 300
