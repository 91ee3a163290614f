"""What it takes to write to one account."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from functools import cached_property

from crm_pipelines.audit.log import AuditLog
from crm_pipelines.budget.ledger import Ledgers
from crm_pipelines.flows.push.acquaintances import Acquaintances
from crm_pipelines.flows.push.rules import PushRules
from crm_pipelines.flows.push.sinks import Sinks
from crm_pipelines.model.connector import Account
from crm_pipelines.model.notice import Notify
from crm_pipelines.store.database import Database

LOG = logging.getLogger("crm_pipelines.push")


@dataclass(frozen=True)
class Means:
    """Close them after use. Safe to share between threads."""

    account: Account
    database: Database
    budget: Ledgers
    audit: AuditLog
    rules: PushRules
    notify: Notify
    log: logging.Logger = field(default=LOG)

    @cached_property
    def sinks(self) -> Sinks:
        """Opened accounts."""
        return Sinks(self.account, self.budget)

    @cached_property
    def acquaintances(self) -> Acquaintances:
        """Who is in the CRM."""
        return Acquaintances(self.database, **self.about)

    @property
    def workspace(self) -> str:
        """The tenant."""
        return self.account.workspace

    @property
    def about(self) -> dict[str, str]:
        """How statements name the account."""
        return {"workspace": self.workspace, "crm": self.account.crm}

    def close(self) -> None:
        """Give back what was opened; news still on their way get a few seconds."""
        if "sinks" in self.__dict__:
            self.sinks.close()
        self.notify.close()
