"""What one phase of the inbox hands to the next; plain values that can be pickled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from crm_pipelines.model.event import Event, Incoming, State
from crm_pipelines.model.manifest import Outcome

Record = tuple[str, str]
"""Object and id, as events name a record."""


@dataclass(frozen=True)
class Batch:
    """Deliveries whose turn it is, in the order in which they came."""

    deliveries: tuple[Incoming, ...] = ()


@dataclass(frozen=True)
class Unread:
    """What a delivery says that nobody has a use for, as far as it does."""

    words: str
    object: str = ""
    action: str = ""
    version: str = ""


@dataclass(frozen=True)
class Understood:
    """What deliveries say. ``poison`` cannot be read (why), ``unheard`` is about nothing that is
    mirrored; both by id of the delivery."""

    events: tuple[Event, ...] = ()
    poison: Mapping[int, str] = field(default_factory=dict)
    unheard: Mapping[int, Unread] = field(default_factory=dict)

    @property
    def ids(self) -> list[int]:
        """Of all the deliveries."""
        return [*(event.delivery for event in self.events), *self.poison, *self.unheard]


@dataclass(frozen=True)
class Trouble:
    """Why a delivery cannot be settled now. Without ``until`` an attempt is used up."""

    words: str
    until: datetime | None = None


@dataclass(frozen=True)
class Checked:
    """Which event is what, by id of the delivery.

    ``leading`` is the newest event of each record: its state counts. In ``doubtful`` ones it is
    not clear what came last: the record has to be asked for. ``stale`` are older than what was
    applied before. ``echoes`` map an event to the command whose write it tells of; ``held`` have to
    wait, and with them all of their record's.
    """

    understood: Understood = field(default_factory=Understood)
    leading: frozenset[int] = frozenset()
    doubtful: frozenset[int] = frozenset()
    stale: frozenset[int] = frozenset()
    echoes: Mapping[int, int] = field(default_factory=dict)
    held: Mapping[int, Trouble] = field(default_factory=dict)


@dataclass(frozen=True)
class Applied:
    """What came of a batch, or of several.

    ``states`` counts deliveries by the state that they were given; ``put_off`` those that wait
    longer, the first of them until ``resumes_at``, for the reason in ``words``. ``streams`` are the
    outcomes of the mirror, ``local`` rows of the local side that were changed, ``transitions``
    changes of stage, ``actions`` what those set off. ``busy`` says that another applier is at work.
    """

    states: Mapping[State, int] = field(default_factory=dict)
    streams: Mapping[str, Outcome] = field(default_factory=dict)
    put_off: int = 0
    resumes_at: datetime | None = None
    words: str = ""
    api_calls: int = 0
    tokens: int = 0
    local: int = 0
    transitions: int = 0
    actions: int = 0
    busy: bool = False

    @property
    def settled(self) -> int:
        """Deliveries that do not wait any more."""
        return sum(self.states.values())

    def plus(self, other: Applied) -> Applied:
        """Both together."""
        first = min((a for a in (self, other) if a.resumes_at), key=_resumption, default=self)
        return Applied(
            states=_sum(self.states, other.states),
            streams={
                name: add(self.streams.get(name, Outcome()), other.streams.get(name, Outcome()))
                for name in {**self.streams, **other.streams}
            },
            put_off=self.put_off + other.put_off,
            resumes_at=first.resumes_at,
            words=first.words,
            api_calls=self.api_calls + other.api_calls,
            tokens=self.tokens + other.tokens,
            local=self.local + other.local,
            transitions=self.transitions + other.transitions,
            actions=self.actions + other.actions,
            busy=self.busy or other.busy,
        )


def add(one: Outcome, other: Outcome) -> Outcome:
    """Two outcomes of a stream together."""
    names = Outcome.__dataclass_fields__
    return Outcome(**{name: getattr(one, name) + getattr(other, name) for name in names})


def _resumption(applied: Applied) -> datetime:
    assert applied.resumes_at is not None
    return applied.resumes_at


def _sum(one: Mapping[State, int], other: Mapping[State, int]) -> dict[State, int]:
    return {state: one.get(state, 0) + other.get(state, 0) for state in {**one, **other}}
