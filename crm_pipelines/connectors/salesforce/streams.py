"""What is mirrored from Salesforce: one declaration per object; columns come from ``describe``."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from crm_pipelines.connectors.salesforce.settings import SalesforceSettings
from crm_pipelines.model.stream import Field, Stream


@dataclass(frozen=True, kw_only=True)
class SalesforceStream(Stream):
    """An sObject. Deletions come from ``queryAll`` with ``IsDeleted``."""

    sobject: str
    key: Field = field(default=Field("id", path="Id", description="18-character record id."))
    cursor_field: str | None = "system_modstamp"
    deleted_field: str | None = "is_deleted"


CONTACTS = SalesforceStream(
    name="contacts",
    title="Contacts",
    description="People at accounts, with every field the org has.",
    sobject="Contact",
    required=("last_name",),
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
    required=("name",),
    indexes=("account_id",),
)
USERS = SalesforceStream(
    name="users",
    title="Users",
    description="People who use Salesforce.",
    sobject="User",
    deleted_field=None,
)

STREAMS = (CONTACTS, ACCOUNTS, OPPORTUNITIES, USERS)


def streams(settings: SalesforceSettings) -> tuple[SalesforceStream, ...]:
    """The objects that ``SALESFORCE_OBJECTS`` names, or the declared ones."""
    if not settings.objects:
        return STREAMS
    declared = {stream.sobject: stream for stream in STREAMS}
    return tuple(declared.get(name) or _undeclared(name) for name in settings.objects.split(","))


def _undeclared(sobject: str) -> SalesforceStream:
    name = snake_case(sobject)
    return SalesforceStream(
        name=name if name.endswith("__c") else name + "s",
        title=sobject,
        description=f"The object {sobject}, with every field the org has.",
        sobject=sobject,
    )


def snake_case(name: str) -> str:
    """``SystemModstamp`` becomes ``system_modstamp``, ``NPI__c`` becomes ``npi__c``."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name)
    return re.sub(r"_{3,}", "__", spaced).lower()
