"""What an action is: a declared function, run once for a change of stage."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from crm_pipelines.model.notice import Notice
from crm_pipelines.store.database import Connection
from crm_pipelines.store.queries import query

SAID = r"^[^\x00]*[!-~\u00c0-\u1fff\u3041-\ud7ff][^\x00]*$"
"""Something that can be seen; PostgreSQL keeps no NUL."""

Name = Annotated[str, Field(min_length=1, max_length=100, pattern=SAID)]
Words = Annotated[str, Field(min_length=1, max_length=1_000, pattern=SAID)]


def whole(number: Any) -> Any:
    """JSON knows one kind of number: 7.0 is 7."""
    return int(number) if isinstance(number, float) and number.is_integer() else number


Percent = Annotated[int, Field(ge=0, le=100), BeforeValidator(whole)]
Days = Annotated[int, Field(ge=1, le=3_650), BeforeValidator(whole)]


class Options(BaseModel):
    """What every action's options are: nothing unknown, nothing converted."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Need(StrEnum):
    """What an action cannot do without; where it is missing the action is skipped."""

    NOTHING = "nothing"
    CONTACT = "contact"
    ROW = "row"


class Skip(Exception):
    """There is nothing to do; the message says why."""


class Impossible(Exception):
    """Trying again cannot help until somebody changes something; the message says what."""


@dataclass(frozen=True)
class Outcome:
    """What an action did, in words; ``result`` is JSON-ready, for later actions.

    A ``notice`` is sent after the rest is committed.
    """

    words: str
    result: Mapping[str, Any] = field(default_factory=dict)
    notice: Notice | None = None


@dataclass(frozen=True)
class Occasion:
    """A change of stage that sets off an action, inside the action's transaction.

    ``key`` is the same whenever this action is tried. ``contact`` and ``deal`` are rows of the
    local side, locked; ``title`` is the deal's.
    """

    connection: Connection
    workspace: str
    crm: str
    key: str
    move_id: int
    deal_id: int
    stage_id: int
    changed_at: datetime
    stage: str
    previous_stage: str | None
    title: str
    probability: int
    contact: Mapping[str, Any] | None
    deal: Mapping[str, Any] | None

    def run(self, name: str, **values: Any) -> list[dict[str, Any]]:
        """A named statement of ``sql/queries/stage_actions.sql``, with this occasion's values."""
        about = {
            "workspace": self.workspace,
            "crm": self.crm,
            "move": self.move_id,
            "deal_id": self.deal_id,
            "stage_id": self.stage_id,
            "contact": None if self.contact is None else self.contact["id"],
            "deal": None if self.deal is None else self.deal["id"],
        }
        cursor = self.connection.execute(query(f"stage_actions.{name}"), {**about, **values})
        return [dict(row) for row in cursor.fetchall()] if cursor.description else []

    def quietly(self) -> None:
        """What follows in this transaction is our own business: the CRM is not told of it."""
        self.connection.execute(query("stage_actions.quietly"))


@dataclass(frozen=True)
class Action:
    """One file under ``actions/``, exporting ``ACTION``.

    ``apply`` works in the transaction in which the action is marked as done. It raises ``Skip``,
    ``Impossible``, or whatever goes wrong: then it is tried again.
    """

    name: str
    what: str
    options: type[Options]
    needs: Need
    apply: Callable[[Occasion, Any], Outcome]
