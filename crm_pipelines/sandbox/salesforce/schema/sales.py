"""Accounts, opportunities and their history, leads and campaigns."""

from __future__ import annotations

from crm_pipelines.sandbox.salesforce.schema.contact import LEAD_SOURCES, SALUTATIONS
from crm_pipelines.sandbox.salesforce.schema.fields import (
    Field,
    address,
    address_parts,
    area,
    day,
    email,
    flag,
    formula,
    moment,
    money,
    number,
    percent,
    phone,
    pick,
    read_only,
    reference,
    text,
    url,
    whole,
)
from crm_pipelines.sandbox.salesforce.schema.objects import SObject, identity, stamps

INDUSTRIES = ("Healthcare", "Insurance", "Education", "Government", "Not For Profit", "Other")
REGIONS = ("Metro", "Northeast", "Northwest", "Central", "Southwest", "Southeast")
STAGES = (
    "Prospecting",
    "Qualification",
    "Needs Analysis",
    "Value Proposition",
    "Proposal/Price Quote",
    "Negotiation/Review",
    "Closed Won",
    "Closed Lost",
)
FORECASTS = ("Omitted", "Pipeline", "BestCase", "Forecast", "Closed")

_CLOSED = "CASE WHEN {row}.StageName LIKE 'Closed%' THEN 'true' ELSE 'false' END"
_WON = "CASE WHEN {row}.StageName = 'Closed Won' THEN 'true' ELSE 'false' END"

ACCOUNT = SObject(
    "Account",
    "Accounts",
    "001",
    (
        *identity(mergeable=True, of="Account"),
        text("Name", 255, nillable=False, label="Account Name"),
        pick("Type", "Prospect", "Customer - Direct", "Customer - Channel", "Partner", "Other"),
        reference("ParentId", "Account", children="ChildAccounts"),
        *address_parts("Billing", "BillingAddress"),
        address("BillingAddress"),
        phone("Phone"),
        phone("Fax"),
        text("AccountNumber", 40),
        url("Website"),
        pick("Industry", *INDUSTRIES),
        money("AnnualRevenue", scale=0),
        whole("NumberOfEmployees"),
        area("Description", 32000),
        pick("Rating", "Hot", "Warm", "Cold"),
        text("Site", 80),
        pick("AccountSource", *LEAD_SOURCES),
        *stamps(),
        read_only(day("LastActivityDate")),
        text("External_Id__c", 64, external_id=True, unique=True),
        pick("Region__c", *REGIONS),
        text("Tax_Id__c", 10),
        flag("Is_Clinic__c"),
        number("Bed_Count__c", 6, 0),
    ),
)

OPPORTUNITY = SObject(
    "Opportunity",
    "Opportunities",
    "006",
    (
        *identity(),
        reference("AccountId", "Account", children="Opportunities", cascade=True),
        text("Name", 120, nillable=False),
        area("Description", 32000),
        pick("StageName", *STAGES, nillable=False, label="Stage"),
        money("Amount"),
        percent("Probability", precision=3, scale=0),
        formula(
            "ExpectedRevenue",
            "currency",
            "CASE WHEN {row}.Amount IS NOT NULL AND {row}.Probability IS NOT NULL THEN "
            "printf('%.2f', CAST({row}.Amount AS REAL) * {row}.Probability / 100) END",
            "",
            scale=2,
        ),
        number("TotalOpportunityQuantity", 18, 2),
        day("CloseDate", nillable=False),
        pick("Type", "New Business", "Existing Business", "Renewal"),
        text("NextStep", 255),
        pick("LeadSource", *LEAD_SOURCES),
        formula("IsClosed", "boolean", _CLOSED, "", nillable=False, label="Closed"),
        formula("IsWon", "boolean", _WON, "", nillable=False, label="Won"),
        pick("ForecastCategory", *FORECASTS, createable=False, updateable=False),
        reference("CampaignId", "Campaign", children="Opportunities"),
        reference("ContactId", "Contact", children="Opportunities"),
        *stamps(),
        read_only(day("LastActivityDate")),
        text("External_Id__c", 64, external_id=True, unique=True),
        pick("Loss_Reason__c", "Price", "Timing", "Competitor", "No decision"),
        money("Recurring_Revenue__c"),
    ),
)

