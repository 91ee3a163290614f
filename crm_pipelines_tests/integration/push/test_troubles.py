"""A CRM that is down, dear or closed: commands wait, nothing is lost, nothing is sent twice."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from crm_pipelines.model.command import Entity, Kind, Status, Wanted
from crm_pipelines.model.notice import Level, Notice
from crm_pipelines.store import events, outbox
from crm_pipelines_tests.integration.push.pushing import Pushing

MANY = 500
ADA = "ada@lovelace.example.com"


def test_without_a_login_commands_wait(pushing: Callable[..., Pushing]) -> None:
    push = pushing(PIPEDRIVE_API_TOKEN="", PIPEDRIVE_BASE_URL="")
    push.lead(email=ADA)
    assert push.work() == []
    [command] = push.outbox()
    assert (command["status"], command["attempts"]) == ("pending", 0)
    later = pushing()
    later.work()
    assert len(later.made("persons")) == 1


def test_nobody_answers(pushing: Callable[..., Pushing]) -> None:
    push = pushing(PIPEDRIVE_BASE_URL="http://127.0.0.1:9")
    lead = push.lead(email=ADA)
    assert push.row("contacts", lead)["update_sync_status"] == "PENDING"
    for _ in range(4):
        push.hasten()
        push.work()
    [command] = push.outbox()
    assert (command["status"], command["attempts"]) == ("pending", 0)
    assert "cannot be reached" in command["error"] or "not asked again" in command["error"]
    push.query("DELETE FROM sync.breakers")
    push.hasten()
    later = pushing()
    [delivery] = later.work()
    assert delivery.status is Status.DELIVERED


def test_an_open_circuit_costs_no_attempts(push: Pushing) -> None:
    push.sandbox.fault("server_error", method="POST", path="/persons", times=0)
    for number in range(12):
        push.lead(f"Lead {number}")
    push.work()
    commands = push.outbox()
    assert {command["status"] for command in commands} == {"pending"}
    assert min(command["attempts"] for command in commands) == 0
    push.sandbox.admin("DELETE", "/faults")
    push.query("DELETE FROM sync.breakers")
    push.query("UPDATE sync.outbox SET sent_at = sent_at - interval '1 hour'")
    push.hasten()
    push.work()
    assert len(push.made("persons")) == 12


def test_a_wrong_token_is_nobodys_fault(pushing: Callable[..., Pushing]) -> None:
    push = pushing(PIPEDRIVE_API_TOKEN="wrong")
    for number in range(5):
        push.lead(f"Lead {number}")
    push.work()
    assert {(c["status"], c["attempts"]) for c in push.outbox()} == {("pending", 0)}
    assert len(push.statuses()) < 20
    push.hasten()
    right = pushing()
    right.work()
    assert len(right.made("persons")) == 5


def test_many_leads_within_the_budget(pushing: Callable[..., Pushing]) -> None:
    """It pauses when the day is spent, goes on the next day, and never meets a refusal."""
    daily = MANY * 3
    push = pushing(PIPEDRIVE_DAILY_TOKENS=str(daily), PIPEDRIVE_BURST_LIMIT="100")
    limits = {"daily_tokens": daily, "burst": 100, "burst_search": 10}
    push.sandbox.admin("PATCH", "/pipedrive/limits", limits)
    push.query(
        "INSERT INTO app.contacts (name, warmness_score)"
        " SELECT 'Lead ' || n, 5 FROM generate_series(1, %(many)s) AS n",
        many=MANY,
    )
    push.work()
    first = len(push.made("persons"))
    assert 0 < first < MANY
    waiting = [command for command in push.outbox() if command["status"] == "pending"]
    assert len(waiting) == MANY - first
    assert max(command["attempts"] for command in waiting) == 0
    assert all(c["next_attempt_at"] > datetime.now(UTC) for c in waiting)
    assert push.work() == []
    push.sandbox.admin("PATCH", "/pipedrive/limits", {"daily_tokens": MANY * 50})
    push.query(
        "UPDATE sync.budgets SET spent = 0, by_priority = '{0,0,0,0}', exhausted_until = NULL"
    )
    more = pushing(PIPEDRIVE_DAILY_TOKENS=str(MANY * 50), PIPEDRIVE_BURST_LIMIT="100")
    more.hasten()
    more.work()
    assert len(push.made("persons")) == MANY
    assert len({person["name"] for person in push.made("persons")}) == MANY
    assert 429 not in push.statuses()


def test_what_is_waited_for_goes_first(push: Pushing) -> None:
    """A record's earlier commands are delivered with the one that somebody waits for."""
    org = push.add("organizations", name="Engines Ltd")
    lead = push.lead(email=ADA, organization_id=org)
    for number in range(5):
        push.lead(f"Other {number}")
    wanted = Wanted(
        "default", "pipedrive", Entity.PERSON, Kind.UPDATE, {"name": "Ada King"}, local_id=lead
    )
    command = push.push.enqueue(wanted)
    [delivery] = push.work(ids=[command])
    assert (delivery.id, delivery.status) == (command, Status.DELIVERED)
    assert push.remote("contacts", lead)["name"] == "Ada King"
    assert len(push.made("persons")) == 1


