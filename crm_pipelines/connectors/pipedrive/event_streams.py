"""What Pipedrive's events are about, by the names that webhooks have for it."""

from __future__ import annotations

from collections.abc import Mapping

from crm_pipelines.connectors.pipedrive.declaration import PipedriveStream
from crm_pipelines.connectors.pipedrive.streams import STREAMS
from crm_pipelines.model.command import Entity
from crm_pipelines.model.event import EventStream

EVENT_STREAMS: Mapping[str, EventStream] = {
    "person": EventStream(
        "persons",
        Entity.PERSON,
        referrers=(
            ("deal", "person_id"),
            ("activity", "person_id"),
            ("note", "person_id"),
            ("lead", "person_id"),
        ),
    ),
    "organization": EventStream(
        "organizations",
        Entity.ORGANIZATION,
        referrers=(
            ("person", "org_id"),
            ("deal", "org_id"),
            ("activity", "org_id"),
            ("note", "org_id"),
            ("lead", "organization_id"),
        ),
    ),
    "deal": EventStream(
        "deals",
        Entity.DEAL,
        referrers=(("activity", "deal_id"), ("note", "deal_id")),
    ),
    "activity": EventStream("activities", Entity.ACTIVITY),
    "product": EventStream("products"),
    "lead": EventStream("leads"),
    "note": EventStream("notes"),
    "pipeline": EventStream("pipelines", single=False),
    "stage": EventStream("stages", single=False),
    "user": EventStream("users", single=False),
    "activityType": EventStream("activity_types", single=False),
}

_BY_NAME = {stream.name: stream for stream in STREAMS}


def stream_of(object_: str) -> PipedriveStream:
    """The declared stream that an object of events is mirrored by."""
    return _BY_NAME[EVENT_STREAMS[object_].stream]
