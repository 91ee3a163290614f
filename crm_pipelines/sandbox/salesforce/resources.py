"""Which address leads to which handler."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from crm_pipelines.sandbox.salesforce.answers import json_answer, not_found, refusal
from crm_pipelines.sandbox.salesforce.bulk_query import BulkQuery
from crm_pipelines.sandbox.salesforce.bulk_results import BulkResults
from crm_pipelines.sandbox.salesforce.company import Company
from crm_pipelines.sandbox.salesforce.credentials import Keys
from crm_pipelines.sandbox.salesforce.describe import Describe
from crm_pipelines.sandbox.salesforce.door import METHODS, NEWEST, OLDEST, Call, Door, Handler
from crm_pipelines.sandbox.salesforce.identity_resources import IdentityResources
from crm_pipelines.sandbox.salesforce.ingest import Ingest
from crm_pipelines.sandbox.salesforce.job_runner import JobRunner
from crm_pipelines.sandbox.salesforce.jobs import Jobs
from crm_pipelines.sandbox.salesforce.login import Login
from crm_pipelines.sandbox.salesforce.query import RestQuery
from crm_pipelines.sandbox.salesforce.quota import Quota
from crm_pipelines.sandbox.salesforce.record_collections import Collections
from crm_pipelines.sandbox.salesforce.record_resources import RecordResources
from crm_pipelines.sandbox.salesforce.records import Records
from crm_pipelines.sandbox.salesforce.replication import Replication
from crm_pipelines.sandbox.salesforce.sessions import Sessions
from crm_pipelines.sandbox.salesforce.soap import Soap
from crm_pipelines.sandbox.salesforce.writes import Writes

Table = dict[str, dict[str, Handler]]


class Resources:
    """The whole HTTP surface."""

    def __init__(self, company: Company, sessions: Sessions, quota: Quota, keys: Keys) -> None:
        self._company, self._quota = company, quota
        self._door = Door(sessions, quota)
        self._login = Login(company, sessions, keys)
        self._soap = Soap(company, sessions)
        self._identity = IdentityResources(company.catalog, sessions, Records(company))
        self._jobs = Jobs(company)
        self._runner = JobRunner(self._jobs)
        self._query = RestQuery(company)
        self._writes = Writes(company, Records(company))
        self._ingest = Ingest(company, self._jobs, self._runner, self._writes)

    def routes(self) -> list[BaseRoute]:
        """Most specific first; what nothing answers is a 404 in Salesforce's words."""
        found: list[BaseRoute] = [
            Route("/services/oauth2/token", self._login.token, methods=["GET", "POST"]),
            Route("/services/oauth2/userinfo", self._identity.show, methods=["GET", "POST"]),
            Route("/services/oauth2/revoke", self._identity.revoke, methods=["GET", "POST"]),
            Route("/id/{organisation}/{user}", self._identity.show, methods=["GET", "POST"]),
            Route("/services/Soap/u/{rest:path}", self._soap.answer, methods=["POST"]),
            Route("/services/Soap/c/{rest:path}", self._soap.answer, methods=["POST"]),
            Route("/services/data", versions),
            Route("/services/data/", versions),
        ]
        for path, handlers in {**self._reading(), **self._bulk(), **self._writing()}.items():
            read = self._ingest.receive if path.endswith("/batches") else None
            found.extend(self._door.routes(path, handlers, read))
        found.append(Route("/services/{rest:path}", nothing, methods=METHODS))
        return found

    def _reading(self) -> Table:
        describe, query = Describe(self._company), self._query
        return {
            "": {"GET": root},
            "/limits": {"GET": self._limits},
            "/query": {"GET": query.query},
            "/queryAll": {"GET": query.query_all},
            "/query/{locator}": {"GET": query.more},
            "/queryAll/{locator}": {"GET": query.more},
            "/sobjects": {"GET": describe.everything},
            "/sobjects/{sobject}/describe": {"GET": describe.one},
            "/sobjects/{sobject}/deleted": {"GET": Replication(self._company).deleted},
            "/sobjects/{sobject}/updated": {"GET": Replication(self._company).updated},
        }

    def _bulk(self) -> Table:
        bulk, ingest = BulkQuery(self._company, self._jobs, self._runner), self._ingest
        results = BulkResults(self._company, self._jobs, bulk)
        table: Table = {
            "/jobs/query": {"POST": bulk.make, "GET": bulk.list},
            "/jobs/query/{job}": {"GET": bulk.poll, "PATCH": bulk.abort, "DELETE": bulk.delete},
            "/jobs/query/{job}/results": {"GET": results.page},
            "/jobs/query/{job}/resultPages": {"GET": results.addresses},
            "/jobs/ingest": {"POST": ingest.make, "GET": ingest.list},
            "/jobs/ingest/{job}": {
                "GET": ingest.poll,
                "PATCH": ingest.change,
                "DELETE": ingest.delete,
            },
            "/jobs/ingest/{job}/batches": {"PUT": ingest.upload},
        }
        # clients spell the last one both ways
        for name in ("successfulResults", "failedResults", "unprocessedRecords"):
            table[f"/jobs/ingest/{{job}}/{name}"] = {"GET": ingest.results}
        table["/jobs/ingest/{job}/unprocessedrecords"] = {"GET": ingest.results}
        return table

    def _writing(self) -> Table:
        records = RecordResources(self._company, self._writes, self._query)
        batches = Collections(self._company, self._writes)
        return {
            "/composite/sobjects": {
                "POST": batches.create,
                "PATCH": batches.update,
                "DELETE": batches.delete,
            },
            "/composite/sobjects/{sobject}/{key}": {"PATCH": batches.upsert},
            "/sobjects/{sobject}": {"GET": Describe(self._company).basics, "POST": records.create},
            "/sobjects/{sobject}/{identity}": {
                "GET": records.show,
                "PATCH": records.change,
                "DELETE": records.delete,
            },
            "/sobjects/{sobject}/{key}/{value:path}": {
                "GET": records.show_by_key,
                "PATCH": records.upsert,
                "DELETE": records.delete_by_key,
            },
        }

    def _limits(self, call: Call) -> Response:
        used, most = self._quota.used(), self._quota.most
        jobs = self._company.limits["bulk_query_jobs_daily"]
        made = self._jobs.made_today("query")
        fixed = {
            "DailyBulkApiBatches": 15_000,
            "DailyBulkV2QueryFileStorageMB": 976_562,
            "DailyAsyncApexExecutions": 250_000,
            "DailyStreamingApiEvents": 10_000,
            "DataStorageMB": 10_240,
            "FileStorageMB": 10_240,
            "HourlyTimeBasedWorkflow": 1_000,
            "SingleEmail": 5_000,
        }
        body = {
            "DailyApiRequests": {"Max": most, "Remaining": max(0, most - used)},
            "DailyBulkV2QueryJobs": {"Max": jobs, "Remaining": max(0, jobs - made)},
        }
        body.update({name: {"Max": size, "Remaining": size} for name, size in fixed.items()})
        return json_answer(body)


async def versions(request: Request) -> Response:
    """``/services/data``: what is served; needs no login."""
    seasons = ("Spring", "Summer", "Winter")
    shown = []
    for number in range(OLDEST, NEWEST + 1):
        season = seasons[number % 3]
        year = number // 3 + 4 + (season == "Winter")
        path, name = f"/services/data/v{number}.0", f"{number}.0"
        shown.append({"label": f"{season} '{year:02d}", "url": path, "version": name})
    return json_answer(shown)


def root(call: Call) -> Response:
    """The resources of a version."""
    names = ("sobjects", "query", "queryAll", "limits", "jobs", "composite")
    return json_answer({name: f"{call.base}/{name}" for name in names})


async def nothing(request: Request) -> Response:
    """An address that leads nowhere."""
    return refusal(not_found())
