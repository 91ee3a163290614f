"""The push of one account: fetch commands, transform, validate, deliver."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from crm_pipelines.flows.push import deliver as delivering
from crm_pipelines.flows.push import drift, leads
from crm_pipelines.flows.push.means import Means
from crm_pipelines.flows.push.prepared import Prepared
from crm_pipelines.flows.push.sending import send
from crm_pipelines.flows.push.transform import renamed, transform
from crm_pipelines.flows.push.validate import RECORD, check, validate
from crm_pipelines.flows.push.waiting import work_on
from crm_pipelines.model.command import Command, Delivery, Entity, Kind, Status, Trigger, Wanted
from crm_pipelines.model.errors import CrmError, InvalidData
from crm_pipelines.model.notice import Level
from crm_pipelines.model.priority import Priority
from crm_pipelines.model.purpose import Purpose
from crm_pipelines.store import local_side, outbox
from crm_pipelines.store.database import untangled

MOST = 200
"""Commands of one round."""

IDLE_ROUNDS = 20
LOOK_AGAIN_SECONDS = 0.05


class Push(Means):
    """The phases ``fetch``, ``transform``, ``validate`` and ``deliver``; ``work`` does all of them.

    What they hand on is JSON-ready.
    """

    def enqueue(self, wanted: Wanted) -> int:
        """A command into the outbox; its id. Raises ``InvalidData`` for what callers say wrong."""
        if wanted.trigger in (Trigger.MANUAL, Trigger.BATCH):
            kind = Kind.UPDATE if wanted.local_id is not None else wanted.kind
            self._require(wanted.entity, kind, renamed(wanted.entity, wanted.payload))

        def add() -> int:
            with self.database.transaction() as connection:
                return outbox.enqueue(connection, wanted)

        return untangled(add)

    def fetch(
        self,
        *,
        most: int = MOST,
        ids: Sequence[int] = (),
        failed_too: bool = False,
        purpose: Purpose | None = None,
    ) -> list[Command]:
        """Commands whose turn it is; of the given ones, or of one purpose, if there are any.

        Nothing while the account is not set up: commands wait.
        """
        if not self.account.configured:
            return []
        if purpose is not None:
            ids = self._of(purpose, most, failed_too)
            if not ids:
                return []
        return outbox.due(self.database, **self.about, most=most, ids=ids, failed_too=failed_too)

    def transform(self, commands: Sequence[Command]) -> list[Prepared]:
        """What is to be written, read from the local side now."""

        def look(entity: Entity, ids: Sequence[str]) -> Any:
            return local_side.rows(self.database, entity, self.workspace, ids)

        return transform(commands, self.rules.types, look)

    def validate(self, prepared: Sequence[Prepared]) -> tuple[list[Prepared], list[Delivery]]:
        """What can be sent; what cannot is dead, with what is wrong by field."""
        good, bad = validate(prepared)
        return good, [self._reject(one) for one in bad]

    def deliver(
        self, prepared: Sequence[Prepared], *, run: str = "", priority: int | None = None
    ) -> list[Delivery]:
        """Send them, and after them whatever waited for them alone.

        Whoever prepared a command that has changed since then leaves it to the next round.
        ``priority`` overrules that of the commands: somebody waits. Raises ``SystemTrouble``.
        """
        found: list[Delivery] = []
        with outbox.Worker(self.database) as worker:
            outbox.recover(self.database)
            ready = list(prepared)
            while ready:
                sent, stopped = send(self, ready, worker, run, priority)
                found += sent
                done = [one.id for one in sent if one.status is Status.DELIVERED]
                ready = [] if stopped or not done else self._behind(done, found)
        return found

    def work(
        self,
        *,
        ids: Sequence[int] = (),
        most: int = MOST,
        run: str = "",
        failed_too: bool = False,
        purpose: Purpose | None = None,
    ) -> list[Delivery]:
        """All four phases, until nothing is due.

        With ``ids``, those commands and what has to go before them; what they have come to is
        returned, whoever delivered them.
        """
        if ids:
            return work_on(self, ids, run, failed_too)
        outbox.recover(self.database)
        found: list[Delivery] = []
        idle = 0
        while idle < IDLE_ROUNDS:
            commands = self.fetch(most=most, failed_too=failed_too, purpose=purpose)
            if not commands:
                break
            made = self.through(commands, run)
            found += made
            idle = 0 if made else idle + 1
            if idle:  # others have taken them all
                time.sleep(LOOK_AGAIN_SECONDS)
        return found

    def through(
        self, commands: Sequence[Command], run: str, priority: int | None = None
    ) -> list[Delivery]:
        """Three phases of the four, for commands that were fetched."""
        good, dead = self.validate(self.transform(commands))
        return [*dead, *(self.deliver(good, run=run, priority=priority) if good else ())]

    def check_warm_lead(self, contact_id: str, *, who: str = "") -> list[Delivery]:
        """Bring a contact that is a warm lead to the CRM, with its organization, now.

        Nothing for contacts that are no warm leads, and for those that are there.
        """
        score = self.rules.warm_lead_score
        ids = leads.lead_commands(self.database, self.about, contact_id, score, who)
        if len(ids) < 2:
            return self.work(ids=ids) if ids else []
        with ThreadPoolExecutor(1, "prepare") as beside:
            beside.submit(self._prepare, Entity.PERSON)  # while its organization is made
            return self.work(ids=ids)

    def create_deal(
        self,
        contact_id: str,
        *,
        title: str,
        stage_id: int,
        value: float | None = None,
        currency: str | None = None,
        organization_id: str | None = None,
        who: str = "",
    ) -> tuple[str, int]:
        """A deal of a contact in a stage: its local id, and its command to be delivered.

        Raises ``InvalidData``, also for a contact that does not go to the CRM.
        """
        said = {"title": title, "stage_id": stage_id, "value": value, "currency": currency}
        self._require(Entity.DEAL, Kind.CREATE, {n: v for n, v in said.items() if v is not None})
        with self.database.transaction() as connection:
            return leads.add_deal(
                connection, self.about, contact_id, organization_id=organization_id, **said
            )

    def set_up_user(self, email: str) -> int | None:
        """The CRM's user with this address, kept with the local one from now on.

        Raises the errors of ``model.errors``.
        """
        with self.sinks.borrow(Priority.INTERACTIVE) as opened:
            found = opened.sink.user_id(email)
        if found is not None:
            local_side.store_user(self.database, self.workspace, email, found)
        return found

    def reconcile(self) -> int:
        """Enqueue what the CRM lacks; how many commands that are.

        Whatever triggers could not see: warm leads, activities and deals without a command, and
        changes of linked rows that the mirror's newer rows do not show.
        """
        local_side.write_rules(self.database, self.workspace, self.rules.warm_lead_score)
        missing = untangled(lambda: local_side.missing(self.database, self.workspace))
        return missing + untangled(lambda: drift.enqueue(self.database, **self.about))

    def _prepare(self, entity: Entity) -> None:
        try:
            with self.sinks.borrow(Priority.INTERACTIVE) as opened:
                opened.sink.prepare(entity)
        except CrmError as trouble:  # the delivery meets it again, and it is dealt with there
            self.log.info("nothing could be prepared: %s", trouble)

    def _require(self, entity: Entity, kind: Kind, values: Mapping[str, Any]) -> None:
        _, problems = check(entity, kind, values)
        if problems:
            words = "; ".join(f"{name}: {why}" for name, why in problems.items())
            raise InvalidData(words, tuple(problems))

    def _of(self, purpose: Purpose, most: int, failed_too: bool) -> list[int]:
        kinds = sorted((str(entity), str(kind)) for entity, kind in purpose.commands)
        values = {
            **self.about,
            "entities": [entity for entity, _ in kinds],
            "kinds": [kind for _, kind in kinds],
            "most": most,
            "failed_too": failed_too,
        }
        return [row["id"] for row in self.database.run("push.in_turn_of", values)]

    def _behind(self, done: Sequence[int], found: list[Delivery]) -> list[Prepared]:
        """What may go now that these are delivered; what of it cannot be sent is noted."""
        rows = self.database.run(
            "push.behind", {"workspace": self.workspace, "ids": list(done), "most": MOST}
        )
        if not rows:
            return []
        commands = self.fetch(ids=[row["id"] for row in rows])
        good, dead = self.validate(self.transform(commands))
        found += dead
        return good

    def _reject(self, one: Prepared) -> Delivery:
        """Dead before anything was sent."""
        command = one.command
        problems = {name: why for name, why in one.problems.items() if name != RECORD}
        words = one.problems.get(RECORD) or "; ".join(f"{n}: {w}" for n, w in problems.items())
        with self.database.transaction() as connection:
            outbox.kill(connection, command, words, problems)
        dead = Delivery(
            command.id,
            Status.DEAD,
            command.entity,
            local_id=command.local_id,
            remote_id=one.remote_id,
            error=words,
            problems=problems,
            attempts=command.attempts,
        )
        delivering.tell(self.notify, one, Level.ERROR, "command.dead", words, one.remote_id)
        return dead
