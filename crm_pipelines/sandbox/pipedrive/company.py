"""One simulated Pipedrive company: everything its operations work with, in one place."""

from __future__ import annotations

from crm_pipelines.sandbox.pipedrive.access import Access
from crm_pipelines.sandbox.pipedrive.change_log import ChangeLog
from crm_pipelines.sandbox.pipedrive.changes import Changes
from crm_pipelines.sandbox.pipedrive.deliveries import Deliveries
from crm_pipelines.sandbox.pipedrive.fields import Fields
from crm_pipelines.sandbox.pipedrive.filters import Filters
from crm_pipelines.sandbox.pipedrive.limits import LIMITS
from crm_pipelines.sandbox.pipedrive.meter import Meter
from crm_pipelines.sandbox.pipedrive.records import Records
from crm_pipelines.sandbox.pipedrive.search_index import SearchIndex
from crm_pipelines.sandbox.world import World


class Company:
    """Records, logins, counters and limits."""

    def __init__(self, world: World) -> None:
        self.clock = world.clock
        self.limits = dict(LIMITS)
        self.records = Records(world.database)
        self.fields = Fields(world.database)
        self.changes = Changes(world.database, world.clock, self.records, self.fields)
        self.index = SearchIndex(world.database, self.fields)
        self.changes.listen(self.index.hear)
        self.deliveries = Deliveries(
            world.clock, self.records, self.fields, self.limits, world.database
        )
        self.changes.listen(self.deliveries.hear)
        self.change_log = ChangeLog(world.database, world.clock, self.limits)
        self.changes.listen(self.change_log.hear)
        self.filters = Filters(self.records, self.fields)
        self.access = Access(world.database, world.clock)
        self.meter = Meter(world.database, world.clock, self.limits)
        self.database = world.database

    def currency_codes(self) -> set[str]:
        """Codes of the company's currencies."""
        return {currency["code"] for currency in self.records.each("currencies")}
