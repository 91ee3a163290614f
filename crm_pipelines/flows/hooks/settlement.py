"""Bringing the CRM's webhooks to what is wanted: first what is new, then what has to go."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from crm_pipelines.audit.log import AuditLog
from crm_pipelines.flows.hooks.comparison import STANDS, Comparison, Pair
from crm_pipelines.flows.hooks.wanted import new_hook
from crm_pipelines.model.audit import Entry
from crm_pipelines.model.connector import Account
from crm_pipelines.model.errors import CrmError, FatalError, OutcomeUnknown
from crm_pipelines.model.hook import Hook, Hooks, WantedHook
from crm_pipelines.store import webhooks
from crm_pipelines.store.database import Database

UNDER_WAY_SECONDS = 1.0
"""What a webhook is just telling may be lost with it: so long both tell, then the old one goes."""


@dataclass(frozen=True)
class Settled:
    """What was done: objects whose webhook was kept or made, ids of webhooks that were removed."""

    kept: tuple[str, ...] = ()
    made: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    others: int = 0


@dataclass(frozen=True)
class Settlement:
    """One account that is being settled, opened."""

    account: Account
    database: Database
    audit: AuditLog
    url: str
    hooks: Hooks

    @property
    def about(self) -> Mapping[str, str]:
        """How statements name the account."""
        return {"workspace": self.account.workspace, "crm": self.account.crm}

    def settle(
        self,
        found: Comparison,
        objects: Sequence[str],
        unwanted: Collection[int] = (),
        gaps: Mapping[str, datetime] = MappingProxyType({}),
    ) -> Settled:
        """One good webhook for each object, none for anything else.

        ``unwanted`` registrations are replaced after their successors were made: no moment is
        without, and one free place is enough. What nobody could accept goes before.
        ``gaps`` says from when on an object's events may be missing; gaps of predecessors that
        nobody has closed yet are handed on.
        """
        for pair in found.pairs:
            if pair.hook is not None and pair.registration.remote_id is None:
                webhooks.note_made(self.database, pair.registration.id, pair.hook.id)
        best = found.best(objects, unwanted)
        removed = self.drop(found.strays)
        staying = {pair.registration.id for pair in best.values()}
        going = [pair for pair in found.pairs if pair.registration.id not in staying]
        made = tuple(name for name in objects if name not in best)
        replaced: list[Pair] = []
        for name in made:
            before = [pair for pair in going if pair.object == name]
            left = [pair.registration.gap_since for pair in before]
            since = min((at for at in (gaps.get(name), *left) if at is not None), default=None)
            try:
                self._make(name, since)
            except FatalError:
                if not replaced:
                    raise
                removed += self._part_with(replaced)  # there may be no room for more
                replaced = []
                self._make(name, since)
            replaced += before
        removed += self._part_with(replaced)
        removed += self.give_up([one for one in going if one.object not in made], "not wanted")
        return Settled(tuple(best), made, tuple(removed), len(found.others))

    def drop(self, hooks: Sequence[Hook]) -> list[str]:
        """Remove webhooks that nobody answers for; their ids."""
        return [self._remove(hook) for hook in hooks]

    def give_up(self, pairs: Sequence[Pair], remark: str) -> list[str]:
        """Remove webhooks of ours; ids of those that were there. Retries are taken a while yet."""
        removed = []
        for pair in pairs:
            if pair.hook is not None:
                removed.append(self._remove(pair.hook))
            webhooks.retire(self.database, [pair.registration.id], pair.words or remark)
        return removed

    def _part_with(self, pairs: Sequence[Pair]) -> list[str]:
        """Those whose successors are there."""
        if any(pair.condition in STANDS for pair in pairs):
            time.sleep(UNDER_WAY_SECONDS)
        return self.give_up(pairs, "replaced")

    def _make(self, object_: str, gap_since: datetime | None) -> None:
        """Its credentials are accepted before anybody has them; a lost answer is looked for."""
        wanted = new_hook(self.account, object_, self.url)
        registration = webhooks.add(self.database, self.about, wanted, gap_since)
        try:
            made = self._add(wanted)
        except OutcomeUnknown:
            raise  # it may have been made: the next look at the list will tell
        except CrmError:
            webhooks.forget(self.database, registration.id)
            raise
        webhooks.note_made(self.database, registration.id, made.id)
        self._note("webhook.create", made)

    def _add(self, wanted: WantedHook) -> Hook:
        try:
            return self.hooks.add(wanted)
        except OutcomeUnknown:
            found = self._look_for(wanted)
            return found if found is not None else self.hooks.add(wanted)

    def _look_for(self, wanted: WantedHook) -> Hook | None:
        return next((hook for hook in self.hooks.list() if hook.name == wanted.name), None)

    def _remove(self, hook: Hook) -> str:
        self.hooks.remove(hook.id)
        self._note("webhook.remove", hook)
        return hook.id

    def _note(self, action: str, hook: Hook) -> None:
        said = {"object": hook.object, "url": hook.url, "name": hook.name}
        own = self.account
        entry = Entry(action, own.workspace, own.crm, f"webhooks/{hook.id}", details=said)
        self.audit.note(entry)
