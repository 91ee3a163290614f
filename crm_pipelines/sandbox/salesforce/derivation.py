"""Fields that Salesforce itself fills from others when a record is written."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from crm_pipelines.sandbox.salesforce.schema.objects import SObject

Row = Mapping[str, str | None]
Derived = dict[str, str | None]

_PROBABILITY = {
    "Prospecting": "10",
    "Qualification": "10",
    "Needs Analysis": "20",
    "Value Proposition": "50",
    "Proposal/Price Quote": "75",
    "Negotiation/Review": "90",
    "Closed Won": "100",
    "Closed Lost": "0",
}
_TRACKED = ("StageName", "Amount", "Probability", "ForecastCategory", "CloseDate")


def derive(sobject: SObject, after: Row, before: Row | None = None) -> Derived:
    """What follows from a record's fields; ``before`` when it is being changed."""
    rule = _RULES.get(sobject.name)
    return rule(after, before or {}) if rule else {}


def history_of(before: Row, after: Row) -> Derived:
    """What an opportunity's history notes of a change; nothing when it tracks none of it."""
    if all(before.get(name) == after.get(name) for name in _TRACKED):
        return {}
    return {"OpportunityId": after["Id"], **{name: after.get(name) for name in _TRACKED}}


def field_changes(before: Row, after: Row) -> Iterator[Derived]:
    """A row of field history for each field that it tracks; none for a new record."""
    for name, kind in (("Amount", "Currency"), ("CloseDate", "Date"), ("StageName", "Text")):
        if before and before.get(name) != after.get(name):
            yield {
                "OpportunityId": after["Id"],
                "Field": name,
                "DataType": kind,
                "OldValue": before.get(name),
                "NewValue": after.get(name),
            }


def _opportunity(after: Row, before: Row) -> Derived:
    stage = after.get("StageName") or ""
    derived: Derived = {"ForecastCategory": forecast(stage)}
    if stage != before.get("StageName") and stage in _PROBABILITY:
        derived["Probability"] = _PROBABILITY[stage]
    return derived


def forecast(stage: str) -> str:
    """The forecast category a stage belongs to."""
    if stage == "Closed Won":
        return "Closed"
    return "Omitted" if stage == "Closed Lost" else "Pipeline"


def _task(after: Row, before: Row) -> Derived:
    if after.get("Status") != "Completed":
        return {"CompletedDateTime": None}
    if before.get("Status") == "Completed":
        return {}
    return {"CompletedDateTime": after.get("SystemModstamp")}


def _attachment(after: Row, before: Row) -> Derived:
    body = after.get("Body") or ""
    return {"BodyLength": str(len(body) * 3 // 4 - body.count("="))}


def _user(after: Row, before: Row) -> Derived:
    return {} if after.get("UserType") else {"UserType": "Standard"}


def _campaign_member(after: Row, before: Row) -> Derived:
    return {"HasResponded": "true" if after.get("Status") == "Responded" else "false"}


_RULES: dict[str, Callable[[Row, Row], Derived]] = {
    "Opportunity": _opportunity,
    "Task": _task,
    "Attachment": _attachment,
    "User": _user,
    "CampaignMember": _campaign_member,
}
