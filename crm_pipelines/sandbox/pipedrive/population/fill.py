"""Filling an empty company."""

from __future__ import annotations

from crm_pipelines.sandbox.pipedrive.company import Company
from crm_pipelines.sandbox.pipedrive.population import (
    attached,
    custom,
    entities,
    fixed,
    past,
    system_fields,
)
from crm_pipelines.sandbox.pipedrive.search_index import PLAIN
from crm_pipelines.sandbox.world import World

WITH_CUSTOM = ("persons", "organizations", "deals", "products")


def fill(company: Company, world: World) -> None:
    """Everything a company starts with, in one transaction; nothing if it is there."""
    seed, sizes, records = world.seed, world.sizes, company.records
    with world.database.transaction():
        if records.count("users"):
            return
        for collection in system_fields.OPTIONAL:
            company.fields.put(collection, system_fields.definitions(collection))
        for collection in WITH_CUSTOM:
            company.fields.put(collection, custom.definitions(seed, collection))
        own = {name: company.fields.custom(name) for name in WITH_CUSTOM}
        records.put("persons", entities.persons(seed, sizes, own["persons"]))
        records.put("organizations", entities.organizations(seed, sizes, own["organizations"]))
        records.put("deals", entities.deals(seed, sizes, own["deals"]))
        company.change_log.add(past.changes(seed, records.each("deals", deleted=True)))
        records.put("activities", entities.activities(seed, sizes))
        records.put("users", fixed.users())
        records.put("pipelines", fixed.pipelines())
        records.put("stages", fixed.stages())
        records.put("products", fixed.products(seed, sizes, own["products"]))
        records.put("currencies", fixed.currencies())
        records.put("activityTypes", fixed.activity_types())
        records.put("leadLabels", attached.lead_labels())
        records.put("leads", attached.leads(seed, sizes, own["deals"]))
        records.put("notes", attached.notes(seed, sizes))
        records.put("files", attached.files(sizes))
        records.put("filters", fixed.filters())
        for name in PLAIN:
            company.index.add_all(name, records.each(name))
        company.index.add_all("notes", records.each("notes"))
