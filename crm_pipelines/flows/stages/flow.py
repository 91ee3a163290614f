"""The stages of one account: their history, what it sets off, and the past from change logs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from crm_pipelines.audit.log import AuditLog
from crm_pipelines.budget.ledger import Ledgers
from crm_pipelines.flows.stages import history
from crm_pipelines.flows.stages.past import Filled, Past
from crm_pipelines.flows.stages.run import Turn
from crm_pipelines.model.connector import Account
from crm_pipelines.model.notice import Notice
from crm_pipelines.store.database import Database


@dataclass(frozen=True)
class Stages:
    """``tell`` brings news to people at once, and raises where it could not."""

    account: Account
    database: Database
    budget: Ledgers
    audit: AuditLog
    tell: Callable[[Notice], None]

    @property
    def workspace(self) -> str:
        """The tenant."""
        return self.account.workspace

    @property
    def crm(self) -> str:
        """The CRM."""
        return self.account.crm

    def complete(self) -> int:
        """Changes that the mirror shows and nobody told; how many."""
        return history.complete(self.database, self.workspace, self.crm)

    def run_waiting(self, *, run: str = "") -> int:
        """Do what changes of stage have set off and whose time has come; how many were done.

        Raises ``SystemTrouble`` only: what goes wrong with an action is kept with it.
        """
        turn = Turn(self.database, self.workspace, self.crm, self.audit, self.tell, run)
        return turn.work()

    def work(self, *, run: str = "") -> tuple[int, int]:
        """Both: changes that were found, actions that were done."""
        found = self.complete()
        return found, self.run_waiting(run=run)

    def fill_past(self, *, most: int = 0, run: str = "") -> Filled:
        """Read the change logs of deals whose past is not known, ``most`` of them (0: all).

        Stops as ``paused`` when the budget's share is spent, and goes on there the next time.
        """
        return Past(self.account, self.database, self.budget, run, most).fill()
