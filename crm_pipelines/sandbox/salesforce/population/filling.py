"""Filling an empty company."""

# ruff: noqa: S608  (identifiers come from declarations)

from __future__ import annotations

from crm_pipelines.sandbox.database import Database
from crm_pipelines.sandbox.salesforce.catalog import Catalog
from crm_pipelines.sandbox.salesforce.population.columns import Columns, Counts
from crm_pipelines.sandbox.salesforce.schema.objects import SObject
from crm_pipelines.sandbox.salesforce.tables import create_indexes
from crm_pipelines.sandbox.world import Sizes

_CHUNK = 2_000

_AGREE = {
    "Opportunity": {
        "ForecastCategory": "CASE {StageName} WHEN 'Closed Won' THEN 'Closed' "
        "WHEN 'Closed Lost' THEN 'Omitted' ELSE 'Pipeline' END"
    },
    "Contact": {
        "IsEmailBounced": "CASE WHEN {EmailBouncedDate} IS NULL THEN 'false' ELSE 'true' END"
    },
    "Task": {"CompletedDateTime": "CASE {Status} WHEN 'Completed' THEN {SystemModstamp} END"},
    "User": {
        "UserType": "'Standard'",
        "IsActive": "CASE {Username} WHEN 'sandbox@example.com' THEN 'true' ELSE {IsActive} END",
    },
    "CampaignMember": {
        "HasResponded": "CASE {Status} WHEN 'Responded' THEN 'true' ELSE 'false' END"
    },
    "Attachment": {"BodyLength": "'12'"},
}
"""What must agree within a record: fields by object, from the others as they were drawn."""


def plan_counts(sizes: Sizes) -> Counts:
    """How many records of each object; the lesser ones follow from the sizes asked for."""
    return {
        "User": 12,
        "Account": sizes.accounts,
        "Provider__c": max(1, sizes.contacts // 10),
        "Contact": sizes.contacts,
        "Campaign": 5,
        "Opportunity": sizes.opportunities,
        "OpportunityHistory": sizes.opportunities * 2,
        "OpportunityFieldHistory": sizes.opportunities,
        "Lead": max(1, sizes.contacts // 10),
        "CampaignMember": max(1, sizes.contacts // 20),
        "Task": sizes.contacts // 5,
        "Event": sizes.contacts // 20,
        "Attachment": min(20, sizes.contacts),
    }


def fill(database: Database, catalog: Catalog, sizes: Sizes, seed: int) -> None:
    """All records of all objects, in one transaction."""
    counts = plan_counts(sizes)
    prefixes = {each.name: each.prefix for each in catalog}
    with database.transaction() as connection:
        for sobject in catalog:
            columns = Columns(sobject, prefixes, counts, seed)
            statement = f'INSERT INTO "{sobject.table}" VALUES ({_values(sobject)}, NULL)'
            for first in range(1, counts[sobject.name] + 1, _CHUNK):
                count = min(_CHUNK, counts[sobject.name] + 1 - first)
                connection.executemany(statement, columns.rows(first, count))
            create_indexes(connection, sobject)
        connection.execute("INSERT INTO salesforce_meta VALUES ('filled', ?)", (str(seed),))


def _values(sobject: SObject) -> str:
    """The values of one INSERT; every parameter stands in it, or SQLite miscounts them."""
    drawn = {field.name: f"?{number}" for number, field in enumerate(sobject.stored, 1)}
    agreeing = _AGREE.get(sobject.name, {})
    return ", ".join(
        f"iif(1, {agreeing[name].format_map(drawn)}, {mark})" if name in agreeing else mark
        for name, mark in drawn.items()
    )
