"""Contact: the standard fields, and sixty of a health network's own."""

from __future__ import annotations

from crm_pipelines.sandbox.salesforce.schema.fields import (
    address,
    address_parts,
    area,
    clock_time,
    day,
    email,
    flag,
    formula,
    location,
    moment,
    money,
    number,
    percent,
    phone,
    pick,
    picks,
    read_only,
    reference,
    text,
    url,
    whole,
)
from crm_pipelines.sandbox.salesforce.schema.objects import SObject, identity, stamps

SPECIALTIES = (
    "Cardiology",
    "Dermatology",
    "Emergency Medicine",
    "Family Medicine",
    "Internal Medicine",
    "Neurology",
    "Obstetrics & Gynecology",
    "Oncology",
    "Orthopedic Surgery",
    "Pediatrics",
    "Psychiatry",
    "Radiology",
    "Women's Health",
)
LANGUAGES = ("English", "Spanish", "Hmong", "Somali", "Karen", "Vietnamese", "Russian", "Oromo")
COUNTIES = ("Hennepin", "Ramsey", "Dakota", "Anoka", "St. Louis", "Olmsted", "Lac qui Parle")
LEAD_SOURCES = ("Web", "Phone Inquiry", "Partner Referral", "Purchased List", "Other")
SALUTATIONS = ("Mr.", "Ms.", "Mrs.", "Dr.", "Prof.", "Mx.")

STANDARD = (
    *identity(mergeable=True, of="Contact"),
    reference("AccountId", "Account", children="Contacts", cascade=True),
    text("LastName", 80, nillable=False),
    text("FirstName", 40),
    pick("Salutation", *SALUTATIONS),
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
    *address_parts("Mailing", "MailingAddress"),
    address("MailingAddress"),
    phone("Phone"),
    phone("Fax"),
    phone("MobilePhone"),
    reference("ReportsToId", "Contact"),
    email("Email"),
    text("Title", 128),
    text("Department", 80),
    pick("LeadSource", *LEAD_SOURCES),
    day("Birthdate"),
    area("Description", 32000),
    *stamps(),
    read_only(day("LastActivityDate")),
    flag("HasOptedOutOfEmail"),
    flag("DoNotCall"),
    read_only(flag("IsEmailBounced")),
    read_only(moment("EmailBouncedDate")),
    read_only(url("PhotoUrl")),
)

PROVIDER = (
    text("npi__c", 10, label="NPI", external_id=True, unique=True),
    text("External_Id__c", 64, external_id=True, unique=True),
    reference("Provider__c", "Provider__c", children="Contacts__r"),
    pick("Specialty__c", *SPECIALTIES),
    picks("Secondary_Specialties__c", *SPECIALTIES),
    text("Taxonomy_Code__c", 10),
    pick("Provider_Type__c", "MD", "DO", "NP", "PA", "RN", "PhD", "N/A"),
    text("License_Number__c", 40),
    pick("License_State__c", "MN", "WI", "IA", "ND", "SD"),
    day("License_Expiration__c"),
    text("DEA_Number__c", 9),
    text("Medicare_Number__c", 40),
    text("Medicaid_Id__c", 40),
    flag("Board_Certified__c"),
    day("Board_Certification_Date__c"),
    text("Medical_School__c", 120),
    whole("Graduation_Year__c"),
    text("Residency__c", 120),
    flag("Accepting_New_Patients__c", default="true"),
    flag("Telehealth__c"),
    picks("Languages__c", *LANGUAGES),
    pick("Gender__c", "Female", "Male", "Nonbinary", "Prefer not to say"),
    area("Biography__c", 32768),
    area("Clinical_Notes__c", 131072),
)

NETWORK = (
    pick("Network_Status__c", "In Network", "Out of Network", "Pending", "Terminated"),
    text("Network_Name__c", 120),
    pick("Network_Tier__c", "1", "2", "3", "4"),
    day("Network_Effective_Date__c"),
    day("Network_Termination_Date__c"),
    moment("Credentialed_At__c"),
    moment("Last_Verified_At__c"),
    percent("Match_Confidence__c"),
    number("Quality_Score__c", 5, 2),
    money("Annual_Claims__c"),
    money("Negotiated_Rate__c"),
    number("Lifetime_Value__c", 18, 8),
    whole("Panel_Size__c"),
    number("Claims_Count__c", 18, 0),
    text("Contract_Number__c", 40),
    url("Profile_URL__c"),
    email("Billing_Email__c"),
    phone("Scheduling_Phone__c"),
)

PRACTICE = (
    text("Practice_Name__c", 160),
    area("Practice_Street__c"),
    text("Practice_City__c", 60),
    text("Practice_State__c", 2),
    text("Practice_Zip__c", 10),
    *location("Practice_Location__c"),
    clock_time("Opens_At__c"),
    clock_time("Closes_At__c"),
    text("MN_House_Number__c", 20),
    text("MN_Street_Name__c", 80),
    text("MN_Unit__c", 20),
    pick("MN_County__c", *COUNTIES),
    text("MN_Legislative_District__c", 3),
    text("Census_Tract__c", 11),
    formula(
        "Region__c",
        "string",
        '(SELECT a.Region__c FROM "salesforce_Account" a WHERE a.Id = {row}.AccountId)',
        "TEXT(Account.Region__c)",
    ),
    formula(
        "Is_Licensed__c",
        "boolean",
        "CASE WHEN {row}.License_Expiration__c >= '2026-01-01' THEN 'true' ELSE 'false' END",
        "License_Expiration__c >= DATE(2026, 1, 1)",
        nillable=False,
    ),
    formula(
        "Claims_Per_Patient__c",
        "double",
        "CASE WHEN {row}.Panel_Size__c > 0 AND {row}.Claims_Count__c IS NOT NULL THEN "
        "printf('%.2f', CAST({row}.Claims_Count__c AS REAL) / {row}.Panel_Size__c) END",
        "Claims_Count__c / Panel_Size__c",
        scale=2,
    ),
)

CONTACT = SObject("Contact", "Contacts", "003", (*STANDARD, *PROVIDER, *NETWORK, *PRACTICE))
