"""The simulated Salesforce as the sandbox sees it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute

from crm_pipelines.sandbox.salesforce.answers import Problem, refusal
from crm_pipelines.sandbox.salesforce.catalog import Catalog
from crm_pipelines.sandbox.salesforce.company import LIMITS, Company
from crm_pipelines.sandbox.salesforce.credentials import Keys
from crm_pipelines.sandbox.salesforce.custom_fields import CustomFields
from crm_pipelines.sandbox.salesforce.extras import Extras
from crm_pipelines.sandbox.salesforce.levers import Levers
from crm_pipelines.sandbox.salesforce.population.filling import fill
from crm_pipelines.sandbox.salesforce.prepared_results import track_changes
from crm_pipelines.sandbox.salesforce.quota import Quota, exceeded
from crm_pipelines.sandbox.salesforce.records import Records
from crm_pipelines.sandbox.salesforce.resources import Resources
from crm_pipelines.sandbox.salesforce.schema import OBJECTS
from crm_pipelines.sandbox.salesforce.sessions import Sessions, expired
from crm_pipelines.sandbox.salesforce.tables import create_tables
from crm_pipelines.sandbox.system import Record
from crm_pipelines.sandbox.world import World

_HTML_403 = (
    "<html><head><title>Access Denied</title></head><body><h1>Access Denied</h1>"
    "<p>You don't have permission to access this resource on this server.</p></body></html>"
)


class Salesforce:
    """One simulated company; see ``sandbox.system.System``."""

    name = "salesforce"

    def __init__(self, world: World) -> None:
        self.limits = dict(LIMITS)
        self.company = Company(world, Catalog(OBJECTS), self.limits)
        with world.database.transaction() as connection:
            create_tables(connection, OBJECTS)
        self.custom_fields = CustomFields(self.company)
        self.custom_fields.restore()
        self.keys = Keys(self.company)
        self.keys.make()
        self.sessions = Sessions(self.company)
        self.quota = Quota(self.company)
        self.records = Records(self.company)
        self.levers = Levers(self.company, self.records)

    def routes(self) -> Sequence[BaseRoute]:
        """The HTTP surface, and admin levers that only Salesforce has."""
        resources = Resources(self.company, self.sessions, self.quota, self.keys)
        extras = Extras(self.sessions, self.keys, self.levers, self.custom_fields)
        return [*resources.routes(), *extras.routes()]

    def owns(self, path: str) -> bool:
        """Services and identity addresses."""
        return path.startswith(("/services", "/id/00D"))

    def populate(self) -> None:
        """Fill an empty company."""
        world = self.company.world
        if not world.database.rows("SELECT 1 FROM salesforce_meta WHERE key = 'filled'"):
            fill(world.database, self.company.catalog, world.sizes, world.seed)
        with world.database.transaction() as connection:
            track_changes(connection, [each.table for each in self.company.catalog])

    def refuse(self, kind: str) -> Response:
        """Salesforce's wording for a fault."""
        if kind == "html_403":
            return HTMLResponse(_HTML_403, 403)
        problems = {
            "expired_login": expired(),
            "server_error": Problem(503, "SERVER_UNAVAILABLE", "Server is unavailable"),
        }
        return refusal(problems.get(kind, exceeded()))

    def usage(self) -> Mapping[str, Any]:
        """Requests spent of the allowance."""
        used = self.quota.used()
        return {
            "daily_calls_used": used,
            "daily_calls_limit": self.quota.most,
            "daily_calls_left": max(0, self.quota.most - used),
        }

    def objects(self) -> Sequence[str]:
        """API names of all objects."""
        return [each.name for each in self.company.catalog]

    def truth(self, name: str, *, deleted: bool = False) -> Iterator[Record]:
        """Every record; numbers beyond a float's exactness are given as text."""
        return self.levers.truth(name, deleted=deleted)

    def create(self, name: str, fields: Record) -> Record:
        """Add a record behind the API's back."""
        return self.levers.create(name, fields)

    def edit(self, name: str, identity: str, fields: Record) -> Record:
        """Change a record; an explicit ``SystemModstamp`` makes a late commit."""
        return self.levers.edit(name, identity, fields)

    def delete(self, name: str, identity: str) -> None:
        """To the recycle bin."""
        self.levers.delete(name, identity)

    def merge(self, name: str, identity: str, into: str) -> Record:
        """Merge one record into another."""
        return self.levers.merge(name, identity, into)
