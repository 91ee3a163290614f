"""The gateway's application: what answers over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

from fastapi import FastAPI, Response
from pydantic import BaseModel

from crm_pipelines.model.errors import SystemTrouble
from crm_pipelines.wiring import Wiring


class StreamHealth(BaseModel):
    """The last sync of one stream."""

    workspace: str
    crm: str
    stream: str
    status: str
    ended_at: datetime
    error: str | None


class Health(BaseModel):
    """Whether the parts answer; ``ok`` is false when the database does not."""

    ok: bool
    database: str
    streams: list[StreamHealth] = []


def create_app(wiring: Wiring | None = None) -> FastAPI:
    """The application over this environment."""
    own = wiring or Wiring()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        own.close()

    app = FastAPI(title="crm_pipelines gateway", version="0.1.0", lifespan=lifespan)

    @app.get("/health", responses={503: {"model": Health, "description": "Not well."}})
    def health(response: Response) -> Health:
        """Whether the database answers, and how the last sync of each stream ended."""
        try:
            rows: list[dict[str, Any]] = own.database.run("runs.latest")
        except SystemTrouble as trouble:
            response.status_code = 503
            return Health(ok=False, database=str(trouble))
        streams = [StreamHealth(workspace=row["workspace_id"], **_shown(row)) for row in rows]
        return Health(ok=True, database="answers", streams=streams)

    return app


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in ("crm", "stream", "status", "ended_at", "error")}
