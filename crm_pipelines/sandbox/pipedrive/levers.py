"""Levers under ``/sandbox/pipedrive`` that only this system has."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from crm_pipelines.sandbox.admin import guarded
from crm_pipelines.sandbox.pipedrive.access import DEFAULTS
from crm_pipelines.sandbox.pipedrive.company import Company


def routes(company: Company) -> list[Route]:
    """Credentials, and what became of webhook deliveries."""

    async def credentials(request: Request) -> Response:
        """Show them, or replace some: ``{"api_token": …, "client_id": …, "client_secret": …}``."""
        if request.method == "PATCH":
            for name, value in (await request.json()).items():
                company.access.set(name, str(value))
        return JSONResponse({name: company.access.get(name) for name in DEFAULTS})

    async def deliveries(_: Request) -> Response:
        """Every attempt and every loss, oldest first."""
        return JSONResponse(company.deliveries.log())

    return [
        Route("/sandbox/pipedrive/credentials", guarded(credentials), methods=["GET", "PATCH"]),
        Route("/sandbox/pipedrive/deliveries", deliveries, methods=["GET"]),
    ]