def test_a_lost_answer_is_looked_for(pushing: Callable[..., Pushing]) -> None:
    """Not sent again while the CRM may still be at work, nor when it is found."""
    push = pushing(CRM_PUSH_GRACE_SECONDS="3600")
    push.sandbox.admin("PATCH", "/pipedrive/limits", {"search_lag_seconds": 86_400})
    push.sandbox.fault("reset", method="POST", path="/persons")
    lead = push.lead(email=ADA)
    push.work()
    assert push.made("persons") == []
    push.hasten()
    [delivery] = push.work()
    assert delivery.status is Status.PENDING
    assert delivery.retry_at is not None and delivery.retry_at > datetime.now(UTC)
    [command] = push.outbox()
    assert command["attempts"] == 1
    push.query("UPDATE sync.outbox SET sent_at = sent_at - interval '2 hours'")
    push.sandbox.fault("lost_answer", method="POST", path="/persons")
    push.hasten()
    push.work()
    assert len(push.made("persons")) == 1
    push.hasten()
    [delivery] = push.work()
    assert delivery.status is Status.DELIVERED
    assert len(push.made("persons")) == 1
    assert push.row("contacts", lead)["pipedrive_person_id"] == push.made("persons")[0]["id"]


def test_retries_then_the_batch_job_then_dead(pushing: Callable[..., Pushing]) -> None:
    push = pushing(CRM_PUSH_GRACE_SECONDS="0")
    push.lead()
    push.sandbox.fault("server_error", method="POST", path="/persons", times=0)
    course = []
    for _ in range(12):
        push.hasten()
        push.query("DELETE FROM sync.breakers")
        push.work(failed_too=True)
        course.append(push.outbox()[0]["status"])
    assert course == ["pending"] * 3 + ["failed"] * 5 + ["dead"] * 4
    assert push.row("contacts", push.outbox()[0]["local_id"])["update_sync_status"] == "FAILED"
    push.sandbox.admin("DELETE", "/faults")
    push.query("DELETE FROM sync.breakers")
    assert outbox.redrive(push.wiring.database, "default", status=Status.DEAD, who="tests") == 1
    [delivery] = push.work()
    assert delivery.status is Status.DELIVERED
    assert len(push.made("persons")) == 1


