"""One simulated Pipedrive company: everything its operations work with, in one place."""

from __future__ import annotations

from typing import Any

from crm_pipelines.sandbox.pipedrive.access import Access
from crm_pipelines.sandbox.pipedrive.fields import Fields
from crm_pipelines.sandbox.pipedrive.filters import Filters
from crm_pipelines.sandbox.pipedrive.limits import LIMITS
from crm_pipelines.sandbox.pipedrive.meter import Meter
from crm_pipelines.sandbox.pipedrive.records import Records
from crm_pipelines.sandbox.pipedrive.schema import Record
from crm_pipelines.sandbox.world import World


class Company:
    """Records, logins, counters and limits."""

    def __init__(self, world: World) -> None:
        self.clock = world.clock
        self.limits = dict(LIMITS)
        self.records = Records(world.database)
        self.fields = Fields(world.database)
        self.filters = Filters(self.records, self.fields)
        self.access = Access(world.database, world.clock)
        self.meter = Meter(world.database, world.clock, self.limits)
        self.database = world.database

    def optional(self, collection: str, record: Record, name: str) -> Any:
        """A field that is shown only on request."""
        return 0 if name.endswith("_count") else None

    def stamp(self) -> str:
        """Now, as v2 writes times."""
        return self.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
