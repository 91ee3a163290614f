"""What a CRM tells us by itself: deliveries as they came, and the events they are about."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

from crm_pipelines.model.command import Entity
from crm_pipelines.model.sink import Found

if TYPE_CHECKING:
    from crm_pipelines.model.call import Budget
    from crm_pipelines.model.memory import Memory
    from crm_pipelines.model.tokens import TokenStore

Record = Mapping[str, Any]
"""A record in the shape that the CRM's API has for it."""


AHEAD = timedelta(minutes=5)
"""Clocks differ, but not by more: whatever is said to be later than that has a wrong time."""

SURE = timedelta(days=6)
"""What was applied since a delivery came is known for at least so long (see ``store.retention``);
a CRM goes on trying for minutes."""


class Action(StrEnum):
    """What happened to a record; a merge is a delete of one and a change of the other."""

    CREATE = "create"
    CHANGE = "change"
    DELETE = "delete"


class State(StrEnum):
    """Where a delivery is on its way; the values are stored and shown.

    ``stale`` was older than what is known of the record, ``echo`` told of our own write,
    ``unknown`` is about something that nobody mirrors, ``dead`` was given up and can be replayed.
    """

    WAITING = "waiting"
    APPLIED = "applied"
    STALE = "stale"
    ECHO = "echo"
    UNKNOWN = "unknown"
    DEAD = "dead"


@dataclass(frozen=True)
class Incoming:
    """A row of ``sync.inbox`` that waits; times are aware."""

    id: int
    delivery_id: str
    body: bytes
    received_at: datetime
    attempts: int = 0


@dataclass(frozen=True)
class Event:
    """What one delivery says, whatever version it is written in.

    ``at`` is when it happened by the CRM's clock, finer than the record's own stamp. ``record``
    is the state after it in the API's own shape, and ``exact`` whether nothing of it had to be
    guessed: else the record has to be asked for, as it has where the event is not ``timely``: its
    time is impossible, or it is so old that newer ones may be forgotten. ``previous`` holds the
    old values of what changed, or the last state of what was deleted, as far as they can be read.
    An empty ``merged_into`` says that it went into another record, but not into which.
    """

    delivery: int
    object: str
    action: Action
    remote_id: str
    at: datetime
    record: Record | None = None
    exact: bool = False
    timely: bool = True
    previous: Record = field(default_factory=dict)
    merged_into: str | None = None
    merged_from: str | None = None
    user_id: int | None = None
    source: str = ""
    version: str = "2.0"


class Poison(Exception):
    """A delivery that cannot be read; the message says why."""


class Unheard(Exception):
    """A delivery about an object, or in a version, that we have no stream for.

    ``object``, ``action`` and ``version`` are what it says, as far as it does.
    """

    def __init__(
        self, message: str, *, object_: str = "", action: str = "", version: str = ""
    ) -> None:
        super().__init__(message)
        self.object, self.action, self.version = object_, action, version


@dataclass(frozen=True)
class EventStream:
    """What events of one kind are about. Records of ``entity`` may be on the local side, too.

    ``single`` says that records can be asked for by id; else the whole list is read anew.
    ``referrers`` are objects and their columns that name such records: when two of these become
    one, those change, too, and nobody tells.
    """

    stream: str
    entity: Entity | None = None
    single: bool = True
    referrers: tuple[tuple[str, str], ...] = ()


class Asker(Protocol):
    """An opened account that records are asked of again. Raises the errors of ``model.errors``."""

    def records(self, object_: str, ids: Collection[str]) -> Mapping[str, Record]:
        """As the API shows them now, for as few tokens as it takes; those that are gone are left
        out, unless the stream's list shows deleted records, too: those say so themselves."""

    def found(self, entity: Entity, record: Record) -> Found:
        """A record in the words of ``model.writable``."""

    def close(self) -> None:
        """Let go of connections."""


@dataclass(frozen=True)
class Events:
    """How a connector's deliveries are understood.

    ``read`` needs no login; it raises ``Poison`` and ``Unheard``. ``identify`` gives the event's
    own id as far as a body shows one, cheaply: the receiver calls it. ``streams`` is by object.
    """

    identify: Callable[[bytes], str | None]
    read: Callable[[Incoming], Event]
    streams: Mapping[str, EventStream]
    ask: Callable[[Any, Budget, TokenStore, Memory], Asker]
