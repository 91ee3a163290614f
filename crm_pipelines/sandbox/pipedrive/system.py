"""Pipedrive as a system of the sandbox."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from starlette.responses import Response
from starlette.routing import BaseRoute

from crm_pipelines.sandbox.pipedrive import door, levers, oauth, refusals, surface_v1, surface_v2
from crm_pipelines.sandbox.pipedrive.changes import Author
from crm_pipelines.sandbox.pipedrive.company import Company
from crm_pipelines.sandbox.pipedrive.population.fill import fill
from crm_pipelines.sandbox.pipedrive.schema import COLLECTIONS, Record
from crm_pipelines.sandbox.world import World

PATHS = ("/api/v2/", "/api/v1/", "/v1/", "/oauth/authorize", "/oauth/token", "/oauth/revoke")


class Pipedrive:
    """One company over HTTP, and the levers to change it from outside."""

    name = "pipedrive"

    def __init__(self, world: World) -> None:
        self._world = world
        self._company = Company(world)
        self.limits = self._company.limits

    def routes(self) -> Sequence[BaseRoute]:
        """API v2, v1 and OAuth; and levers of our own beside those of the admin interface."""
        operations = [*surface_v2.operations(), *surface_v1.operations()]
        return [
            *door.routes(self._company, operations),
            *oauth.routes(self._company),
            *levers.routes(self._company),
        ]

    def owns(self, path: str) -> bool:
        """By the prefixes of the API."""
        return path.startswith(PATHS)

    def populate(self) -> None:
        """Fill an empty company; deliveries that an earlier sandbox left undone go on."""
        fill(self._company, self._world)
        self._company.deliveries.go_on()

    def refuse(self, kind: str) -> Response:
        """The answers that a fault replaces ours with."""
        if kind == "html_403":
            return refusals.blocked_page()
        if kind == "expired_login":
            return refusals.unauthorized().response()
        if kind == "server_error":
            return refusals.server_error().response()
        return self._company.meter.refusal(daily=kind == "daily_429").response()

    def usage(self) -> Mapping[str, Any]:
        """Today's tokens and requests."""
        return self._company.meter.usage()

    def objects(self) -> Sequence[str]:
        """Every collection."""
        return list(COLLECTIONS)

    def truth(self, name: str, *, deleted: bool = False) -> Iterator[Record]:
        """Every record as the API shows it, by id."""
        return self._company.records.each(_known(name), deleted=deleted)

    def create(self, name: str, fields: Record) -> Record:
        """Add a record; keys as the API shows them, values unchecked on purpose."""
        return self._company.changes.create(_known(name), fields, Author())

    def edit(self, name: str, identity: str, fields: Record) -> Record:
        """Change a record; an explicit ``update_time`` is kept, however old."""
        return self._company.changes.edit(name, _identity(name, identity), fields, Author())

    def delete(self, name: str, identity: str) -> None:
        """Delete softly."""
        self._company.changes.delete(name, _identity(name, identity), Author())

    def merge(self, name: str, identity: str, into: str) -> Record:
        """The survivor's values win."""
        changes = self._company.changes
        return changes.merge(name, _identity(name, identity), _identity(name, into), Author())

    def close(self) -> None:
        """Stop delivering."""
        self._company.deliveries.close()


def _known(name: str) -> str:
    if name not in COLLECTIONS:
        raise KeyError(name)
    return name


def _identity(name: str, text: str) -> Any:
    if COLLECTIONS[_known(name)].identity == "uuid":
        return text
    if not text.isdigit():
        raise ValueError(f"ids of {name} are numbers")
    return int(text)
