"""Doing what changes of stage have set off: each action once, its effect and its mark together.

Whatever dies in the middle leaves nothing of an action behind. Only news to people are sent after
the commit and may come twice after a crash, with the same key.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from crm_pipelines.audit.log import AuditLog
from crm_pipelines.flows.stages.action import Impossible, Outcome, Skip
from crm_pipelines.flows.stages.actions import discover
from crm_pipelines.flows.stages.occasions import Busy, prepare
from crm_pipelines.model.audit import Entry
from crm_pipelines.model.notice import Notice
from crm_pipelines.store.database import Connection, Database, Rollback, untangled
from crm_pipelines.store.stages import tasks

LOG = logging.getLogger("crm_pipelines.stages")
MOST_ATTEMPTS = 5
FIRST_PAUSE_SECONDS, LONGER = 10.0, 4
SENDING_SECONDS = 60.0
"""So long the sending of news may take before somebody else sends them."""

AT_A_TIME = 200


@dataclass(frozen=True)
class News:
    """What is sent after the commit, and the action it belongs to."""

    notice: Notice
    taken: dict[str, Any]


@dataclass
class Turn:
    """Running what waits, until nothing does. ``tell`` raises where people could not be told."""

    database: Database
    workspace: str
    crm: str
    audit: AuditLog
    tell: Callable[[Notice], None]
    run: str = ""
    done: int = 0
    deaf: bool = False
    """Telling has failed in this turn: other news wait, too, instead of failing one by one."""

    def work(self) -> int:
        """How many actions are done."""
        if not tasks.due(self.database, self.workspace, self.crm, after=0, most=1):
            return 0
        with tasks.alone(self.database, self.workspace, self.crm):
            after = 0
            while True:
                found = tasks.due(
                    self.database, self.workspace, self.crm, after=after, most=AT_A_TIME
                )
                if not found:
                    return self.done
                for task in found:
                    self._one(task)
                after = found[-1]

    def _one(self, task: int) -> None:
        news = untangled(lambda: self._try(task))
        if news is None:
            return
        try:
            self.tell(news.notice)
        except Exception as error:  # whatever a target does, other actions go on
            self.deaf = True
            words = f"people were not told: {_said(error)}"
            with self.database.transaction() as connection:
                self._put_off(connection, news.taken, words, tries=0)
            return
        with self.database.transaction() as connection:
            self._settle_done(connection, news.taken, f"told: {news.notice.words}", tries=0)

    def _try(self, task: int) -> News | None:
        """The effect and the mark in one transaction; news that are to be sent now."""
        news = None
        with self.database.transaction() as connection:
            taken = tasks.take(connection, task)
            if taken is None:
                return None
            try:
                with connection.transaction():
                    outcome = self._apply(connection, taken)
            except Busy:
                raise Rollback from None
            except Skip as reason:
                tasks.settle(connection, task, "skipped", str(reason), run=self.run)
            except (Impossible, ValidationError) as reason:
                tasks.settle(connection, task, "failed", _said(reason), run=self.run)
                LOG.error("action %s of stages failed: %s", task, _said(reason))
            except Exception as error:  # an action's trouble is its own: the others go on
                if tasks.is_entangled(error):
                    raise
                self._put_off(connection, taken, _said(error))
            else:
                news = self._finish(connection, taken, outcome)
        return news

    def _apply(self, connection: Connection, taken: dict[str, Any]) -> Outcome:
        action = discover().get(taken["action"])
        if action is None:
            raise Impossible(f"there is no action {taken['action']!r} any more")
        options = action.options.model_validate(taken["options"])
        return action.apply(prepare(connection, taken, action), options)

    def _finish(
        self, connection: Connection, taken: dict[str, Any], outcome: Outcome
    ) -> News | None:
        if outcome.notice is None:
            self._settle_done(connection, taken, outcome.words, outcome.result)
        elif self.deaf:
            self._put_off(connection, taken, "people cannot be told now", tries=0)
        else:
            self._put_off(connection, taken, "being told", seconds=SENDING_SECONDS)
            return News(outcome.notice, taken)
        return None

    def _settle_done(
        self,
        connection: Connection,
        taken: dict[str, Any],
        words: str,
        result: Mapping[str, Any] | None = None,
        tries: int = 1,
    ) -> None:
        tasks.settle(
            connection, taken["id"], "done", words, run=self.run, tries=tries, result=result
        )
        entry = Entry(
            action=f"stage.{taken['action']}",
            workspace=self.workspace,
            crm=self.crm,
            subject=f"deal/{taken['deal_id']}",
            run=self.run,
            details={"action": taken["id"], "stage_id": taken["stage_id"], "outcome": words},
        )
        self.audit.note(entry, connection)
        self.done += 1

    def _put_off(
        self,
        connection: Connection,
        taken: dict[str, Any],
        words: str,
        *,
        tries: int = 1,
        seconds: float | None = None,
    ) -> None:
        """The pause grows with each attempt; after the last one the action has failed."""
        pause = FIRST_PAUSE_SECONDS * LONGER ** taken["attempts"] if seconds is None else seconds
        most = MOST_ATTEMPTS if seconds is None else MOST_ATTEMPTS + 1
        how: dict[str, Any] = {"seconds": pause, "most": most, "tries": tries}
        if tasks.put_off(connection, taken["id"], words, run=self.run, **how):
            LOG.error("action %s of stages failed: %s", taken["id"], words)


def _said(error: Exception) -> str:
    words = str(error).strip()
    return words[:500] if words else type(error).__name__
