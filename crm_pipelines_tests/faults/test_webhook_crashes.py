"""Gateways, the database and appliers die at any moment, all the way from the sender to the mirror.

``WEBHOOK_CRASHES`` sets how many crashes there are.
"""

from __future__ import annotations

import itertools
import json
import os
import random
import sys
import threading
import time
from collections import deque
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from crm_pipelines.model.errors import SystemTrouble
from crm_pipelines.model.window import Mode
from crm_pipelines.store.migrations import migrate
from crm_pipelines_tests import mirroring, webhooks
from crm_pipelines_tests.faults.receiving import await_that, gateways
from crm_pipelines_tests.faults.test_push_crashes import crew
from crm_pipelines_tests.faults.test_receiver_crashes import KINDS, Server, strike
from crm_pipelines_tests.integration.cli.test_auth import free_port
from crm_pipelines_tests.integration.inbox.bustle import Bustle
from crm_pipelines_tests.integration.inbox.post import STREAMS, posting, wrong_rows
from crm_pipelines_tests.mirroring import Mirroring
from crm_pipelines_tests.sandbox_process import Sandbox

CRASHES = int(os.environ.get("WEBHOOK_CRASHES", "4"))
EVENTS = 20 * CRASHES
pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc"),
]
NOTE_SETTLED = """
CREATE TABLE settled (id bigint, status text);
CREATE FUNCTION note_settled() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN INSERT INTO settled VALUES (new.id, new.status); RETURN NULL; END $$;
CREATE TRIGGER note_settled AFTER UPDATE OF status ON sync.inbox FOR EACH ROW
  WHEN (new.status <> old.status) EXECUTE FUNCTION note_settled();
"""


class Carrier(threading.Thread):
    """Takes deliveries to whichever gateway answers, each until it hears 200."""

    def __init__(self, bodies: deque[bytes], ports: list[int], seed: int) -> None:
        super().__init__(name=f"carrier-{seed}")
        self._bodies, self._ports, self._chance = bodies, ports, random.Random(seed)
        self.over = threading.Event()

    def run(self) -> None:
        with httpx.Client(trust_env=False, timeout=20) as client:
            while self._bodies and not self.over.is_set():
                try:
                    body = self._bodies.popleft()
                except IndexError:
                    return
                while not self._bring(client, body):
                    if self.over.wait(self._chance.uniform(0.02, 0.3)):
                        return
                time.sleep(self._chance.uniform(0.0, 0.15))

    def _bring(self, client: httpx.Client, body: bytes) -> bool:
        url = f"http://127.0.0.1:{self._chance.choice(self._ports)}{webhooks.PATH}"
        try:
            return client.post(url, content=body, headers=webhooks.BY_HAND).status_code == 200
        except httpx.TransportError:
            return False


def test_whatever_was_answered_is_applied_once(sandbox: Sandbox, tmp_path: Path) -> None:
    server, chance = Server(tmp_path / "server"), random.Random(20_261_122)
    own = webhooks.variables(server.url, tmp_path, free_port())
    values = {**own, **mirroring.variables(sandbox.url, server.url, tmp_path / "home")}
    mirror = Mirroring(values)
    try:
        migrate(mirror.wiring.database)
        for name in STREAMS:
            mirror(f"pipedrive.{name}", mode=Mode.FULL)
        mirror.wiring.database.run_text(NOTE_SETTLED)
        with posting(sandbox, mirror) as post:
            Bustle(sandbox, seed=11).go_on(EVENTS)
            every = [json.dumps(one).encode() for one in post.bodies()]
        mirror.close()
        doubled = [*every, *chance.sample(every, len(every) // 3)]
        chance.shuffle(doubled)
        go_through_crashes(server, values, tmp_path, deque(doubled), chance)
        mirror = Mirroring(values)
        states = mirror.query("SELECT status FROM sync.inbox")
        assert len(states) == len(every)
        settled = mirror.query("SELECT id FROM settled")
        assert len(settled) == len({row["id"] for row in settled}) == len(every)
        assert wrong_rows(mirror) == {}
    finally:
        mirror.close()
        server.close()


def go_through_crashes(
    server: Server,
    values: dict[str, str],
    folder: Path,
    bodies: deque[bytes],
    chance: random.Random,
) -> None:
    """Until everything was answered, moved and settled."""
    ports = [free_port(), free_port()]
    with gateways(values, folder) as two, crew(values, "inbox_worker") as appliers:
        for port in ports:
            two.start(port)
            two.await_answer(port)
        carriers = [Carrier(bodies, ports, seed) for seed in range(4)]
        for carrier in carriers:
            carrier.start()
        try:
            for kind in itertools.islice(itertools.cycle(KINDS), CRASHES):
                appliers.hire(20)
                time.sleep(chance.uniform(0.3, 1.5))
                appliers.kill(chance.randrange(len(appliers.alive)))
                strike(kind, server, two, ports, chance)
            await_that(lambda: not any(one.is_alive() for one in carriers), "all is taken")
        finally:
            for carrier in carriers:
                carrier.over.set()
                carrier.join()
        spool = Path(values["CRM_HOME"]) / "spool"
        await_that(lambda: not any(one.stat().st_size for one in spool.glob("*.spool")), "moved")
        appliers.hire(100)
        with closing(Mirroring(values)) as watcher:
            await_that(lambda: nothing_waits(watcher), "all is settled")


def nothing_waits(mirror: Mirroring) -> bool:
    """Whether every delivery has become something."""
    try:
        return not mirror.query("SELECT id FROM sync.inbox WHERE status = 'waiting' LIMIT 1")
    except SystemTrouble:  # it was killed a moment ago
        return False
