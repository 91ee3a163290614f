"""Fields that somebody else changed since our change was made, and who wins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from crm_pipelines.flows.push.comparison import same, with_first
from crm_pipelines.flows.push.prepared import Prepared
from crm_pipelines.flows.push.rules import Strategy
from crm_pipelines.model.sink import Found


@dataclass(frozen=True)
class Change:
    """What is left to write; and of fields in conflict our values, theirs, and who won.

    ``winners`` maps fields to ``ours``, ``theirs``, or ``""`` where a person has to decide.
    """

    values: Mapping[str, Any]
    ours: Mapping[str, Any] = field(default_factory=dict)
    theirs: Mapping[str, Any] = field(default_factory=dict)
    winners: Mapping[str, str] = field(default_factory=dict)

    @property
    def undecided(self) -> bool:
        """Whether a person has to decide before anything is written."""
        return "" in self.winners.values()


def compare(one: Prepared, values: Mapping[str, Any], there: Found, strategy: Strategy) -> Change:
    """What differs from the record as it is now; without a base ours is what is wanted."""
    entity = one.command.entity
    wanted: dict[str, Any] = {}
    ours: dict[str, Any] = {}
    winners: dict[str, str] = {}
    for name, value in values.items():
        now = there.values.get(name)
        first_only = name in one.primary
        said = with_first(now, one.base.get(name), value) if first_only else value
        if same(entity, name, now, said):
            continue
        before = one.base.get(name)
        theirs = list(now or ())[:1] if first_only else now
        if name in one.base and not same(entity, name, theirs, before):
            if same(entity, name, theirs, value):
                continue
            ours[name] = value
            winners[name] = _winner(one, there, strategy)
            if winners[name] == "theirs":
                continue
        wanted[name] = said
    return Change(wanted, ours, {name: there.values.get(name) for name in ours}, winners)


def _winner(one: Prepared, there: Found, strategy: Strategy) -> str:
    if strategy is Strategy.MANUAL:
        return ""
    if strategy is Strategy.LATEST_WINS:
        made, seen = one.changed_at, there.updated_at
        return "ours" if made is None or seen is None or made >= seen else "theirs"
    return "ours" if strategy is Strategy.LOCAL_WINS else "theirs"
