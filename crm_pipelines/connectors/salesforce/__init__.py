"""Salesforce: plain queries, bulk query and ingest jobs, columns as ``describe`` gives them."""

from __future__ import annotations

from crm_pipelines.connectors.salesforce.ingest import open_ingest
from crm_pipelines.connectors.salesforce.settings import (
    SalesforceSettings,
    configured,
    limits,
    sandbox_variables,
)
from crm_pipelines.connectors.salesforce.source import open_source
from crm_pipelines.connectors.salesforce.streams import streams
from crm_pipelines.model.connector import Connector

__all__ = ["CONNECTOR", "open_ingest"]

CONNECTOR = Connector(
    name="salesforce",
    title="Salesforce",
    description="A Salesforce org, read with plain queries and Bulk API 2.0 jobs.",
    streams=streams,
    settings=SalesforceSettings,
    limits=limits,
    open=open_source,
    configured=configured,
    sandbox=sandbox_variables,
    named_views={},
)
