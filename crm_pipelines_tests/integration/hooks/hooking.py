"""Webhooks of a simulated account, and a receiver that knows their credentials."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from typing import Any, LiteralString

from crm_pipelines.flows.hooks.flow import Webhooks
from crm_pipelines.model.notice import Notice
from crm_pipelines.wiring import Wiring
from crm_pipelines_tests.receiver import Receiver
from crm_pipelines_tests.sandbox_process import TOKEN, Sandbox, plain_client

Row = dict[str, Any]
OBJECTS = {
    "activity",
    "deal",
    "lead",
    "note",
    "organization",
    "person",
    "pipeline",
    "product",
    "stage",
    "user",
}


class Hooking:
    """A wiring of its own; the receiver takes what carries credentials of ``sync.webhooks``."""

    def __init__(self, values: Mapping[str, str], sandbox: Sandbox, receiver: Receiver) -> None:
        self.values, self.sandbox, self.receiver = dict(values), sandbox, receiver
        self.wiring = Wiring(self.values)
        self.notices: list[Notice] = []
        receiver.judge = self._judge

    @property
    def webhooks(self) -> Webhooks:
        """The flow."""
        return self.wiring.webhooks("default")

    def there(self) -> list[Row]:
        """What Pipedrive has."""
        found: list[Row] = self.sandbox.admin("GET", "/pipedrive/webhooks")
        return found

    def ours(self) -> dict[str, Row]:
        """Those of ours, by object; there is one for each."""
        found = [one for one in self.there() if one["name"].startswith("crm-pipelines ")]
        by_object = {one["event_object"]: one for one in found}
        assert len(by_object) == len(found)
        return by_object

    def foreign(self, **more: Any) -> Row:
        """A webhook of another program."""
        body = {
            "subscription_url": self.receiver.url,
            "event_action": "*",
            "event_object": "person",
            "name": "Somebody else's",
            **more,
        }
        headers = {"x-api-token": TOKEN}
        with plain_client(base_url=self.sandbox.url, headers=headers) as client:
            answer = client.post("/api/v1/webhooks", json=body)
        assert answer.status_code == 201, answer.text
        found: Row = answer.json()["data"]
        return found

    def calls(self, since: int) -> list[tuple[str, int]]:
        """Requests about webhooks after a number of the journal: method and status."""
        return [
            (entry["method"], entry["status"])
            for entry in self.sandbox.journal(since)
            if "webhooks" in entry["path"]
        ]

    def mark(self) -> int:
        """The journal's last number."""
        return max((entry["number"] for entry in self.sandbox.journal()), default=0)

    def query(self, statement: LiteralString, **values: Any) -> list[Row]:
        """Whatever a test wants to see."""
        return list(self.wiring.database.run_text(statement, values))

    def rows(self) -> list[Row]:
        """Registrations that live."""
        return self.query("SELECT * FROM sync.webhooks WHERE status <> 'retired' ORDER BY id")

    def close(self) -> None:
        """Give everything back."""
        self.wiring.close()

    def _judge(self, _: str, headers: dict[str, str]) -> int:
        """What a gateway does: credentials that were retired are taken until their time is over."""
        word = headers.get("Authorization", "").removeprefix("Basic ")
        user, _, password = base64.b64decode(word).decode().partition(":")
        rows = self.query(
            "SELECT id FROM sync.webhooks WHERE username = %(user)s"
            " AND password_digest = %(digest)s"
            " AND (status <> 'retired' OR accepted_until > clock_timestamp())",
            user=user,
            digest=hashlib.sha256(password.encode()).digest(),
        )
        return 200 if rows else 401
