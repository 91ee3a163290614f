"""The webhooks of one account: register, rotate, remove, check."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from crm_pipelines.audit.log import AuditLog
from crm_pipelines.budget.ledger import Ledgers
from crm_pipelines.flows.hooks.catching_up import Catching, open_gaps
from crm_pipelines.flows.hooks.checkup import Checkup, look
from crm_pipelines.flows.hooks.comparison import Comparison, compare
from crm_pipelines.flows.hooks.settlement import Settled, Settlement
from crm_pipelines.flows.hooks.wanted import PREFIX, wanted_objects
from crm_pipelines.model.connector import Account
from crm_pipelines.model.errors import ConfigurationError
from crm_pipelines.model.notice import Level, Notice, Notify
from crm_pipelines.model.priority import Priority
from crm_pipelines.store import history, webhooks
from crm_pipelines.store.database import Database

PURSE = "webhooks"
"""Under which name the ledger counts what managing them costs."""


@dataclass(frozen=True)
class Webhooks:
    """Everything that is needed to manage the webhooks that deliver to ``url``.

    One process at a time changes those of an account; all that is done can be done again. Raises
    the errors of ``model.errors``; what was settled by then stays settled.
    """

    account: Account
    database: Database
    budget: Ledgers
    audit: AuditLog
    notify: Notify
    url: str
    priority: Priority = Priority.INTERACTIVE

    @property
    def about(self) -> Mapping[str, str]:
        """How statements name the account."""
        return {"workspace": self.account.workspace, "crm": self.account.crm}

    def listing(self) -> Comparison:
        """Every webhook that the CRM has. One call."""
        with self._opened() as opened:
            return self._compare(opened)

    def register(self, *, rotate: bool = False) -> Settled:
        """Make what is missing and remove strays of ours; one call where nothing has to be done.

        ``rotate`` replaces all of them: new ones with new credentials are made, then the old ones
        are removed; deliveries that are under way are accepted until their retries are over.
        """
        with self._opened() as opened:
            objects = wanted_objects(self.account, opened.hooks.objects)
            found = self._compare(opened)
            gaps = look(self.account, self.database, found, objects, self._now()).gaps
            unwanted = {pair.registration.id for pair in found.pairs} if rotate else set()
            return opened.settle(found, objects, unwanted, gaps)

    def remove(self, ids: Sequence[str] = ()) -> list[str]:
        """Remove all of ours, or the given ones; ids of those that were there.

        Another installation's webhooks bear our name, too, and are removed if they are named.
        Raises ``ConfigurationError`` for an id that is none of ours, before anything is removed.
        """
        with self._opened() as opened:
            found = self._compare(opened)
            own = [hook for hook in found.others if hook.name.startswith(f"{PREFIX} ")]
            ours = {pair.hook.id for pair in found.pairs if pair.hook is not None}
            unknown = set(ids) - ours - {hook.id for hook in (*found.strays, *own)}
            if unknown:
                raise ConfigurationError(
                    f"{self.account.connector.title} has no webhook {', '.join(sorted(unknown))} "
                    "of ours: see crm-pipelines webhooks list"
                )
            strays = [*found.strays, *(own if ids else ())]
            going = [p for p in found.pairs if not ids or (p.hook and p.hook.id in ids)]
            removed = opened.drop([hook for hook in strays if not ids or hook.id in ids])
            return removed + opened.give_up(going, "removed")

    def ensure(self) -> None:
        """Have good ones, whatever there was before: for those who have just come to listen."""
        if any(one.lives for one in webhooks.every(self.database, self.about)):
            self.check(insist=True)
        else:
            self.register()

    def check(self, *, repair: bool = True, insist: bool = False) -> Checkup:
        """Compare the CRM's list with ours; make anew what is broken, where that helps.

        Says what is wrong in notices, once, and which streams have a gap. Where nothing was
        registered, nothing is made. ``insist`` makes anew, too, what does not look as if that
        helped.
        """
        with self._opened() as opened:
            objects = wanted_objects(self.account, opened.hooks.objects)
            found = self._compare(opened)
            checkup = look(self.account, self.database, found, objects, self._now())
            webhooks.judge(self.database, checkup.verdicts)
            settled = Settled(others=len(found.others))
            if repair and checkup.registered:
                hopeless = checkup.unwell if insist else checkup.hopeless
                settled = opened.settle(found, objects, hopeless, checkup.gaps)
        done = checkup.with_repairs(settled).with_gaps(self.open_gaps())
        for finding in done.findings:
            repaired = finding.object in settled.made
            if finding.problem and finding.registration and (repaired or not finding.known):
                self._tell(finding.object, finding.words, repaired=repaired)
        return done

    def open_gaps(self) -> Catching:
        """What is to be synced, since webhooks that are made anew did not tell of it."""
        return open_gaps(self.account, self.database)

    def _tell(self, object_: str, words: str, *, repaired: bool) -> None:
        then = "; it was made anew, and what it missed is synced" if repaired else ""
        self.notify(
            Notice(
                self.account.workspace,
                Level.WARNING if repaired else Level.ERROR,
                "webhook.repair" if repaired else "webhook.trouble",
                f"webhook/{object_}",
                f"{self.account.connector.title}'s webhook for {object_}: {words}{then}",
            )
        )

    def _compare(self, opened: Settlement) -> Comparison:
        """The CRM is asked before our own rows are read: what is added in between is nobody's."""
        hooks = opened.hooks.list()
        return compare(webhooks.every(self.database, self.about), hooks, self.url)

    def _now(self) -> datetime:
        return history.database_time(self.database)

    @contextmanager
    def _opened(self) -> Iterator[Settlement]:
        account = self.account
        purse = self.budget.purse(
            account.workspace, account.crm, PURSE, account.limits, self.priority
        )
        with webhooks.alone(self.database, self.about):
            hooks = account.open_hooks(purse)
            try:
                yield Settlement(account, self.database, self.audit, self.url, hooks)
            finally:
                hooks.close()
