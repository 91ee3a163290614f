"""What is mirrored from Pipedrive: the streams, in the order they are shown."""

from __future__ import annotations

from crm_pipelines.connectors.pipedrive import attached_streams, entity_streams, list_streams
from crm_pipelines.connectors.pipedrive.declaration import PipedriveStream
from crm_pipelines.connectors.pipedrive.list_streams import fields_of

__all__ = ["STREAMS", "PipedriveStream"]

STREAMS: tuple[PipedriveStream, ...] = (
    entity_streams.PERSONS,
    entity_streams.ORGANIZATIONS,
    entity_streams.DEALS,
    entity_streams.ARCHIVED_DEALS,
    entity_streams.ACTIVITIES,
    entity_streams.PRODUCTS,
    attached_streams.LEADS,
    attached_streams.ARCHIVED_LEADS,
    attached_streams.NOTES,
    attached_streams.FILES,
    list_streams.PIPELINES,
    list_streams.STAGES,
    list_streams.USERS,
    list_streams.CURRENCIES,
    list_streams.ACTIVITY_TYPES,
    list_streams.LEAD_LABELS,
    list_streams.FILTERS,
    fields_of("person"),
    fields_of("organization"),
    fields_of("deal"),
    fields_of("product"),
    fields_of("activity"),
    list_streams.LEAD_FIELDS,
)