OPPORTUNITY_HISTORY = SObject(
    "OpportunityHistory",
    "Opportunity History",
    "008",
    tuple(
        read_only(each)
        for each in (
            *identity(),
            reference("OpportunityId", "Opportunity", children="OpportunityHistories"),
            pick("StageName", *STAGES),
            money("Amount"),
            percent("Probability", precision=3, scale=0),
            pick("ForecastCategory", *FORECASTS),
            day("CloseDate"),
            reference("CreatedById", "User", nillable=False),
            moment("CreatedDate", nillable=False),
            moment("SystemModstamp", nillable=False),
        )
    ),
    writable=False,
    label="Opportunity History",
    name_field="Id",
)

OPPORTUNITY_FIELD_HISTORY = SObject(
    "OpportunityFieldHistory",
    "Opportunity Field History",
    "017",
    tuple(
        read_only(each)
        for each in (
            *identity(),
            reference("OpportunityId", "Opportunity", children="Histories"),
            reference("CreatedById", "User", nillable=False),
            moment("CreatedDate", nillable=False),
            pick("Field", "Amount", "CloseDate", "StageName", nillable=False),
            pick("DataType", "Text", "Currency", "Date"),
            text("OldValue", 255),
            text("NewValue", 255),
        )
    ),
    writable=False,
    label="Opportunity Field History",
    name_field="Id",
)
"""Rows of a field's history never change, so that they have no ``SystemModstamp``."""

_PERSON_NAME = formula(
    "Name",
    "string",
    "CASE WHEN {row}.FirstName IS NULL THEN {row}.LastName "
    "ELSE {row}.FirstName || ' ' || {row}.LastName END",
    "",
    label="Full Name",
    length=121,
    nillable=False,
)

LEAD = SObject(
    "Lead",
    "Leads",
    "00Q",
    (
        *identity(mergeable=True, of="Lead"),
        text("LastName", 80, nillable=False),
        text("FirstName", 40),
        pick("Salutation", *SALUTATIONS),
        _PERSON_NAME,
        text("Title", 128),
        text("Company", 255, nillable=False),
        *address_parts("", "Address"),
        address("Address"),
        phone("Phone"),
        phone("MobilePhone"),
        email("Email"),
        url("Website"),
        pick("LeadSource", *LEAD_SOURCES),
        pick("Status", "Open - Not Contacted", "Working - Contacted", "Closed", nillable=False),
        pick("Industry", *INDUSTRIES),
        pick("Rating", "Hot", "Warm", "Cold"),
        money("AnnualRevenue", scale=0),
        whole("NumberOfEmployees"),
        area("Description", 32000),
        *stamps(),
        flag("IsConverted", updateable=False),
        read_only(day("ConvertedDate")),
        read_only(reference("ConvertedContactId", "Contact")),
        text("External_Id__c", 64, external_id=True, unique=True),
    ),
)

CAMPAIGN = SObject(
    "Campaign",
    "Campaigns",
    "701",
    (
        *identity(),
        text("Name", 80, nillable=False),
        reference("ParentId", "Campaign", children="ChildCampaigns"),
        pick("Type", "Conference", "Webinar", "Email", "Direct Mail", "Other"),
        pick("Status", "Planned", "In Progress", "Completed", "Aborted"),
        day("StartDate"),
        day("EndDate"),
        money("BudgetedCost"),
        money("ActualCost"),
        percent("ExpectedResponse"),
        flag("IsActive"),
        area("Description", 32000),
        *stamps(),
    ),
)

CAMPAIGN_MEMBER = SObject(
    "CampaignMember",
    "Campaign Members",
    "00v",
    (
        *identity(),
        reference("CampaignId", "Campaign", nillable=False, children="CampaignMembers"),
        reference("LeadId", "Lead", children="CampaignMembers"),
        reference("ContactId", "Contact", children="CampaignMembers"),
        pick("Status", "Sent", "Responded"),
        Field("HasResponded", "boolean", nillable=False, default="false"),
        day("FirstRespondedDate"),
        *stamps(owned=False),
    ),
    label="Campaign Member",
    name_field="Id",
)
