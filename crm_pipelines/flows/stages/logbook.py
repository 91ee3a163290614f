"""Reading one deal's log backwards: the newest change first, until the day it was made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from crm_pipelines.flows.stages.history import Transition
from crm_pipelines.model.change_log import LoggedChange

STAGE = "stage_id"
CARRIED = ("value", "currency", "probability", "stage", "moved", "second", "number")
MOST_IN_A_SECOND = 900
"""Changes of one second keep their order by microseconds, before whatever a webhook may tell of
that second later: webhooks count milliseconds."""


@dataclass
class Reading:
    """Where we are, and what the deal was like then; so far as pages were turned.

    ``stage`` is the stage before the oldest change seen, ``second`` and ``number`` count the
    changes of the second we are in.
    """

    deal: Mapping[str, Any]
    pipelines: Mapping[int, int]
    value: str | None = None
    currency: str | None = None
    probability: str | None = None
    stage: int | None = None
    moved: bool = False
    second: str = ""
    number: int = 0

    @classmethod
    def of(cls, deal: Mapping[str, Any], pipelines: Mapping[int, int]) -> Reading:
        """From what the deal is like now, or from where the last page ended."""
        if deal["carried"] is not None:
            return cls(deal, pipelines, **deal["carried"])
        return cls(
            deal,
            pipelines,
            value=None if deal["value"] is None else str(deal["value"]),
            currency=deal["currency"],
            probability=None if deal["probability"] is None else str(deal["probability"]),
        )

    def carried(self) -> dict[str, Any]:
        """What the next page is read with, JSON-ready."""
        return {name: getattr(self, name) for name in CARRIED}

    def turn(self, changes: Sequence[LoggedChange]) -> list[Transition]:
        """The changes of stage on a page, with the values that the deal had then."""
        found = []
        for change in changes:
            moved_at = self._moment(change.at)
            if change.field == STAGE:
                found += self._move(change, moved_at)
            elif change.field in ("value", "currency", "probability"):
                setattr(self, change.field, change.old)
        return found

    def end(self) -> tuple[str, list[Transition]]:
        """How far the past is known now, and the stage that the deal was made in, if it is.

        A log that has no change of stage, though the deal was moved, does not reach back.
        """
        added_at = self.deal["added_at"]
        stage = self.stage if self.moved else self.deal[STAGE]
        silent = not self.moved and self.deal["stage_change_time"] is not None
        if silent or added_at is None or stage is None:
            return "silent", []
        made = self._transition(stage, None, added_at, added_at.replace(microsecond=0))
        return "complete", [made]

    def _move(self, change: LoggedChange, moved_at: datetime) -> list[Transition]:
        stage, before = _number(change.new), _number(change.old)
        self.moved = True
        self.stage = before
        if stage is None:
            return []
        return [self._transition(stage, before, change.at, moved_at, change.user_id)]

    def _transition(
        self,
        stage: int,
        before: int | None,
        changed_at: datetime,
        moved_at: datetime,
        user_id: int | None = None,
    ) -> Transition:
        return Transition(
            deal_id=self.deal["deal_id"],
            stage_id=stage,
            previous_stage_id=before,
            changed_at=changed_at,
            moved_at=moved_at,
            added_at=self.deal["added_at"],
            source="change_log",
            user_id=self.deal["creator_user_id"] if before is None else user_id,
            value=self.value,
            currency=self.currency,
            probability=self.probability,
            pipeline_id=self.pipelines.get(stage),
        )

    def _moment(self, at: datetime) -> datetime:
        second = at.replace(microsecond=0)
        self.number = self.number + 1 if self.second == second.isoformat() else 0
        self.second = second.isoformat()
        return second + timedelta(microseconds=max(1, MOST_IN_A_SECOND - self.number))


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.isdigit() else None
