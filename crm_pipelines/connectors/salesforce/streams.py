"""What is mirrored from Salesforce: one declaration per object; columns come from ``describe``."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from crm_pipelines.connectors.salesforce.settings import SalesforceSettings
from crm_pipelines.model.rules import AnyOf, NotBefore
from crm_pipelines.model.stream import Field, Stream

_COMPLETE = (
    AnyOf(
        "contact_completeness",
        ("email", "phone", "mobile_phone", "home_phone", "other_phone"),
        "neither e-mail nor phone",
    ),
    AnyOf("contact_completeness", ("first_name", "last_name"), "neither first nor last name"),
)


@dataclass(frozen=True, kw_only=True)
class SalesforceStream(Stream):
    """An sObject. Deletions come from ``queryAll`` with ``IsDeleted``."""

    sobject: str
    key: Field = field(
        default=Field("id", path="Id", description="18-character record id.", check="object_id")
    )
    cursor_field: str | None = "system_modstamp"
    deleted_field: str | None = "is_deleted"
    deletes_told: bool = True


CONTACTS = SalesforceStream(
    name="contacts",
    title="Contacts",
    description="People at accounts, with every field the org has.",
    sobject="Contact",
    required=("last_name",),
    rules=_COMPLETE,
    indexes=("email", "account_id"),
)
ACCOUNTS = SalesforceStream(
    name="accounts",
    title="Accounts",
    description="Companies and households.",
    sobject="Account",
    required=("name",),
)
OPPORTUNITIES = SalesforceStream(
    name="opportunities",
    title="Opportunities",
    description="Deals in the making.",
    sobject="Opportunity",
    required=("name", "stage_name", "close_date"),
    rules=(
        NotBefore(
            "deal_consistency", "close_date", "created_date", "close_date before created_date"
        ),
    ),
    indexes=("account_id",),
)
LEADS = SalesforceStream(
    name="leads",
    title="Leads",
    description="People who may become contacts; converted ones are still here.",
    sobject="Lead",
    required=("last_name", "company"),
    rules=_COMPLETE,
    indexes=("email",),
)
OPPORTUNITY_HISTORY = SalesforceStream(
    name="opportunity_history",
    title="Opportunity history",
    description="A row for every change of an opportunity's stage, amount or close date.",
    sobject="OpportunityHistory",
    indexes=("opportunity_id",),
)
CAMPAIGNS = SalesforceStream(
    name="campaigns",
    title="Campaigns",
    description="Marketing campaigns.",
    sobject="Campaign",
    required=("name",),
)
CAMPAIGN_MEMBERS = SalesforceStream(
    name="campaign_members",
    title="Campaign members",
    description="Which lead or contact is part of which campaign.",
    sobject="CampaignMember",
    indexes=("campaign_id",),
)
TASKS = SalesforceStream(
    name="tasks",
    title="Tasks",
    description="Calls, e-mails and things to do, archived ones included.",
    sobject="Task",
    indexes=("who_id", "what_id"),
)
EVENTS = SalesforceStream(
    name="events",
    title="Events",
    description="Meetings in the calendar, archived ones included.",
    sobject="Event",
    indexes=("who_id", "what_id"),
)
USERS = SalesforceStream(
    name="users",
    title="Users",
    description="People who use Salesforce.",
    sobject="User",
    deleted_field=None,
)

STREAMS = (
    CONTACTS,
    ACCOUNTS,
    LEADS,
    OPPORTUNITIES,
    OPPORTUNITY_HISTORY,
    CAMPAIGNS,
    CAMPAIGN_MEMBERS,
    TASKS,
    EVENTS,
    USERS,
)


def streams(settings: SalesforceSettings) -> tuple[SalesforceStream, ...]:
    """The objects that ``SALESFORCE_OBJECTS`` names, or the declared ones."""
    if not settings.objects:
        return STREAMS
    declared = {stream.sobject.lower(): stream for stream in STREAMS}
    found = (declared.get(n.lower()) or _undeclared(n) for n in settings.objects.split(","))
    return tuple({stream.name: stream for stream in found}.values())


def _undeclared(sobject: str) -> SalesforceStream:
    return SalesforceStream(
        name=_plural(snake_case(sobject)),
        title=sobject,
        description=f"The object {sobject}, with every field the org has.",
        sobject=sobject,
    )


def _plural(name: str) -> str:
    if name.endswith(("__c", "history", "s")):
        return name
    return name[:-1] + "ies" if name.endswith("y") else name + "s"


def snake_case(name: str) -> str:
    """``SystemModstamp`` becomes ``system_modstamp``, ``NPI__c`` becomes ``npi__c``."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name)
    return re.sub(r"_{3,}", "__", spaced).lower()
