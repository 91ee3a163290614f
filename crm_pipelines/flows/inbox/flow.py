"""The inbox of one account: fetch deliveries, transform, validate, apply."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

from crm_pipelines.flows.inbox.apply import apply
from crm_pipelines.flows.inbox.batches import Applied, Batch, Checked, Record, Trouble, Understood
from crm_pipelines.flows.inbox.catch_up import CaughtUp, Kind, catch_up
from crm_pipelines.flows.inbox.echoes import recognise
from crm_pipelines.flows.inbox.means import Means
from crm_pipelines.flows.inbox.questions import Questions
from crm_pipelines.flows.inbox.settling import MOMENT
from crm_pipelines.flows.inbox.sighted import Sighted
from crm_pipelines.flows.inbox.transform import transform
from crm_pipelines.flows.inbox.validate import validate
from crm_pipelines.store import inbox as store
from crm_pipelines.store.inbox import Applier
from crm_pipelines.store.inbox.turns import Newest

MOST = 500
"""Deliveries of one batch."""


class Inbox(Means):
    """The phases ``fetch``, ``transform``, ``validate`` and ``apply``; ``work`` does all of them.

    What they hand on can be pickled.
    """

    def fetch(self, *, most: int = MOST) -> Batch:
        """Deliveries whose turn it is. Nothing while the account is not set up: they wait."""
        if not self.account.configured:
            return Batch()
        return Batch(tuple(store.waiting(self.database, **self.about, most=most)))

    def transform(self, batch: Batch) -> Understood:
        """What they say, whatever version they are written in."""
        return transform(batch, self.events, {one.name for one in self.account.streams})

    def validate(self, understood: Understood) -> Checked:
        """Which of them count."""
        with self._questions() as questions:
            return self._validate(understood, questions)

    def apply(self, checked: Checked, *, run: str = "") -> Applied:
        """Write what counts to the mirror and to the local side, and settle the deliveries.

        Somebody may have applied others since they were checked: they are checked again. While
        another applier is at work nothing is done; it will meet them.
        """
        with Applier(self.database, **self.about) as applier, self._questions() as questions:
            if not applier.taken:
                return Applied(busy=True)
            fresh = self._validate(self._still(checked.understood), questions)
            done = apply(self, fresh, questions, run)
            return self._with_actions(self._paid(done, questions), run)

    def work(self, *, most: int = MOST, run: str = "", seconds: float = math.inf) -> Applied:
        """All four phases, until nothing waits whose time has come, or after so many seconds."""
        done, begun = Applied(), time.monotonic()
        with Applier(self.database, **self.about) as applier, self._questions() as questions:
            if not applier.taken:
                return Applied(busy=True)
            while time.monotonic() - begun < seconds:
                batch = self.fetch(most=most)
                if not batch.deliveries:
                    break
                checked = self._validate(self.transform(batch), questions)
                applier.check()
                more = apply(self, checked, questions, run)
                done = done.plus(more)
                if not more.settled and not more.put_off:
                    break  # somebody else has settled them
            return self._with_actions(self._paid(done, questions), run)

    def catch_up(self, *, run: str = "") -> CaughtUp:
        """Let rows of the local side follow what the mirror knows and no delivery told of."""
        kinds = [
            Kind(known.entity, object_, self.mirror(known.stream).stream.deleted_field)
            for object_, known in self.events.streams.items()
            if known.entity and any(one.name == known.stream for one in self.account.streams)
        ]
        with self._questions() as questions:
            return catch_up(self.database, self.side(run), kinds, questions)

    def _validate(self, understood: Understood, questions: Questions) -> Checked:
        return validate(understood, self.events, self._newest, questions, self._recognise)

    def _newest(self, records: Sequence[Record]) -> Mapping[Record, Newest]:
        return store.newest(self.database, **self.about, records=records)

    def _recognise(
        self, sighted: Sequence[Sighted]
    ) -> tuple[Mapping[int, int], Mapping[int, Trouble]]:
        """Echoes, with their commands; and those of writes that are under way."""
        found = recognise(self.database, **self.about, events=sighted)
        early = Trouble("a write of ours is under way", datetime.now(UTC) + MOMENT)
        echoes = {id_: command for id_, command in found.items() if command is not None}
        return echoes, {id_: early for id_, command in found.items() if command is None}

    def _paid(self, done: Applied, questions: Questions) -> Applied:
        """With what was spent on questions."""
        return done.plus(Applied(api_calls=questions.api_calls, tokens=questions.tokens))

    def _with_actions(self, done: Applied, run: str) -> Applied:
        """What changes of stage have set off, done."""
        return done.plus(Applied(actions=self.stages.run_waiting(run=run)))

    def _still(self, understood: Understood) -> Understood:
        waiting = store.still_waiting(self.database, understood.ids)
        return Understood(
            tuple(event for event in understood.events if event.delivery in waiting),
            {id_: words for id_, words in understood.poison.items() if id_ in waiting},
            {id_: one for id_, one in understood.unheard.items() if id_ in waiting},
        )

    @contextmanager
    def _questions(self) -> Iterator[Questions]:
        questions = Questions(self.account, self.budget, self.database)
        try:
            yield questions
        finally:
            questions.close()