def test_many_workers_at_once(pushing: Callable[..., Pushing]) -> None:
    pushes = [pushing() for _ in range(4)]
    for number in range(40):
        lead = pushes[0].lead(f"Lead {number}", email=f"lead{number % 20}@example.com")
        pushes[0].add("activities", contact_id=lead, type="CALL", subject=f"Call {number}")
    threads = [threading.Thread(target=one.work) for one in pushes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    pushes[0].work()
    assert len(pushes[0].made("persons")) == 20
    assert len(pushes[0].made("activities")) == 40
    assert {row["status"] for row in pushes[0].outbox()} == {"delivered"}


@contextmanager
def receiver(status: int = 200) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Somebody's address for notices, and what came there."""
    seen: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            seen.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/hook", seen
        finally:
            server.shutdown()
            thread.join()


class MailHandler(socketserver.StreamRequestHandler):
    """As much of a mail server as a sender notices."""

    def handle(self) -> None:
        said: list[bytes] = []
        self.wfile.write(b"220 ready\r\n")
        for line in self.rfile:
            if said and said[-1] != b".\r\n":
                said.append(line)
                if line == b".\r\n":
                    self.server.mails.append(b"".join(said).decode())  # type: ignore[attr-defined]
                    self.wfile.write(b"250 taken\r\n")
            elif line.upper().startswith(b"DATA"):
                said.append(b"")
                self.wfile.write(b"354 go on\r\n")
            else:
                self.wfile.write(b"250 fine\r\n")
                if line.upper().startswith(b"QUIT"):
                    return


def test_failures_are_mailed(pushing: Callable[..., Pushing]) -> None:
    with socketserver.TCPServer(("127.0.0.1", 0), MailHandler) as server:
        server.mails = []  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        push = pushing(
            CRM_NOTIFY_SMTP_URL=f"smtp://127.0.0.1:{server.server_address[1]}?from=crm@example.com",
            CRM_NOTIFY_EMAIL_TO="ops@example.com",
        )
        for number in range(3):
            push.lead(f"Ada {number}", email="not an address")
        push.work()
        push.push.close()
        server.shutdown()
        thread.join()
        [mail] = server.mails  # type: ignore[attr-defined]
    assert "From: crm@example.com" in mail
    assert "To: ops@example.com" in mail
    assert "(and 2 more)" in mail
    assert mail.count("is not an e-mail address") >= 3


def test_failures_are_told(pushing: Callable[..., Pushing]) -> None:
    with receiver() as (url, seen):
        push = pushing(CRM_NOTIFY_WEBHOOK_URL=url)
        push.lead("Fine", email=ADA)
        push.lead("Ada", email="not an address")
        push.work()
        push.push.close()
    told = [notice for message in seen for notice in message["notices"]]
    assert [(one["level"], one["what"]) for one in told] == [("error", "command.dead")]
    assert "is not an e-mail address" in told[0]["words"]


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/", "REFUSES"])
def test_a_target_that_is_down_is_no_obstacle(pushing: Callable[..., Pushing], url: str) -> None:
    with receiver(500) as (refusing, _):
        push = pushing(
            CRM_NOTIFY_WEBHOOK_URL=refusing if url == "REFUSES" else url,
            CRM_NOTIFY_SMTP_URL="smtp://127.0.0.1:9",
            CRM_NOTIFY_EMAIL_TO="ops@example.com",
        )
        push.lead("Ada", email="not an address")
        push.lead("Fine", email=ADA)
        push.work()
        push.push.close()
    assert len(push.made("persons")) == 1


def test_those_who_watch_see_it(push: Pushing) -> None:
    heard: list[dict[str, Any]] = []
    listening, enough = threading.Event(), threading.Event()

    def listen() -> None:
        for event in events.listen(push.wiring.database, 0.2):
            listening.set()
            if event is not None:
                heard.append(event)
            if heard or enough.is_set():
                return

    thread = threading.Thread(target=listen)
    thread.start()
    assert listening.wait(30)
    push.lead("Ada Lovelace", email=ADA)
    push.work()
    thread.join(30)
    enough.set()
    assert heard[0]["words"] == "Person created in Pipedrive as Warm Lead"
    assert heard[0]["level"] == "info"


def test_news_that_are_too_long_are_cut(push: Pushing) -> None:
    push.push.notify(Notice("default", Level.INFO, "x.y", "z" * 300, "w" * 20_000))
    push.push.notify.close()


def test_times_are_what_they_were(push: Pushing) -> None:
    """The stamp of the write is the CRM's own: by it the echo of this write is known."""
    lead = push.lead(email=ADA)
    push.work()
    [command] = push.outbox()
    stamp = datetime.fromisoformat(command["fingerprint"]["update_time"])
    assert push.row("contacts", lead)["last_pipedrive_update"] == stamp
    assert abs(stamp - datetime.now(UTC)) < timedelta(minutes=5)
