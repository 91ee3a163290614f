"""The event stream: what just happened, for a user interface to show."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator

from fastapi import APIRouter, Depends, HTTPException
from fastapi.responses import StreamingResponse

from crm_pipelines.gateway import problems
from crm_pipelines.gateway.access import Caller, caller
from crm_pipelines.model.access import Scope
from crm_pipelines.model.errors import SystemTrouble
from crm_pipelines.store.database import Database
from crm_pipelines.store.events import listen
from crm_pipelines.wiring import Wiring

MOST = 10
"""Streams at a time: each holds a thread and a connection to the database."""
SILENCE_SECONDS = 15.0
"""So long without a notice, and a comment says that the line is alive."""


def routes(wiring: Wiring) -> APIRouter:
    """The end point of the stream."""
    router = APIRouter(prefix="/api", tags=["events"])
    free = threading.BoundedSemaphore(MOST)
    reader = Depends(caller(wiring, Scope.READ))

    @router.get(
        "/events",
        response_class=StreamingResponse,
        responses={
            200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}},
            **problems.described(401, 403, 422, 429, 503),
        },
    )
    def events(caller: Caller = reader) -> StreamingResponse:
        """Deliveries that failed, died or came through, as server-sent events, until you leave."""
        if not free.acquire(blocking=False):
            raise HTTPException(503, f"{MOST} streams are open already", {"Retry-After": "30"})
        return StreamingResponse(
            _spelled(wiring.database, caller.workspace, free),
            media_type="text/event-stream",
            headers={"Cache-Control": "no-store"},
        )

    return router


def _spelled(database: Database, workspace: str, free: threading.BoundedSemaphore) -> Iterator[str]:
    try:
        for event in listen(database, SILENCE_SECONDS):
            if event is None:
                yield ": nothing new\n\n"
            elif event.get("workspace") == workspace:
                yield f"event: notice\ndata: {json.dumps(event)}\n\n"
    except SystemTrouble as error:
        yield f"event: trouble\ndata: {json.dumps({'words': str(error)})}\n\n"
    finally:
        free.release()
