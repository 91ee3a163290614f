"""Pipedrive: API v2 wherever it exists, v1 where it does not."""

from __future__ import annotations

from crm_pipelines.connectors.pipedrive.change_log import open_change_log
from crm_pipelines.connectors.pipedrive.events import EVENTS
from crm_pipelines.connectors.pipedrive.hooks import open_hooks
from crm_pipelines.connectors.pipedrive.oauth import CONSENT
from crm_pipelines.connectors.pipedrive.settings import (
    PipedriveSettings,
    configured,
    limits,
    sandbox_variables,
    simulated,
)
from crm_pipelines.connectors.pipedrive.sink import open_sink
from crm_pipelines.connectors.pipedrive.source import open_source
from crm_pipelines.model.connector import Connector

CONNECTOR = Connector(
    name="pipedrive",
    title="Pipedrive",
    description="The sales CRM at pipedrive.com, over its API v2.",
    streams=lambda settings: settings.chosen,
    settings=PipedriveSettings,
    limits=limits,
    open=open_source,
    configured=configured,
    sandbox=sandbox_variables,
    simulated=simulated,
    named_views={
        "persons": "person_fields",
        "organizations": "organization_fields",
        "deals": "deal_fields",
        "products": "product_fields",
    },
    consent=CONSENT,
    sink=open_sink,
    events=EVENTS,
    hooks=open_hooks,
    change_log=open_change_log,
)
