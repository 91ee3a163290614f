"""The label of warm leads, and persons who were in the CRM before they became leads."""

from __future__ import annotations

from typing import Any

from crm_pipelines.flows.push.outcome import Outcome
from crm_pipelines.flows.push.prepared import Prepared
from crm_pipelines.flows.push.round import Round
from crm_pipelines.flows.push.sinks import Opened
from crm_pipelines.model.command import Entity
from crm_pipelines.model.sink import Found, Sink


def label_of(round_: Round, sink: Sink, one: Prepared) -> int | None:
    """The label for those who are made from contacts of the local side; made if it is missing."""
    if one.command.entity is not Entity.PERSON or one.command.local_id is None:
        return None
    return sink.label_id(Entity.PERSON, round_.rules.warm_lead_label)


def link(round_: Round, opened: Opened, one: Prepared, there: Found) -> Outcome:
    """A record that is there is used as it is; a person gets the label beside those he has."""
    label = label_of(round_, opened.sink, one)
    before = {"label_ids": list(there.values.get("label_ids") or ())}
    if label is None or label in before["label_ids"]:
        return Outcome(there, {}, linked=True)
    written: dict[str, Any] = {"label_ids": sorted({*before["label_ids"], label})}
    found = opened.sink.update(Entity.PERSON, there.remote_id, written)
    return Outcome(found, written, before, linked=True)
