"""Results that are kept between jobs: never older than the data, and as strict as fresh ones."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from crm_pipelines_tests.salesforce_org import Org, csv_rows, logged_in, running_org
from crm_pipelines_tests.sandbox_process import running_sandbox

NAMES = "SELECT Id, LastName, Account.Name FROM Contact"
EVERY = "SELECT Id, IsDeleted FROM Contact"


def kept(org: Org) -> set[int]:
    """What is kept, by file: a job's results and kept ones are one file with two names."""
    return {each.stat().st_ino for each in (org.sandbox.home / "salesforce/prepared").iterdir()}


def names(org: Org, soql: str = NAMES, operation: str = "query") -> dict[str, dict[str, str]]:
    return {row.pop("Id"): row for row in org.bulk(soql, operation)}


def test_the_same_query_is_prepared_once(org: Org) -> None:
    first, again = org.job(NAMES), org.job(NAMES)
    pages = [[page.content for page in org.pages(job, maxRecords=70)] for job in (first, again)]
    assert pages[0] == pages[1]
    assert len(kept(org)) == 1
    org.send("DELETE", f"/jobs/query/{first}")
    assert [page.content for page in org.pages(again, maxRecords=70)] == pages[0]


@pytest.mark.parametrize(
    "soql",
    [
        f"{NAMES} LIMIT 5",
        f"{NAMES} WHERE LastName > 'M'",
        "SELECT Id, LastName FROM Contact",
        "SELECT LastName, Id, Account.Name FROM Contact",
    ],
)
def test_other_queries_are_their_own(org: Org, soql: str) -> None:
    org.bulk(NAMES)
    mine = {(row["Id"], row["LastName"]) for row in org.bulk(soql)}
    assert mine == {(row["Id"], row["LastName"]) for row in org.query(soql)}
    assert len(kept(org)) == 2


def test_values_in_conditions_and_dialects_matter(org: Org) -> None:
    day = "2020-01-01T00:00:00Z"
    older = org.bulk(f"{NAMES} WHERE SystemModstamp < {day}")
    newer = org.bulk(f"{NAMES} WHERE SystemModstamp < 2024-01-01T00:00:00Z")
    assert 0 < len(older) < len(newer)
    (tabbed,) = org.pages(org.job(NAMES, columnDelimiter="TAB"))
    assert len(csv_rows(tabbed.text, "\t")) == 300


def test_every_change_shows_at_once(org: Org) -> None:
    changed, deleted, *_ = names(org)
    org.admin("PATCH", f"/records/Contact/{changed}", {"LastName": "Now"})
    assert names(org)[changed]["LastName"] == "Now"
    org.admin("DELETE", f"/records/Contact/{deleted}")
    assert deleted not in names(org)
    made = org.admin("POST", "/records/Contact", {"LastName": "New"})["Id"]
    assert names(org)[made]["LastName"] == "New"
    parent = org.truth("Account")[0]["Id"]
    org.admin("PATCH", f"/records/Contact/{changed}", {"AccountId": parent})
    org.bulk(NAMES)
    org.admin("PATCH", f"/records/Account/{parent}", {"Name": "Renamed"})
    assert names(org)[changed]["Account.Name"] == "Renamed"


def test_a_new_field_of_an_old_name_is_another_one(org: Org) -> None:
    wish = {"name": "Shade__c", "value": "red"}
    org.admin("POST", "/fields/Contact", wish)
    soql = "SELECT Id, Shade__c FROM Contact"
    assert {row["Shade__c"] for row in org.bulk(soql)} == {"red"}
    org.admin("DELETE", "/fields/Contact/Shade__c")
    org.admin("POST", "/fields/Contact", {**wish, "value": "blue"})
    assert {row["Shade__c"] for row in org.bulk(soql)} == {"blue"}


def test_what_leaves_the_recycle_bin_leaves_the_results(org: Org) -> None:
    org.limit(session_seconds=10**7)
    gone = org.truth()[0]["Id"]
    org.admin("DELETE", f"/records/Contact/{gone}")
    assert names(org, EVERY, "queryAll")[gone]["IsDeleted"] == "true"
    org.advance(days=14)
    assert gone in names(org, EVERY, "queryAll")
    org.advance(days=1, seconds=1)
    assert gone not in names(org, EVERY, "queryAll")


def test_kept_over_a_restart_and_still_true(tmp_path: Path) -> None:
    with running_org(tmp_path) as org:
        before, files = names(org), kept(org)
    with running_sandbox(tmp_path) as sandbox, logged_in(sandbox) as org:
        assert names(org) == before
        assert kept(org) == files
        org.admin("DELETE", f"/records/Contact/{next(iter(before))}")
        assert len(names(org)) == len(before) - 1


def test_faults_strike_kept_pages_too(org: Org) -> None:
    org.bulk(NAMES)
    job = org.job(NAMES)
    org.sandbox.fault("short_page", path="/results")
    page = next(org.pages(job, maxRecords=100))
    assert (page.headers["Sforce-NumberOfRecords"], len(csv_rows(page.text))) == ("100", 90)
    for encoding in ("gzip", "identity"):
        org.sandbox.fault("cut_body", path="/results", at=0.5)
        with pytest.raises(httpx.RemoteProtocolError):
            org.send("GET", f"/jobs/query/{job}/results", headers={"Accept-Encoding": encoding})
    assert len(names(org)) == 300
