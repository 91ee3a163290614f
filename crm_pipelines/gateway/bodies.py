"""Bodies of requests, made from the declared fields: what may be sent, and what it looks like.

Values are taken as they are, never bent: a number in quotes is refused. What only the calendar or
the CRM knows is checked further in, with the same words for every way in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    create_model,
    model_validator,
)

from crm_pipelines.model.command import Entity
from crm_pipelines.model.writable import FIELDS, OTHER_NAMES, Shape, Writable

WHOLE = r"^[^\x00]*$"
"""PostgreSQL keeps no NUL in a text."""
SAID = r"^[^\x00]*[!-~\u00c0-\u1fff\u3041-\ud7ff][^\x00]*$"
"""Something that can be seen."""
CLOCK = r"^([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?$"
LARGEST_ID = 2_147_483_647

EXAMPLES: Mapping[Entity, Mapping[str, JsonValue]] = {
    Entity.PERSON: {
        "name": "Ada Lovelace",
        "email": ["ada@example.com"],
        "phone": ["+442071234567"],
    },
    Entity.ORGANIZATION: {"name": "Analytical Engines", "country": "United Kingdom"},
    Entity.ACTIVITY: {"subject": "Follow-up", "due_date": "2026-12-01", "done": True},
    Entity.DEAL: {"title": "First order", "value": 1200.5, "currency": "EUR", "stage_id": 2},
}


def whole(number: Any) -> Any:
    """JSON knows one kind of number: 7.0 is 7."""
    return int(number) if isinstance(number, float) and number.is_integer() else number


Identity = Annotated[int, Field(ge=1, le=LARGEST_ID), BeforeValidator(whole)]


def _day(text: str) -> str:
    if len(text) != 10:
        raise ValueError("must be a date like 2026-01-31")
    date.fromisoformat(text)
    return text


def _address(text: str) -> str:
    name, at, host = text.rpartition("@")
    if not (name and at and host) or any(sign.isspace() or sign < " " for sign in text):
        raise ValueError("must be an e-mail address")
    return text


Day = Annotated[str, AfterValidator(_day), Field(json_schema_extra={"format": "date"})]
Email = Annotated[
    str,
    AfterValidator(_address),
    Field(min_length=3, max_length=254, json_schema_extra={"format": "email"}),
]
Phone = Annotated[str, Field(pattern=r"^\+?[0-9][0-9 ()./-]{1,60}$")]

TYPES: Mapping[Shape, Callable[[Writable], Any]] = {
    Shape.TEXT: lambda f: Annotated[str, Field(max_length=f.longest, pattern=SAID)],
    Shape.HTML: lambda f: Annotated[str, Field(max_length=f.longest, pattern=WHOLE)],
    Shape.NUMBER: lambda _: Annotated[float, Field(ge=-1e12, le=1e12, allow_inf_nan=False)],
    Shape.BOOLEAN: lambda _: bool,
    Shape.ID: lambda _: Identity,
    Shape.IDS: lambda _: Annotated[list[Identity], Field(max_length=50)],
    Shape.EMAILS: lambda _: Annotated[list[Email], Field(max_length=20)],
    Shape.PHONES: lambda _: Annotated[list[Phone], Field(max_length=20)],
    Shape.DATE: lambda _: Day,
    Shape.TIME: lambda _: Annotated[str, Field(pattern=CLOCK)],
    Shape.DURATION: lambda _: Annotated[str, Field(pattern=CLOCK)],
    Shape.CURRENCY: lambda _: Annotated[str, Field(pattern=r"^[A-Z]{3}$")],
    Shape.VISIBILITY: lambda _: Literal[1, 3, 5, 7],
    Shape.STATUS: lambda _: Literal["open", "won", "lost"],
}


class Body(BaseModel):
    """What every body is: nothing unknown, nothing converted."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Changes(Body):
    """Fields to change; those left out stay as they are."""

    @model_validator(mode="after")
    def _not_empty(self) -> Changes:
        if not self.model_fields_set:
            raise ValueError("there is nothing to change: name at least one field")
        return self

    def given(self, entity: Entity) -> dict[str, Any]:
        """What was sent, under the names that the rest of us use."""
        others = OTHER_NAMES.get(entity, {})
        sent = self.model_dump(include=self.model_fields_set)
        return {others.get(name, name): value for name, value in sent.items()}


PLAIN: Mapping[str, Any] = {"json_schema_extra": lambda schema: schema.pop("default", None)}
"""A field that may be left out has no default: null clears it."""


def _changes(entity: Entity) -> type[Changes]:
    fields = {**FIELDS[entity]}
    fields |= {name: fields[of] for name, of in OTHER_NAMES.get(entity, {}).items()}
    parts: dict[str, Any] = {}
    for name, field in fields.items():
        kind = TYPES[field.shape](field)
        parts[name] = (kind | None if field.clearable else kind, Field(None, **PLAIN))
    made = create_model(
        f"Update{entity.title()}", __base__=Changes, __doc__=Changes.__doc__, **parts
    )
    made.model_config["json_schema_extra"] = {"minProperties": 1, "example": dict(EXAMPLES[entity])}
    return made


CHANGES: Mapping[Entity, type[Changes]] = {entity: _changes(entity) for entity in Entity}
