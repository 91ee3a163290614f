"""The stages of the simulated Pipedrive's deals, the local side, and people who are told."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, LiteralString

from crm_pipelines.connectors.pipedrive.events import EVENTS
from crm_pipelines.flows.stages import history, mappings
from crm_pipelines.flows.stages.flow import Stages
from crm_pipelines.flows.stages.history import Transition
from crm_pipelines.model.event import Incoming
from crm_pipelines.store.history import database_time
from crm_pipelines.store.stages import moves
from crm_pipelines.wiring import Wiring
from crm_pipelines_tests.mirroring import Mirroring
from crm_pipelines_tests.sandbox_process import Sandbox

Row = dict[str, Any]
LISTS = ("deals", "archived_deals", "stages", "pipelines")


class Staging:
    """A wiring of its own, and the sandbox whose deals it follows."""

    def __init__(
        self, values: Mapping[str, str], sandbox: Sandbox, workspace: str = "default"
    ) -> None:
        self.mirror, self.sandbox, self.workspace = Mirroring(values), sandbox, workspace
        self.database = self.mirror.wiring.database
        self.stages: Stages = self.mirror.wiring.stages(workspace)

    def sync(self, *names: str) -> None:
        """Bring the mirror up to date."""
        for name in names or LISTS:
            self.mirror(f"pipedrive.{name}")

    def follow_clock(self) -> None:
        """The days of the budget are those of the sandbox."""
        values = self.mirror.values
        self.mirror.wiring.close()
        self.mirror.wiring = Wiring(values, clock=self._time)
        self.database = self.mirror.wiring.database
        self.stages = self.mirror.wiring.stages(self.workspace)

    def _time(self) -> datetime:
        return datetime.fromisoformat(self.sandbox.admin("GET", "/clock")["now"])

    def map(self, stage_id: int, *actions: str | Row, **values: Any) -> None:
        """What coming into a stage does; actions by name, or with options."""
        wanted = [{"action": one} if isinstance(one, str) else one for one in actions]
        mapping = mappings.read({"probability": 40, "actions": wanted, **values})
        mappings.put(
            self.database, self.mirror.wiring.audit, self.workspace, "pipedrive", stage_id, mapping
        )

    def contact(self, deal_id: int, **values: Any) -> str:
        """A contact of the local side that is the deal's person."""
        person = self.deal(deal_id)["person_id"]
        assert person is not None
        return self.add_contact(person, **values)

    def add_contact(self, person: int | None, name: str = "Ada") -> str:
        """A contact that is linked, as a delivery would have done it."""
        rows = self.query(
            "INSERT INTO app.contacts (workspace_id, name, pipedrive_person_id)"
            " VALUES (%(workspace)s, %(name)s, %(person)s) RETURNING id",
            name=name,
            person=person,
        )
        return str(rows[0]["id"])

    def user(self, email: str) -> str:
        """A user of the local side."""
        rows = self.query(
            "INSERT INTO app.users (workspace_id, email) VALUES (%(workspace)s, %(email)s)"
            " RETURNING id",
            email=email,
        )
        return str(rows[0]["id"])

    def deal(self, deal_id: int) -> Row:
        """As the CRM has it."""
        every = self.sandbox.truth("pipedrive", "deals")
        return next(one for one in every if one["id"] == deal_id)

    def linked_deals(self) -> list[int]:
        """Deals with persons, each of another one, not in the archive; the first first."""
        found: dict[int, int] = {}
        for one in self.sandbox.truth("pipedrive", "deals"):
            if one["person_id"] and not one["is_archived"]:
                found.setdefault(one["person_id"], one["id"])
        return list(found.values())

    def move(self, deal_id: int, stage_id: int) -> Row:
        """Somebody moves a deal in the CRM."""
        path = f"/pipedrive/records/deals/{deal_id}"
        found: Row = self.sandbox.admin("PATCH", path, {"stage_id": stage_id})
        return found

    def make(self, **values: Any) -> Row:
        """Somebody makes a deal in the CRM."""
        found: Row = self.sandbox.admin("POST", "/pipedrive/records/deals", values)
        return found

    def transition(
        self, deal_id: int, stage_id: int, before: int | None, **more: Any
    ) -> Transition:
        """A change of stage that has just happened, as a webhook would tell of it."""
        now = database_time(self.database)
        told = {"changed_at": now, "moved_at": now, "source": "webhook", **more}
        return Transition(deal_id, stage_id, before, **told)

    def note(self, *transitions: Transition) -> list[int]:
        """Tell of them."""
        with self.database.transaction() as connection:
            return history.note(connection, self.workspace, "pipedrive", transitions)

    def hear(self, bodies: Sequence[Row], silent: Sequence[int] = ()) -> list[int]:
        """Tell of them as deliveries do."""
        events = [
            EVENTS.read(Incoming(number, str(number), json.dumps(body).encode(), self.now()))
            for number, body in enumerate(bodies)
        ]
        return self.note(*history.of(events, silent))

    def now(self) -> Any:
        return database_time(self.database)

    def run(self) -> int:
        """Do what waits."""
        return self.stages.run_waiting(run="test")

    def history(self, deal_id: int) -> list[Row]:
        """Of a deal, the first stage first."""
        return moves.of_deal(self.database, self.workspace, "pipedrive", deal_id)

    def way(self, deal_id: int) -> list[tuple[int | None, int]]:
        """From which stage to which."""
        return [(row["previous_stage_id"], row["stage_id"]) for row in self.history(deal_id)]

    def actions(self) -> list[Row]:
        """All of them, in the order in which they were set off."""
        return self.query("SELECT * FROM sync.stage_actions ORDER BY id")

    def states(self) -> list[tuple[str, str]]:
        """Names and states of actions."""
        return [(row["action"], row["status"]) for row in self.actions()]

    def hasten(self) -> None:
        """Whatever waits for its time need not."""
        self.query("UPDATE sync.stage_actions SET next_attempt_at = clock_timestamp()")

    def row(self, contact: str) -> Row:
        """A contact."""
        return self.query("SELECT * FROM app.contacts WHERE id = %(id)s", id=contact)[0]

    def memberships(self) -> list[Row]:
        """Who is in which campaign."""
        return self.query("SELECT * FROM app.campaign_memberships ORDER BY id")

    def query(self, statement: LiteralString, **values: Any) -> list[Row]:
        """Whatever else a test wants to see or do."""
        return list(self.database.run_text(statement, {"workspace": self.workspace, **values}))

    def close(self) -> None:
        """Give everything back."""
        self.mirror.close()


def body(deal: Row, before: Row | None, *, at: str = "", action: str = "change") -> Row:
    """A delivery about a deal, as the CRM words it."""
    stamp = at or deal["update_time"].replace("Z", ".000Z")
    meta = {
        "action": action,
        "entity": "deal",
        "entity_id": str(deal["id"]),
        "id": str(uuid.uuid4()),
        "timestamp": stamp,
        "user_id": "3",
        "version": "2.0",
        "change_source": "app",
    }
    return {"meta": meta, "data": {**deal, "custom_fields": {}}, "previous": before}


class Told:
    """A server that notices are posted to; ``status`` is what it answers."""

    def __init__(self) -> None:
        self.status = 200
        self.notices: list[Row] = []
        told = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                text = self.rfile.read(int(self.headers["content-length"]))
                told.notices += json.loads(text)["notices"]
                self.send_response(told.status)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                """Nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/"


@contextmanager
def told() -> Iterator[Told]:
    """Somebody who can be told."""
    one = Told()
    thread = threading.Thread(target=one.server.serve_forever, daemon=True)
    thread.start()
    try:
        yield one
    finally:
        one.server.shutdown()
        one.server.server_close()
        thread.join(10)
