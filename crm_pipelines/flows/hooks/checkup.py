"""How our webhooks are doing: what is wrong with each, since when, and whether a new one helps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from crm_pipelines.flows.hooks.catching_up import Catching
from crm_pipelines.flows.hooks.comparison import STANDS, Comparison, Condition, Pair
from crm_pipelines.flows.hooks.settlement import Settled
from crm_pipelines.flows.hooks.wanted import streams_of
from crm_pipelines.model.connector import Account
from crm_pipelines.store import webhooks
from crm_pipelines.store.database import Database

NEVER_WORKED_FOR = timedelta(days=1)
"""A webhook that has brought nothing since it was made is not helped by another one soon: what is
wrong is on our side, and every attempt costs. One that did work may be banned."""


@dataclass(frozen=True)
class Finding:
    """One kind of record. ``heard_at`` is its last delivery, ``since`` when its gap began;
    ``known`` says that an earlier look has told of the trouble already."""

    object: str
    condition: Condition
    words: str = ""
    heard_at: datetime | None = None
    since: datetime | None = None
    registration: int | None = None
    known: bool = False
    helped_by_new: bool = False

    @property
    def problem(self) -> bool:
        """Whether anything is wrong."""
        return self.condition is not Condition.GOOD


@dataclass(frozen=True)
class Checkup:
    """What a check has found and done."""

    account: Account
    findings: tuple[Finding, ...]
    settled: Settled = field(default_factory=Settled)
    catching: Catching = field(default_factory=Catching)

    @property
    def registered(self) -> bool:
        """Whether any were ever made, and not given up."""
        return any(one.registration is not None for one in self.findings)

    @property
    def unwell(self) -> frozenset[int]:
        """Registrations that anything is wrong with."""
        return frozenset(
            one.registration
            for one in self.findings
            if one.problem and one.registration is not None
        )

    @property
    def hopeless(self) -> frozenset[int]:
        """Registrations that are there and had better be replaced."""
        return frozenset(
            one.registration
            for one in self.findings
            if one.helped_by_new and one.registration is not None
        )

    @property
    def verdicts(self) -> dict[int, tuple[str, str | None]]:
        """Status and remark for each registration that was looked at."""
        return {
            one.registration: (_status(one.condition), one.words or None)
            for one in self.findings
            if one.registration is not None
        }

    @property
    def broken(self) -> tuple[str, ...]:
        """Objects whose webhook still brings nothing."""
        return tuple(
            one.object
            for one in self.findings
            if one.problem and one.object not in self.settled.made
        )

    @property
    def gaps(self) -> dict[str, datetime]:
        """From when on events may be missing, by object."""
        return {one.object: one.since for one in self.findings if one.since is not None}

    @property
    def unheard_of(self) -> tuple[str, ...]:
        """Streams that nobody tells us of for now: whoever looks syncs them in the meantime."""
        broken = [name for name in self.broken if name in self.gaps]
        found = [s.name for name in broken for s in streams_of(self.account, name)]
        return tuple(dict.fromkeys(found))

    def with_repairs(self, settled: Settled) -> Checkup:
        """The same after it was acted on."""
        return replace(self, settled=settled)

    def with_gaps(self, catching: Catching) -> Checkup:
        """The same with what is to be synced, besides what nobody tells us of."""
        rest = [name for name in self.unheard_of if name not in catching.streams]
        return replace(self, catching=Catching((*catching.delta, *rest), catching.whole))


def look(
    account: Account, database: Database, found: Comparison, objects: Sequence[str], now: datetime
) -> Checkup:
    """One finding for each object. Deliveries and the mirror tell what the CRM's list does not."""
    heard = webhooks.heard(database, {"workspace": account.workspace, "crm": account.crm})
    findings = []
    for name in objects:
        pairs = [pair for pair in found.pairs if pair.object == name]
        standing = [pair for pair in pairs if pair.condition in STANDS]
        pair = (standing or pairs)[-1] if pairs else None
        if pair is None:
            findings.append(Finding(name, Condition.MISSING, "it was never registered"))
        else:
            findings.append(_finding(account, database, pair, heard, now))
    return Checkup(account, tuple(findings))


def _finding(
    account: Account,
    database: Database,
    pair: Pair,
    heard: Mapping[int, datetime],
    now: datetime,
) -> Finding:
    one = pair.registration
    last = heard.get(one.id)
    condition, words = pair.condition, pair.words
    told = max(last or one.registered_at, one.registered_at)
    if condition is Condition.GOOD:
        condition, words = _silence(account, database, one.object, told)
    worked = last is not None and last > one.registered_at
    return Finding(
        object=one.object,
        condition=condition,
        words=words,
        heard_at=last,
        since=None if condition is Condition.GOOD else min(told, one.gap_since or told),
        registration=one.id,
        known=one.status != "active",
        helped_by_new=condition is not Condition.GOOD
        and (worked or now - one.registered_at > NEVER_WORKED_FOR),
    )


def _silence(
    account: Account, database: Database, object_: str, told: datetime
) -> tuple[Condition, str]:
    """A webhook looks well and brings nothing, while syncs find changes."""
    for stream in streams_of(account, object_):
        number, first_at = webhooks.unheard(database, account, stream, told)
        if number and first_at is not None:
            records = f"{number:,} {stream.title.lower()}"
            return Condition.SILENT, (
                f"it has brought nothing since {told:%Y-%m-%d %H:%M:%S} UTC, while syncs found "
                f"{records} changed from {first_at:%Y-%m-%d %H:%M:%S} on"
            )
    return Condition.GOOD, ""


def _status(condition: Condition) -> str:
    if condition is Condition.GOOD:
        return "active"
    return "missing" if condition is Condition.MISSING else "failing"
