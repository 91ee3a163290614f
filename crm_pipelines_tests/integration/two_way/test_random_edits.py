"""Random histories of both sides, with deliveries late, doubled, in no order, or lost."""

from __future__ import annotations

import os
import random

import pytest

from crm_pipelines.model.window import Mode
from crm_pipelines_tests.integration.inbox.post import Body
from crm_pipelines_tests.integration.two_way.edits import Edits
from crm_pipelines_tests.integration.two_way.sides import Sides

STEPS = int(os.environ.get("CRM_TEST_EDITS", "60"))
STREAMS = ("persons", "organizations", "deals", "activities")


class History:
    """What may happen, one step after the other."""

    def __init__(self, sides: Sides, seed: int) -> None:
        self.sides, self.dice = sides, random.Random(seed)
        self.edits = Edits(sides, self.dice)
        self.bag: list[Body] = []
        self.made = sides.commands()

    def step(self, *, losing: bool) -> None:
        """One of them."""
        kinds = [self.edit_here, self.edit_there, self.push, self.receive, self.receive]
        kinds += [self.edit_here, self.edit_there, self.shift_clock]
        kinds += [self.lose] if losing else []
        self.dice.choice(kinds)()

    def edit_here(self) -> None:
        for _ in range(self.dice.choice((1, 1, 3))):
            self.edits.here()

    def edit_there(self) -> None:
        for _ in range(self.dice.choice((1, 1, 3))):
            self.edits.there(by_program=self.dice.random() < 0.5)

    def push(self) -> None:
        self.sides.push.work()

    def receive(self) -> None:
        """Some of what is on its way, some of it twice; it makes no commands."""
        self.bag += self.sides.post.bodies()
        some = self.dice.sample(self.bag, self.dice.randrange(len(self.bag) + 1))
        self.bag = [body for body in self.bag if body not in some or self.dice.random() < 0.2]
        before = self.sides.commands()
        self.sides.post.hurry()
        self.sides.post.work(some)
        assert self.sides.commands() == before

    def lose(self) -> None:
        self.bag += self.sides.post.bodies()
        if self.bag:
            self.bag.remove(self.dice.choice(self.bag))

    def shift_clock(self) -> None:
        """The CRM's clock is ahead of ours, stands still for a while, or is right."""
        kind = self.dice.choice(("stop", "ahead", "reset"))
        if kind == "stop":
            self.sides.stop_clock()
        elif kind == "ahead":
            self.sides.sandbox.admin("POST", "/clock", {"advance_seconds": 2})
        else:
            self.sides.sandbox.admin("POST", "/clock", {"advance_seconds": 0.01})

    def finish(self) -> None:
        """Everything gets where it belongs."""
        self.sides.settle([*self.bag, *self.sides.post.bodies()])
        self.sides.settle()


@pytest.mark.parametrize("seed", range(2))
def test_both_are_equal_in_the_end(sides: Sides, seed: int) -> None:
    history = History(sides, seed)
    for _ in range(STEPS):
        history.step(losing=False)
    history.finish()
    assert sides.differences() == []
    assert sides.query("SELECT id, error FROM sync.outbox WHERE status = 'dead'") == []
    balance = sides.balance()
    assert balance.writes == balance.echoes > 0


def test_both_are_equal_in_the_end_though_deliveries_are_lost(sides: Sides) -> None:
    history = History(sides, 7)
    for _ in range(STEPS):
        history.step(losing=True)
    history.finish()
    for name in STREAMS:
        sides.post.mirror(f"pipedrive.{name}", mode=Mode.FULL)
    before = sides.commands()
    sides.post.flow.catch_up()
    assert sides.commands() == before
    assert sides.differences() == []
    assert sides.push.push.reconcile() == 0
