"""The gateway's application: what answers over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Response
from fastapi.responses import PlainTextResponse
from fastapi_offline import FastAPIOffline

from crm_pipelines import __version__
from crm_pipelines.gateway import (
    consent,
    deliveries,
    leads,
    problems,
    queue,
    stages,
    stream,
    timeline,
    updates,
)
from crm_pipelines.gateway.inline import Inline
from crm_pipelines.gateway.rules import learning
from crm_pipelines.gateway.sizes import LimitedBodies
from crm_pipelines.gateway.webhooks.route import Webhooks
from crm_pipelines.reports.health import Health, State
from crm_pipelines.wiring import Wiring

ABOUT = """\
Everything under `/api` needs a key: `crm-pipelines api-keys new NAME` makes one, the header
`Authorization: Bearer …` (or `X-API-Key`) carries it. A change is written to the outbox first and
delivered while you wait: 200 tells the outcome, 202 that it is queued and goes on by itself.
Errors are problem details (RFC 9457); `fields` says what is wrong with which field.
"""
METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def create_app(wiring: Wiring) -> FastAPI:
    """The application over this environment; whoever built the wiring closes it."""
    inline = Inline(wiring)
    webhooks = Webhooks(wiring)

    @asynccontextmanager
    async def life(_: FastAPI) -> AsyncIterator[None]:
        # triggers of the local side learn the rules before any call
        with learning(wiring.settings.workspaces, inline.push):
            async with webhooks.running():
                yield
        inline.close()

    app = FastAPIOffline(
        title="crm_pipelines gateway",
        summary="Records written to CRMs, how the mirrors are doing, and access to CRMs.",
        description=ABOUT,
        version=__version__,
        lifespan=life,
    )
    problems.install(app)
    app.add_middleware(LimitedBodies)
    app.router.routes.append(webhooks.route)
    for routes in (
        updates.routes(wiring, inline),
        leads.routes(wiring, inline),
        queue.routes(wiring),
        stages.routes(wiring),
        deliveries.routes(wiring),
        timeline.routes(wiring),
        stream.routes(wiring),
        consent.routes(wiring),
    ):
        app.include_router(routes)

    @app.get("/health", responses={503: {"model": Health, "description": "Nothing can work."}})
    def health(response: Response) -> Health:
        """Database, schema, the last run of each stream, what is left of each budget, webhooks.

        503 when the database is gone or its schema is old; a stream that failed makes the
        status `degraded` and the answer 200.
        """
        found = wiring.health()
        if found.status is State.DOWN:
            response.status_code = 503
        return found

    @app.get(
        "/metrics",
        response_class=PlainTextResponse,
        responses={
            200: {"content": {"text/plain": {"schema": {"type": "string"}}}},
            **problems.described(503),
        },
    )
    def metrics() -> Response:
        """The same for Prometheus, with figures of the last good run of each stream."""
        return Response(wiring.metrics(), media_type=METRICS_TYPE)

    return app
