"""Levers under ``/sandbox/pipedrive`` that only this system has."""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from crm_pipelines.sandbox.admin import guarded
from crm_pipelines.sandbox.pipedrive.access import DEFAULTS
from crm_pipelines.sandbox.pipedrive.company import Company


def routes(company: Company) -> list[Route]:
    """Credentials, and webhooks with what became of their deliveries.

    Doubled, shuffled, late and dropped events are limits: ``PATCH /sandbox/pipedrive/limits``.
    """

    async def credentials(request: Request) -> Response:
        """Show them, or replace some: ``{"api_token": …, "client_id": …, "client_secret": …}``."""
        if request.method == "PATCH":
            for name, value in (await request.json()).items():
                company.access.set(name, str(value))
        return JSONResponse({name: company.access.get(name) for name in DEFAULTS})

    async def deliveries(_: Request) -> Response:
        """Every attempt and every loss, oldest first."""
        return JSONResponse(company.deliveries.log())

    async def webhooks(_: Request) -> Response:
        """Every webhook, with failures, ban and the number of deliveries that wait."""
        return JSONResponse(await run_in_threadpool(company.deliveries.show))

    async def ban(request: Request) -> Response:
        """Ban a webhook now: ``{"seconds": n}``, or ``{}`` for as long as bans take here."""
        seconds = (await request.json()).get("seconds")
        wait = None if seconds is None else float(seconds)
        await run_in_threadpool(company.deliveries.ban, request.path_params["identity"], wait)
        return await webhooks(request)

    async def remove(request: Request) -> Response:
        """Delete a webhook now, as Pipedrive does after days without success: nobody is told."""
        number = request.path_params["identity"]
        if await run_in_threadpool(company.records.get, "webhooks", number) is None:
            raise KeyError(f"webhook {number}")
        await run_in_threadpool(company.records.remove, "webhooks", number)
        return Response(status_code=204)

    one = "/sandbox/pipedrive/webhooks/{identity:int}"
    return [
        Route("/sandbox/pipedrive/credentials", guarded(credentials), methods=["GET", "PATCH"]),
        Route("/sandbox/pipedrive/deliveries", deliveries, methods=["GET"]),
        Route("/sandbox/pipedrive/webhooks", webhooks, methods=["GET"]),
        Route(one, guarded(remove), methods=["DELETE"]),
        Route(f"{one}/ban", guarded(ban), methods=["POST"]),
    ]
