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
from crm_pipelines.sandbox.salesforce.door import NEWEST, OLDEST, Call, Door, Handler
from crm_pipelines.sandbox.salesforce.jobs import Jobs
from crm_pipelines.sandbox.salesforce.login import Login
from crm_pipelines.sandbox.salesforce.query import RestQuery
from crm_pipelines.sandbox.salesforce.quota import Quota
from crm_pipelines.sandbox.salesforce.sessions import Sessions


class Resources:
    """The whole HTTP surface."""

    def __init__(self, company: Company, sessions: Sessions, quota: Quota, keys: Keys) -> None:
        self._company, self._quota = company, quota
        self._door = Door(sessions, quota)
        self._login = Login(company, sessions, keys)
        self._jobs = Jobs(company)

    def routes(self) -> list[BaseRoute]:
        """Most specific first; what nothing answers is a 404 in Salesforce's words."""
        found: list[BaseRoute] = [
            Route("/services/oauth2/token", self._login.token, methods=["GET", "POST"]),
            Route("/services/data", versions),
            Route("/services/data/", versions),
        ]
        for path, handlers in self._table().items():
            found.extend(self._door.routes(path, handlers))
        found.append(Route("/services/{rest:path}", nothing))
        return found

    def _table(self) -> dict[str, dict[str, Handler]]:
        describe, query = Describe(self._company), RestQuery(self._company)
        bulk = BulkQuery(self._company, self._jobs)
        results = BulkResults(self._company, self._jobs, bulk)
        return {
            "": {"GET": root},
            "/limits": {"GET": self._limits},
            "/query": {"GET": query.query},
            "/queryAll": {"GET": query.query_all},
            "/query/{locator}": {"GET": query.more},
            "/queryAll/{locator}": {"GET": query.more},
            "/jobs/query": {"POST": bulk.make, "GET": bulk.list},
            "/jobs/query/{job}": {"GET": bulk.poll, "PATCH": bulk.abort, "DELETE": bulk.delete},
            "/jobs/query/{job}/results": {"GET": results.page},
            "/jobs/query/{job}/resultPages": {"GET": results.addresses},
            "/sobjects": {"GET": describe.everything},
            "/sobjects/{sobject}/describe": {"GET": describe.one},
            "/sobjects/{sobject}": {"GET": describe.basics},
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
    names = ("sobjects", "query", "queryAll", "limits", "jobs", "composite", "search", "recent")
    return json_answer({name: f"{call.base}/{name}" for name in names})


async def nothing(request: Request) -> Response:
    """An address that leads nowhere."""
    return refusal(not_found())
