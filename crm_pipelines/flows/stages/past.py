"""The past of deals, read from their own change logs: deal by deal, page by page, paid for once."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from crm_pipelines.budget.ledger import Ledger, Ledgers
from crm_pipelines.flows.stages import history
from crm_pipelines.flows.stages.logbook import Reading
from crm_pipelines.model.change_log import ChangeLog
from crm_pipelines.model.connector import Account
from crm_pipelines.model.errors import BudgetSpent, GoneError
from crm_pipelines.model.manifest import Outcome
from crm_pipelines.model.priority import Priority
from crm_pipelines.model.window import Slice
from crm_pipelines.store.database import Database, untangled
from crm_pipelines.store.history import database_time, record_run
from crm_pipelines.store.stages.pasts import STREAM, Pasts


@dataclass(frozen=True)
class Filled:
    """What a turn of reading came to. ``left`` deals are still to be read.

    ``resumes_at`` is there where the budget's share is spent; ``busy`` says that somebody else is
    at it, and nothing was done.
    """

    deals: int = 0
    added: int = 0
    calls: int = 0
    tokens: int = 0
    left: int = 0
    resumes_at: datetime | None = None
    busy: bool = False


class Past:
    """One turn."""

    def __init__(
        self, account: Account, database: Database, budget: Ledgers, run: str, most: int
    ) -> None:
        self._account, self._database, self._run, self._most = account, database, run, most
        self._budget = budget
        self._pasts = Pasts(database, account.workspace, account.crm)
        self._deals = self._added = 0

    def fill(self) -> Filled:
        """Until nothing is left, or ``most`` deals are read, or the share is spent.

        Raises ``CrmError``; what was read until then is kept.
        """
        history.complete(self._database, self._account.workspace, self._account.crm)
        with self._pasts.alone() as ours:
            if not ours:
                return Filled(busy=True, left=self._pasts.left())
            self._pasts.look()
            if self._pasts.next() is None:
                self._pasts.resume()
                return Filled()
            return self._read()

    def _read(self) -> Filled:
        started_at = database_time(self._database)
        purse = self._budget.purse(
            self._account.workspace, self._account.crm, STREAM, self._account.limits,
            Priority.BACKFILL,
        )  # fmt: skip
        try:
            with closing(self._account.open_change_log(purse)) as log:
                self._read_deals(log, purse)
        except BudgetSpent as error:
            self._pasts.pause(self._run, error.resumes_at)
            words = f"{error}; goes on at {error.resumes_at:%Y-%m-%d %H:%M} UTC"
            self._record("paused", purse, started_at, words)
            return replace(self._filled(purse), resumes_at=error.resumes_at)
        except Exception as error:
            self._record("failed", purse, started_at, str(error).strip() or type(error).__name__)
            raise
        self._pasts.resume()
        self._record("success", purse, started_at)
        return self._filled(purse)

    def _read_deals(self, log: ChangeLog, purse: Ledger) -> None:
        pipelines = self._pasts.pipelines()
        while not (self._most and self._deals >= self._most):
            deal = self._pasts.next()
            if deal is None:
                return
            spent = purse.tokens
            reading = Reading.of(deal, pipelines)
            try:
                page = log.of_deal(deal["deal_id"], deal["page_token"])
            except GoneError:
                self._keep(deal, "gone", purse.tokens - spent)
                self._deals += 1
                continue
            found = reading.turn(page.changes)
            if page.next_token is not None:
                tokens = purse.tokens - spent
                self._keep(deal, "reading", tokens, found, reading, page.next_token)
                continue
            status, origin = reading.end()
            self._keep(deal, status, purse.tokens - spent, found + origin)
            self._deals += 1

    def _keep(
        self,
        deal: Mapping[str, Any],
        status: str,
        tokens: int,
        found: list[history.Transition] | None = None,
        reading: Reading | None = None,
        page_token: str | None = None,
    ) -> None:
        """What a page tells and how far that is, together: no page is paid for twice."""

        def keep() -> int:
            with self._database.transaction() as connection:
                new = history.note(
                    connection, self._account.workspace, self._account.crm, found or []
                )
                carried = None if reading is None else reading.carried()
                self._pasts.keep(
                    connection, deal["deal_id"], status,
                    tokens=tokens, page_token=page_token, carried=carried,
                )  # fmt: skip
                return len(new)

        self._added += untangled(keep)

    def _filled(self, purse: Ledger) -> Filled:
        return Filled(self._deals, self._added, purse.calls, purse.tokens, self._pasts.left())

    def _record(
        self, status: str, purse: Ledger, started_at: datetime, error: str | None = None
    ) -> None:
        with self._database.transaction() as connection:
            record_run(
                connection,
                {
                    "run": self._run or f"stage-history-{started_at:%Y%m%dT%H%M%S}",
                    "workspace": self._account.workspace,
                    "crm": self._account.crm,
                    "stream": STREAM,
                },
                mode="backfill",
                part=Slice(),
                status=status,
                outcome=Outcome(
                    fetched=self._deals,
                    created=self._added,
                    api_calls=purse.calls,
                    tokens=purse.tokens,
                ),
                started_at=started_at,
                error=error,
            )
