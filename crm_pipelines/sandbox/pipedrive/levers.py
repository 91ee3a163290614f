"""Levers under ``/sandbox/pipedrive`` that only this system has."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from crm_pipelines.sandbox.pipedrive.access import DEFAULTS
from crm_pipelines.sandbox.pipedrive.company import Company


def routes(company: Company) -> list[Route]:
    """Credentials, and what became of webhook deliveries."""

    async def credentials(request: Request) -> Response:
        """Show them, or replace some: ``{"api_token": …, "client_id": …, "client_secret": …}``."""
        if request.method == "PATCH":
            wish = await request.json()
            try:
                for name, value in wish.items():
                    company.access.set(name, str(value))
            except ValueError as error:
                return JSONResponse({"error": str(error)}, 400)
        return JSONResponse({name: company.access.get(name) for name in DEFAULTS})

    async def deliveries(_: Request) -> Response:
        """Every attempt and every loss, oldest first."""
        return JSONResponse(company.deliveries.log())

    return [
        Route("/sandbox/pipedrive/credentials", credentials, methods=["GET", "PATCH"]),
        Route("/sandbox/pipedrive/deliveries", deliveries, methods=["GET"]),
    ]
