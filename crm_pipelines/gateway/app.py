"""The gateway's application: what answers over HTTP."""

from __future__ import annotations

from fastapi import FastAPI, Response
from fastapi.responses import PlainTextResponse

from crm_pipelines import __version__
from crm_pipelines.gateway import consent, problems
from crm_pipelines.reports.health import Health, State
from crm_pipelines.wiring import Wiring

METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def create_app(wiring: Wiring) -> FastAPI:
    """The application over this environment; whoever built the wiring closes it."""
    app = FastAPI(
        title="crm_pipelines gateway",
        summary="How the mirrors are doing, and access to CRMs.",
        version=__version__,
    )
    problems.install(app)
    app.include_router(consent.routes(wiring))

    @app.get("/health", responses={503: {"model": Health, "description": "Nothing can work."}})
    def health(response: Response) -> Health:
        """Database, schema, the last run of each stream and what is left of each budget.

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
