"""Which fields of an object are mirrored: the include and exclude lists."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, Field

from crm_pipelines.model.errors import FatalError

ALWAYS = ("Id", "IsDeleted", "SystemModstamp")
"""What the mirror itself stands on: the key, deletions, and what changed since when."""

INCLUDE, EXCLUDE = "SALESFORCE_INCLUDE_FIELDS", "SALESFORCE_EXCLUDE_FIELDS"
_NAME = re.compile(r"(\w+|\*)\.\w+")


def _listed(text: str) -> str:
    names = [name.strip() for name in text.split(",") if name.strip()]
    wrong = next((name for name in names if not _NAME.fullmatch(name)), None)
    if wrong is not None:
        raise ValueError(
            f"{wrong!r} must be Object.Field, like Contact.Birthdate, or *.Field for every object"
        )
    return ",".join(names)


def _droppable(text: str) -> str:
    for _, field in _pairs(text):
        if field.lower() in {name.lower() for name in ALWAYS}:
            raise ValueError(f"{field} cannot be left out: the mirror needs it")
    return text


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    for name in filter(None, text.split(",")):
        sobject, _, field = name.partition(".")
        yield sobject, field


Names = Annotated[str, AfterValidator(_listed)]
Droppable = Annotated[Names, AfterValidator(_droppable)]


class FieldSelection(BaseModel):
    """The two lists: ``Object.Field`` or ``*.Field``, separated by commas; names know no case.

    An object that ``include`` says nothing of keeps all its fields. ``exclude`` has the last word.
    """

    include_fields: Names = Field("", alias="SALESFORCE_INCLUDE_FIELDS")
    exclude_fields: Annotated[Names, AfterValidator(_droppable)] = Field(
        "", alias="SALESFORCE_EXCLUDE_FIELDS"
    )

    def choose(self, sobject: str, described: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """The fields to mirror. Raises ``FatalError`` for a named field the object has not."""
        there = {field["name"].lower() for field in described}
        wanted = _named(INCLUDE, self.include_fields, sobject, there)
        unwanted = _named(EXCLUDE, self.exclude_fields, sobject, there)
        kept = wanted | {name.lower() for name in ALWAYS} if wanted else there
        return [field for field in described if field["name"].lower() in kept - unwanted]


def _named(variable: str, text: str, sobject: str, there: set[str]) -> set[str]:
    """The fields that a list names for an object, in lower case."""
    found = set()
    for of, field in _pairs(text):
        if of.lower() == sobject.lower() and field.lower() not in there:
            raise FatalError(
                f"{variable} names {of}.{field}, but {sobject} has no such field, or the user "
                "may not see it: correct the name or take it out"
            )
        if of in ("*", sobject) or of.lower() == sobject.lower():
            found.add(field.lower())
    return found
