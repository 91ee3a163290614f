"""What starts work on stages: syncs of deals, and a past whose budget is there again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from crm_pipelines.store.database import Database
from crm_pipelines.store.stages.pasts import STREAM


def latest_sync(
    database: Database, crm: str, workspaces: Sequence[str], streams: Sequence[str]
) -> int:
    """The number of the last sync of some streams that wrote something; 0 before the first."""
    values = {"crm": crm, "workspaces": list(workspaces), "streams": list(streams)}
    return int(database.run("stages.latest_sync", values)[0]["id"])


def paused(
    database: Database, crm: str, workspaces: Sequence[str], now: datetime
) -> datetime | None:
    """When reading the past was to go on, where that time has come."""
    values = {"crm": crm, "workspaces": list(workspaces), "stream": STREAM, "now": now}
    found: datetime | None = database.run("stages.paused", values)[0]["resumes_at"]
    return found
