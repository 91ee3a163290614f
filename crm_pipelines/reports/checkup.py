"""A look at one account before its data is wanted: login, limits, a record, size and price."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from crm_pipelines.budget.ledger import Ledgers
from crm_pipelines.model.connector import Account
from crm_pipelines.model.errors import BadCredentials, Blocked, FatalError
from crm_pipelines.model.priority import Priority
from crm_pipelines.model.source import Source
from crm_pipelines.model.stream import Stream
from crm_pipelines.reports.health import BudgetHealth, budget_of
from crm_pipelines.store.database import Database
from crm_pipelines.store.vital_signs import vital_signs

PURSE = "check"
"""Under which stream's name the ledger books what a checkup spends."""


@dataclass(frozen=True)
class StreamEstimate:
    """What a full sync of one stream takes.

    ``records`` is ``None`` where the CRM cannot say cheaply, and an upper bound unless ``exact``.
    ``cost`` is in the CRM's unit. ``speed_seen`` says that the seconds rest on earlier syncs.
    """

    stream: str
    records: int | None
    exact: bool
    calls: int
    cost: int
    seconds: float
    speed_seen: bool


@dataclass(frozen=True)
class Checkup:
    """What was found; ``sample_of`` names the stream that ``sample`` is a record of.

    ``refused`` says why, of streams that the CRM tells nothing of.
    """

    workspace: str
    crm: str
    who: str
    budget: BudgetHealth
    streams: list[StreamEstimate]
    sample_of: str | None = None
    sample: Mapping[str, Any] | None = None
    refused: Mapping[str, str] = field(default_factory=dict)

    @property
    def calls(self) -> int:
        """API calls of a full sync."""
        return sum(one.calls for one in self.streams)

    @property
    def cost(self) -> int:
        """Tokens or calls that a full sync takes off the day's budget."""
        return sum(one.cost for one in self.streams)

    @property
    def seconds(self) -> float:
        """How long a full sync takes, stream after stream."""
        return sum(one.seconds for one in self.streams)


def check_up(account: Account, database: Database, budget: Ledgers) -> Checkup:
    """Log in and look around, for a few calls. Raises ``CrmError`` and ``ConfigurationError``."""
    purse = budget.purse(
        account.workspace, account.crm, PURSE, account.limits, Priority.INTERACTIVE
    )
    purse.forgive()
    estimates: list[StreamEstimate] = []
    refused: dict[str, str] = {}
    sample: tuple[str, Mapping[str, Any]] | None = None
    with closing(account.open(purse)) as source:
        who = source.introduce()
        with vital_signs(database) as signs:
            speeds = signs.speeds(account.workspace, account.crm)
        for stream in account.streams:
            try:
                probe = source.probe(stream, sample=sample is None)
            except (BadCredentials, Blocked):
                raise
            except FatalError as error:
                refused[stream.name] = str(error)
                continue
            if sample is None and probe.sample:
                sample = stream.name, probe.sample
            estimates.append(_estimate(source, stream, probe.records, probe.exact, speeds))
    with vital_signs(database) as signs:
        left = budget_of(signs, account)
    of, record = sample or (None, None)
    return Checkup(account.workspace, account.crm, who, left, estimates, of, record, refused)


def _estimate(
    source: Source,
    stream: Stream,
    records: int | None,
    exact: bool,
    speeds: Mapping[str, float],
) -> StreamEstimate:
    price = source.price(stream, records)
    speed = speeds.get(stream.name) or _typical(list(speeds.values()))
    seconds = price.seconds
    if records is not None and speed:
        seconds = records / speed
    return StreamEstimate(
        stream.name, records, exact, price.calls, price.cost, seconds, bool(speed)
    )


def _typical(speeds: Sequence[float]) -> float:
    """The slowest of the other streams: an estimate had better be too long."""
    return min(speeds, default=0.0)
