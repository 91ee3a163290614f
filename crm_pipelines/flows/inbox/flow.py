"""The inbox of one account: fetch deliveries, transform, validate, apply."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field

from crm_pipelines.budget.ledger import Ledgers
from crm_pipelines.flows.inbox.batches import Applied, Batch, Checked, Understood
from crm_pipelines.flows.mirror.flow import Mirror
from crm_pipelines.model.connector import Account
from crm_pipelines.store import inbox as store
from crm_pipelines.store.database import Database

LOG = logging.getLogger("crm_pipelines.inbox")
MOST = 500
"""Deliveries of one batch."""


@dataclass(frozen=True)
class Inbox:
    """Everything that is needed to apply what one account told us.

    ``fetch``, ``transform``, ``validate`` and ``apply`` are the four phases; ``work`` does all of
    them. ``mirror`` gives the flow of a stream.
    """

    account: Account
    database: Database
    budget: Ledgers
    mirror: Callable[[str], Mirror]
    log: logging.Logger = field(default=LOG)

    @property
    def about(self) -> dict[str, str]:
        """How statements name the account."""
        return {"workspace": self.account.workspace, "crm": self.account.crm}

    def fetch(self, *, most: int = MOST) -> Batch:
        """Deliveries whose turn it is. Nothing while the account is not set up: they wait."""
        if not self.account.configured:
            return Batch()
        return Batch(tuple(store.waiting(self.database, **self.about, most=most)))

    def transform(self, batch: Batch) -> Understood:
        """What they say, whatever version they are written in."""
        raise NotImplementedError

    def validate(self, understood: Understood) -> Checked:
        """Which of them count."""
        raise NotImplementedError

    def apply(self, checked: Checked, *, run: str = "") -> Applied:
        """Write what counts to the mirror and to the local side, and settle the deliveries."""
        raise NotImplementedError

    def work(self, *, most: int = MOST, run: str = "") -> Applied:
        """All four phases, until nothing waits whose time has come."""
        raise NotImplementedError
