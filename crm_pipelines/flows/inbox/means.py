"""What it takes to apply what one account told us."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

from crm_pipelines.budget.ledger import Ledgers
from crm_pipelines.flows.inbox.local_side import Side
from crm_pipelines.flows.mirror.flow import Mirror
from crm_pipelines.flows.push.rules import PushRules
from crm_pipelines.flows.stages.flow import Stages
from crm_pipelines.model.connector import Account
from crm_pipelines.model.errors import ConfigurationError
from crm_pipelines.model.event import Events
from crm_pipelines.store.database import Database

LOG = logging.getLogger("crm_pipelines.inbox")


@dataclass(frozen=True)
class Means:
    """``mirror`` gives the flow of a stream, ``stages`` do what changes of stage set off."""

    account: Account
    database: Database
    budget: Ledgers
    mirror: Callable[[str], Mirror]
    rules: PushRules
    stages: Stages
    log: logging.Logger = field(default=LOG)

    @property
    def about(self) -> dict[str, str]:
        """How statements name the account."""
        return {"workspace": self.account.workspace, "crm": self.account.crm}

    @cached_property
    def events(self) -> Events:
        """How its deliveries are understood. Raises ``ConfigurationError``."""
        found = self.account.connector.events
        if found is None:
            raise ConfigurationError(
                f"webhooks of {self.account.connector.title} are not understood"
            )
        return found

    def side(self, run: str = "") -> Side:
        """The local side."""
        return Side(**self.about, types=self.rules.types, run=run)
