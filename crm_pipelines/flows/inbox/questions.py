"""Asking the CRM for records, once for each and batch, and what that cost."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from crm_pipelines.budget.ledger import Ledger, Ledgers
from crm_pipelines.flows.inbox.batches import Trouble
from crm_pipelines.flows.inbox.troubles import judge, lies_in_record
from crm_pipelines.model.command import Entity
from crm_pipelines.model.connector import Account
from crm_pipelines.model.errors import ConfigurationError, CrmError
from crm_pipelines.model.event import Asker, Record
from crm_pipelines.model.priority import Priority
from crm_pipelines.model.sink import Found
from crm_pipelines.store import history
from crm_pipelines.store.database import Database

PURSE = "inbox"
"""Under which name the ledger counts what is asked for again."""

AT_ONCE = 100
"""Records of one question: what was paid for is kept when the budget ends at the next one."""


@dataclass(frozen=True)
class Answers:
    """What was asked for: the records that are there, by id; the others of ``asked`` are gone,
    but for those in ``troubles``. ``asked_at`` is the database's clock before the question."""

    asked_at: datetime
    asked: frozenset[str] = frozenset()
    records: dict[str, Record] = field(default_factory=dict)
    troubles: dict[str, Trouble] = field(default_factory=dict)
    api_calls: int = 0
    tokens: int = 0

    @property
    def gone(self) -> set[str]:
        """Those that the CRM does not have any more."""
        return set(self.asked) - set(self.records) - set(self.troubles)


class Questions:
    """An account that is opened when there is something to ask. Close it after use."""

    def __init__(self, account: Account, ledgers: Ledgers, database: Database) -> None:
        self._account, self._database = account, database
        self._purse: Ledger = ledgers.purse(
            account.workspace, account.crm, PURSE, account.limits, Priority.REFETCH
        )
        self._asker: Asker | None = None

    @property
    def api_calls(self) -> int:
        """Calls so far."""
        return self._purse.calls

    @property
    def tokens(self) -> int:
        """What they cost."""
        return self._purse.tokens

    def ask(self, object_: str, ids: Collection[str]) -> Answers:
        """Records as they are now. A record that the CRM chokes on does not keep others back."""
        calls, tokens = self._purse.calls, self._purse.tokens
        answers = Answers(history.database_time(self._database), frozenset(ids))
        for some in batched(sorted(ids), AT_ONCE):
            self._ask(object_, some, answers)
        return Answers(
            answers.asked_at,
            answers.asked,
            answers.records,
            answers.troubles,
            self._purse.calls - calls,
            self._purse.tokens - tokens,
        )

    def found(self, entity: Entity, record: Record) -> Found:
        """A record in our words. Raises ``CrmError`` and ``ConfigurationError``."""
        return self.asker.found(entity, record)

    @property
    def asker(self) -> Asker:
        """The opened account. Raises what opening raises."""
        if self._asker is None:
            self._asker = self._account.open_asker(self._purse)
        return self._asker

    def close(self) -> None:
        """Let go of connections."""
        if self._asker is not None:
            self._asker.close()
            self._asker = None

    def _ask(self, object_: str, ids: Sequence[str], answers: Answers) -> None:
        try:
            answers.records.update(self.asker.records(object_, ids))
        except (CrmError, ConfigurationError) as error:
            if len(ids) > 1 and lies_in_record(error):
                middle = len(ids) // 2
                self._ask(object_, ids[:middle], answers)
                self._ask(object_, ids[middle:], answers)
                return
            answers.troubles.update(dict.fromkeys(ids, judge(error)))


def batched(ids: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    """So many at a time."""
    return (ids[first : first + size] for first in range(0, len(ids), size))
