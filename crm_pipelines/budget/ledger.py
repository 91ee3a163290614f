"""One stream's purse on the shared ledger."""

from __future__ import annotations

import time
from datetime import datetime

from crm_pipelines.model.call import Call, Limits, Observation
from crm_pipelines.model.errors import BudgetSpent
from crm_pipelines.store.database import Database


class Ledger:
    """Pays for the calls of one stream from the budget of its account.

    Every spend is one statement in PostgreSQL, so any number of processes and machines can
    share an account. ``calls`` and ``tokens`` count what this purse spent.
    """

    def __init__(
        self, database: Database, workspace: str, crm: str, stream: str, limits: Limits
    ) -> None:
        self._database, self._limits = database, limits
        self._account = {"workspace": workspace, "crm": crm}
        self._stream = stream
        self.calls = 0
        self.tokens = 0

    def spend(self, call: Call) -> None:
        """Pay, then wait for the turn that was reserved. Raises ``BudgetSpent``."""
        requests, seconds = self._limits.bursts.get(call.kind, (1_000, 1.0))
        rows = self._database.run(
            "budget.spend",
            {
                **self._account,
                "stream": self._stream,
                "cost": call.cost,
                "daily": self._limits.daily,
                "share": self._limits.share,
                "kind": call.kind,
                "requests": requests,
                "seconds": seconds,
            },
        )
        if not rows:
            resumes_at = self._resumes_at()
            raise BudgetSpent(f"the daily budget of {self._account['crm']} is spent", resumes_at)
        self.calls += 1
        self.tokens += call.cost
        time.sleep(rows[0]["wait"])

    def learn(self, seen: Observation) -> None:
        """Correct the ledger by the CRM's own figures; others may use the same account."""
        if seen.remaining is None and seen.daily is None:
            return
        self._database.run(
            "budget.learn",
            {
                **self._account,
                "daily": seen.daily,
                "remaining": seen.remaining,
                "configured": self._limits.daily,
            },
        )

    def exhaust(self, resumes_at: datetime | None) -> datetime:
        """Stop every process that uses this account until then (midnight UTC if not known)."""
        until = resumes_at or self._resumes_at()
        self._database.run("budget.exhaust", {**self._account, "until": until})
        return until

    def _resumes_at(self) -> datetime:
        row = self._database.run("budget.resumes_at", self._account)[0]
        found: datetime = row["at"]
        return found


class Ledgers:
    """Purses of every account that shares this database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def purse(self, workspace: str, crm: str, stream: str, limits: Limits) -> Ledger:
        """A purse for one stream's calls."""
        return Ledger(self._database, workspace, crm, stream, limits)
