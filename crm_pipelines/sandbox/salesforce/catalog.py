"""The objects the company has now: the declared ones, and the fields people added or dropped."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from crm_pipelines.sandbox.salesforce.answers import Problem
from crm_pipelines.sandbox.salesforce.schema.objects import SObject


class Catalog:
    """Objects by API name, which knows no case."""

    def __init__(self, objects: Sequence[SObject]) -> None:
        self._objects = {each.name.lower(): each for each in objects}
        self._hidden: set[str] = set()

    def __iter__(self) -> Iterator[SObject]:
        return iter([each for name, each in self._objects.items() if name not in self._hidden])

    def hide(self, name: str, *, hidden: bool) -> None:
        """Take an object from everybody's sight, or show it again. Raises ``KeyError``."""
        found = self._objects[name.lower()].name.lower()
        self._hidden = self._hidden | {found} if hidden else self._hidden - {found}

    def get(self, name: str) -> SObject:
        """An object that exists for sure, or ``KeyError``."""
        return self._objects[name.lower()]

    def look_up(self, name: str) -> SObject | None:
        """An object that may not exist, or may not be seen."""
        return None if name.lower() in self._hidden else self._objects.get(name.lower())

    def queried(self, name: str) -> SObject:
        """An object named in a query; raises ``INVALID_TYPE`` as a ``Problem``."""
        found = self.look_up(name)
        if found is None:
            raise Problem(
                400,
                "INVALID_TYPE",
                f"sObject type '{name}' is not supported. If you are attempting to use a custom "
                "object, be sure to append the '__c' after the entity name. Please reference "
                "your WSDL or the describe call for the appropriate names.",
            )
        return found

    def by_prefix(self, identity: str) -> SObject | None:
        """The object an Id belongs to."""
        return next((each for each in self if each.prefix == identity[:3]), None)

    def replace(self, changed: SObject) -> None:
        """Put an object's new shape in force."""
        self._objects[changed.name.lower()] = changed

    def children(self, parent: SObject) -> Iterator[tuple[SObject, str, str, bool]]:
        """Who refers to an object: child, its field, the relationship's name, cascading."""
        for child in self:
            for field in child.fields:
                if field.children and parent.name in field.refers_to:
                    yield child, field.name, field.children, field.cascade
