"""What a Salesforce object is, and the fields that every one of them has."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

from crm_pipelines.sandbox.salesforce.schema.fields import (
    Field,
    flag,
    moment,
    read_only,
    reference,
)


@dataclass(frozen=True)
class SObject:
    """One object: its names, its Id prefix and its fields in the order that describe shows."""

    name: str
    plural: str
    prefix: str
    fields: tuple[Field, ...]
    writable: bool = True
    label: str = ""
    name_field: str = "Name"

    @cached_property
    def by_name(self) -> dict[str, Field]:
        """Fields by name in lower case: API names know no case."""
        return {each.name.lower(): each for each in self.fields}

    @cached_property
    def stored(self) -> tuple[Field, ...]:
        """Fields with a column of their own."""
        return tuple(each for each in self.fields if each.stored)

    @cached_property
    def parents(self) -> dict[str, Field]:
        """Reference fields by relationship name in lower case."""
        return {f.relationship.lower(): f for f in self.fields if f.relationship}

    @property
    def custom(self) -> bool:
        """Whether customers made it."""
        return self.name.endswith("__c")

    @property
    def deletable(self) -> bool:
        """Whether records can be deleted at all."""
        return self.writable and "isdeleted" in self.by_name and self.name != "User"

    @property
    def mergeable(self) -> bool:
        """Whether two records can be merged into one."""
        return "masterrecordid" in self.by_name

    @property
    def table(self) -> str:
        """The name of its table."""
        return "salesforce_" + self.name

    def with_field(self, added: Field) -> SObject:
        """The same object with one more field."""
        return replace(self, fields=(*self.fields, added))

    def without_field(self, name: str) -> SObject:
        """The same object with one field less."""
        return replace(self, fields=tuple(f for f in self.fields if f.name != name))


def identity(*, deletable: bool = True, mergeable: bool = False, of: str = "") -> tuple[Field, ...]:
    """Id and what says whether the record still lives."""
    fields = [Field("Id", "id", label="Record ID", length=18, nillable=False)]
    if deletable:
        fields.append(flag("IsDeleted", label="Deleted"))
    if mergeable:
        fields.append(reference("MasterRecordId", of))
    return tuple(read_only(each) for each in fields)


def stamps(*, owned: bool = True) -> tuple[Field, ...]:
    """Owner, and who made and changed the record when."""
    made = (
        moment("CreatedDate", nillable=False),
        reference("CreatedById", "User", nillable=False),
        moment("LastModifiedDate", nillable=False),
        reference("LastModifiedById", "User", nillable=False),
        moment("SystemModstamp", nillable=False),
    )
    owner = (reference("OwnerId", "User", nillable=False),) if owned else ()
    return (*owner, *(read_only(each) for each in made))
