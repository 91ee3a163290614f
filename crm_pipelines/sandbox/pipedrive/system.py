"""Pipedrive as a system of the sandbox."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from starlette.responses import Response
from starlette.routing import BaseRoute

from crm_pipelines.sandbox.pipedrive import door, refusals, surface_v1, surface_v2
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
        """API v2, v1 and OAuth."""
        return door.routes(self._company, [*surface_v2.operations(), *surface_v1.operations()])

    def owns(self, path: str) -> bool:
        """By the prefixes of the API."""
        return path.startswith(PATHS)

    def populate(self) -> None:
        """Fill an empty company."""
        fill(self._company, self._world)

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
        if name not in COLLECTIONS:
            raise KeyError(name)
        return self._company.records.each(name, deleted=deleted)

    def create(self, name: str, fields: Record) -> Record:
        """Add a record."""
        raise ValueError("not yet")

    def edit(self, name: str, identity: str, fields: Record) -> Record:
        """Change a record."""
        raise ValueError("not yet")

    def delete(self, name: str, identity: str) -> None:
        """Delete softly."""
        raise ValueError("not yet")

    def merge(self, name: str, identity: str, into: str) -> Record:
        """Merge."""
        raise ValueError("not yet")
