"""Why records are written: which commands belong together, and what their job is called."""

from __future__ import annotations

from dataclasses import dataclass

from crm_pipelines.model.command import Entity, Kind


@dataclass(frozen=True)
class Purpose:
    """Commands that one job delivers; its sensor is named for what it watches."""

    name: str
    job: str
    what: str
    commands: frozenset[tuple[Entity, Kind]]


WARM_LEADS = Purpose(
    "warm_leads",
    "push_warm_leads",
    "Contacts that became warm leads, and their organizations",
    frozenset({(Entity.ORGANIZATION, Kind.CREATE), (Entity.PERSON, Kind.CREATE)}),
)
ACTIVITIES = Purpose(
    "activity_replication",
    "push_activities",
    "Activities of contacts that the CRM knows",
    frozenset({(Entity.ACTIVITY, Kind.CREATE)}),
)
UPDATES = Purpose(
    "record_updates",
    "push_record_updates",
    "Changes of records that the CRM has, and new deals",
    frozenset({(entity, Kind.UPDATE) for entity in Entity} | {(Entity.DEAL, Kind.CREATE)}),
)
PURPOSES = (WARM_LEADS, ACTIVITIES, UPDATES)
