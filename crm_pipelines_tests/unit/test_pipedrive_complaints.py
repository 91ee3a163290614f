"""Which field Pipedrive means when it refuses a body."""

from __future__ import annotations

import pytest

from crm_pipelines.connectors.pipedrive.complaints import in_our_words
from crm_pipelines.model.command import Entity
from crm_pipelines.model.errors import InvalidData

ACTIVITY = {"subject": "S", "type": "call", "due_time": "10:00:00", "person_id": 1, "note": "n"}
PERSON = {"name": "A", "email": ["a@example.com"], "phone": ["1"], "org_id": 7}
PLACE = {"name": "A", "country": "Estonia"}
DEAL = {"title": "T", "value": 1, "status": "open"}


@pytest.mark.parametrize(
    ("entity", "values", "words", "fields"),
    [
        (Entity.ACTIVITY, ACTIVITY, "Validation failed: due_time: not valid", ("due_time",)),
        (Entity.ACTIVITY, ACTIVITY, 'Validation failed: "participants" must be', ("person_id",)),
        (Entity.ACTIVITY, ACTIVITY, "participants[0].person_id is gone", ("person_id",)),
        (Entity.ACTIVITY, ACTIVITY, "this type of note is not allowed", ()),
        (Entity.ACTIVITY, {"type": "call"}, 'Validation failed: "subject" is', ("subject",)),
        (Entity.PERSON, PERSON, "Validation failed: emails.0.value: too long", ("email",)),
        (Entity.PERSON, PERSON, 'Validation failed: "emails" and "phones"', ("email", "phone")),
        (Entity.PERSON, PERSON, 'Validation failed: "org_id" must be a number', ("org_id",)),
        (Entity.PERSON, {"phone": []}, "Name must be given.", ()),
        (Entity.PERSON, PERSON, "Something else", ()),
        (Entity.ORGANIZATION, PLACE, '"address" "value" is required', ("country",)),
        (Entity.DEAL, DEAL, "this value is not good", ()),
        (Entity.DEAL, DEAL, '"value" must be a number', ("value",)),
    ],
)
def test_fields(
    entity: Entity, values: dict[str, object], words: str, fields: tuple[str, ...]
) -> None:
    assert in_our_words(InvalidData(words), entity, values).fields == fields
