"""Which objects the simulated company has; each is declared once, and everything follows."""

from crm_pipelines.sandbox.salesforce.schema import contact, sales, work
from crm_pipelines.sandbox.salesforce.schema.objects import SObject

OBJECTS: tuple[SObject, ...] = (
    work.USER,
    sales.ACCOUNT,
    work.PROVIDER,
    contact.CONTACT,
    sales.CAMPAIGN,
    sales.OPPORTUNITY,
    sales.OPPORTUNITY_HISTORY,
    sales.OPPORTUNITY_FIELD_HISTORY,
    sales.LEAD,
    sales.CAMPAIGN_MEMBER,
    work.TASK,
    work.EVENT,
    work.ATTACHMENT,
)
"""In the order in which they can be filled: referred-to objects first."""
