"""What a list is asked for: its own parameters, the order, and the sync window."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from crm_pipelines.connectors.pipedrive.declaration import PipedriveStream
from crm_pipelines.model.window import Slice

NEWEST_FIRST = "update_time DESC, id DESC"


def list_parameters(stream: PipedriveStream, part: Slice) -> dict[str, str]:
    """Everything but the page. In the order of ids a record that changes keeps its turn."""
    params = {**stream.params, **_order(stream, part)}
    if stream.windows == "newest" or not stream.windowed:
        return params
    if part.start is not None:
        params["updated_since"] = _second(part.start)
    if part.end is not None and stream.windows == "both":
        params["updated_until"] = _second(part.end, up=True)
    return params


def _order(stream: PipedriveStream, part: Slice) -> dict[str, str]:
    if stream.paged == "none" or not stream.sortable:
        return {}
    if stream.paged == "cursor":
        return {"sort_by": "id", "sort_direction": "asc"}
    newest = stream.windows == "newest" and part.start is not None
    return {"sort": NEWEST_FIRST if newest else "id ASC"}


def _second(moment: datetime, *, up: bool = False) -> str:
    """RFC 3339 in whole seconds: the API rejects fractions."""
    whole = moment.astimezone(UTC).replace(microsecond=0)
    if up and whole < moment:
        whole += timedelta(seconds=1)
    return whole.strftime("%Y-%m-%dT%H:%M:%SZ")
