"""Tasks, events, attachments, users and the custom object of the provider directory."""

from __future__ import annotations

from crm_pipelines.sandbox.salesforce.schema.contact import SPECIALTIES
from crm_pipelines.sandbox.salesforce.schema.fields import (
    Field,
    address,
    address_parts,
    area,
    day,
    email,
    flag,
    formula,
    location,
    moment,
    number,
    phone,
    pick,
    read_only,
    reference,
    text,
    url,
    whole,
)
from crm_pipelines.sandbox.salesforce.schema.objects import SObject, identity, stamps

TASK = SObject(
    "Task",
    "Tasks",
    "00T",
    (
        *identity(),
        reference("WhoId", "Contact", "Lead", children="Tasks"),
        reference("WhatId", "Account", "Opportunity", "Campaign", children="Tasks"),
        text("Subject", 255),
        day("ActivityDate", label="Due Date Only"),
        pick("Status", "Not Started", "In Progress", "Completed", "Deferred", nillable=False),
        pick("Priority", "High", "Normal", "Low", nillable=False, default="Normal"),
        area("Description", 32000),
        pick("Type", "Call", "Email", "Meeting", "Other"),
        whole("CallDurationInSeconds"),
        *stamps(),
        flag("IsReminderSet"),
        moment("ReminderDateTime"),
        read_only(moment("CompletedDateTime")),
    ),
    name_field="Subject",
)

EVENT = SObject(
    "Event",
    "Events",
    "00U",
    (
        *identity(),
        reference("WhoId", "Contact", "Lead", children="Events"),
        reference("WhatId", "Account", "Opportunity", "Campaign", children="Events"),
        text("Subject", 255),
        text("Location", 255),
        flag("IsAllDayEvent"),
        day("ActivityDate", label="Due Date Only"),
        moment("StartDateTime"),
        moment("EndDateTime"),
        whole("DurationInMinutes"),
        area("Description", 32000),
        pick("ShowAs", "Busy", "OutOfOffice", "Free"),
        *stamps(),
    ),
    name_field="Subject",
)

ATTACHMENT = SObject(
    "Attachment",
    "Attachments",
    "00P",
    (
        *identity(),
        reference("ParentId", "Account", "Contact", "Opportunity", children="Attachments"),
        text("Name", 255, nillable=False),
        text("ContentType", 120),
        read_only(whole("BodyLength")),
        Field("Body", "base64", nillable=False),
        *stamps(),
    ),
)

USER = SObject(
    "User",
    "Users",
    "005",
    (
        *identity(deletable=False),
        text("Username", 80, nillable=False, unique=True),
        text("LastName", 80, nillable=False),
        text("FirstName", 40),
        formula(
            "Name",
            "string",
            "CASE WHEN {row}.FirstName IS NULL THEN {row}.LastName "
            "ELSE {row}.FirstName || ' ' || {row}.LastName END",
            "",
            label="Full Name",
            length=121,
            nillable=False,
        ),
        text("CompanyName", 80),
        text("Department", 80),
        text("Title", 80),
        *address_parts("", "Address"),
        address("Address"),
        email("Email"),
        phone("Phone"),
        text("Alias", 8, nillable=False),
        flag("IsActive", default="true"),
        pick("TimeZoneSidKey", "America/Chicago", "Etc/UTC", nillable=False),
        pick("LocaleSidKey", "en_US", "es_US", nillable=False),
        pick("UserType", "Standard", "AutomatedProcess", createable=False, updateable=False),
        pick("LanguageLocaleKey", "en_US", nillable=False),
        reference("ManagerId", "User"),
        read_only(moment("LastLoginDate")),
        *stamps(owned=False),
        text("EmployeeNumber", 20),
    ),
)

PROVIDER = SObject(
    "Provider__c",
    "Providers",
    "a00",
    (
        *identity(),
        text("Name", 80, label="Provider Name"),
        text("NPI__c", 10, external_id=True, unique=True),
        pick("Specialty__c", *SPECIALTIES),
        text("Taxonomy_Code__c", 10),
        flag("Active__c", default="true"),
        url("Website__c"),
        *location("Site__c"),
        number("Rating__c", 3, 1),
        day("Enrolled_On__c"),
        *stamps(),
    ),
    label="Provider",
)
