"""What a write ends with when its answer is spoilt, and what is in the CRM then."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from crm_pipelines.model.command import Entity
from crm_pipelines.model.errors import (
    BadCredentials,
    BudgetSpent,
    OutcomeUnknown,
    Unreachable,
)
from crm_pipelines.model.sink import Sink
from crm_pipelines.wiring import Wiring
from crm_pipelines_tests.consent import app_variables, grant
from crm_pipelines_tests.integration.sink.conftest import Opening
from crm_pipelines_tests.sandbox_process import Sandbox

UNKNOWN: list[tuple[str, dict[str, Any], bool]] = [
    ("lost_answer", {}, True),
    ("timeout", {"seconds": 0.2}, False),
    ("timeout", {"seconds": 30}, False),
    ("cut_body", {}, True),
    ("malformed_json", {}, True),
    ("reset", {}, False),
    ("server_error", {"status": 500}, False),
    ("server_error", {"status": 503}, False),
]
WRITES: list[tuple[Entity, str, dict[str, Any]]] = [
    (Entity.PERSON, "persons", {"name": "N"}),
    (Entity.ACTIVITY, "activities", {"subject": "S", "type": "call"}),
]


def posts(sandbox: Sandbox, collection: str) -> int:
    wanted = ("POST", f"/api/v2/{collection}")
    return sum((entry["method"], entry["path"]) == wanted for entry in sandbox.journal())


def test_a_create_without_a_sure_answer_is_sent_once_and_its_outcome_unknown(
    opening: Opening, sandbox: Sandbox
) -> None:
    sink = opening(CRM_READ_SECONDS="1")
    sink.create(Entity.PERSON, {"name": "First"}, "p0")
    for kind, rule, applied in UNKNOWN:
        for entity, collection, values in WRITES:
            before, sent = len(sandbox.truth("pipedrive", collection)), posts(sandbox, collection)
            sandbox.fault(kind, method="POST", path=f"{collection}$", **rule)
            with pytest.raises(OutcomeUnknown):
                sink.create(entity, values, f"{kind}{rule}")
            sink.read(Entity.PERSON, 1)  # so that the CRM does not seem to be down
            there = len(sandbox.truth("pipedrive", collection)) - before
            assert there == int(applied), (kind, entity)
            answered = 0 if rule.get("seconds") == 30 else 1  # the journal notes ends
            assert posts(sandbox, collection) - sent == answered, (kind, entity)


def test_a_create_that_is_applied_after_we_gave_up_is_found_then(
    opening: Opening, sandbox: Sandbox
) -> None:
    sink = opening(CRM_READ_SECONDS="0.5")
    first = sink.create(Entity.PERSON, {"name": "First"}, "p0")
    since = first.updated_at
    assert since is not None
    sandbox.fault("late", method="POST", path="persons$", seconds=2)
    with pytest.raises(OutcomeUnknown):
        sink.create(Entity.PERSON, {"name": "Late"}, "p1")
    assert sink.find_ours(Entity.PERSON, "p1", {"name": "Late"}, since) is None
    while sandbox.truth("pipedrive", "persons")[-1]["name"] != "Late":
        time.sleep(0.1)
    found = sink.find_ours(Entity.PERSON, "p1", {"name": "Late"}, since)
    assert found is not None
    assert found.values["name"] == "Late"


def test_a_change_is_repeated_until_it_is_answered(opening: Opening, sandbox: Sandbox) -> None:
    sink = opening(CRM_READ_SECONDS="1")
    for number, (kind, rule, _) in enumerate(UNKNOWN):
        if rule.get("seconds") == 30:
            continue
        sandbox.fault(kind, method="PATCH", path="persons/1$", **rule)
        found = sink.update(Entity.PERSON, 1, {"name": f"Name {number}"})
        assert found.values["name"] == f"Name {number}"


def test_too_many_at_once_is_waited_for(sink: Sink, sandbox: Sandbox) -> None:
    sandbox.fault("burst_429", method="POST", path="persons$")
    before = len(sandbox.truth("pipedrive", "persons"))
    made = sink.create(Entity.PERSON, {"name": "N"}, "p")
    assert len(sandbox.truth("pipedrive", "persons")) == before + 1 == made.remote_id
    assert posts(sandbox, "persons") == 2


def test_a_spent_day_is_said_and_nothing_more_is_sent(sink: Sink, sandbox: Sandbox) -> None:
    sandbox.fault("daily_429", method="POST", path="persons$")
    for _ in range(2):
        with pytest.raises(BudgetSpent):
            sink.create(Entity.PERSON, {"name": "N"}, "p")
    assert posts(sandbox, "persons") == 1


def test_a_login_that_ended(sink: Sink, sandbox: Sandbox) -> None:
    sink.create(Entity.PERSON, {"name": "N"}, "p0")
    before = len(sandbox.truth("pipedrive", "persons"))
    sandbox.fault("expired_login", method="POST", path="persons$", times=0)
    with pytest.raises(BadCredentials):
        sink.create(Entity.PERSON, {"name": "N"}, "p")
    assert len(sandbox.truth("pipedrive", "persons")) == before


def test_an_access_token_that_ends_on_the_way_is_renewed(
    environment: dict[str, str], opening: Opening, sandbox: Sandbox
) -> None:
    app = app_variables(sandbox.url)
    with closing(Wiring({**environment, **app})) as wiring:
        grant(wiring)
    sink, before = opening(**app), len(sandbox.truth("pipedrive", "persons"))
    sandbox.fault("expired_login", method="POST", path="person(s|Fields)$", after=1)
    made = sink.create(Entity.PERSON, {"name": "N"}, "p")
    assert sink.find_ours(Entity.PERSON, "p", {}, made.updated_at or datetime.now(UTC)) == made
    assert len(sandbox.truth("pipedrive", "persons")) == before + 1


def test_nobody_at_home_is_no_unknown_outcome(opening: Opening, sandbox: Sandbox) -> None:
    sink = opening(PIPEDRIVE_BASE_URL="http://127.0.0.1:9")
    with pytest.raises(Unreachable):
        sink.create(Entity.ACTIVITY, {"subject": "S", "type": "call"}, "a")


def test_what_fails_after_the_record_is_made_does_not_say_that_it_is_not(
    sink: Sink, sandbox: Sandbox, database_url: str
) -> None:
    sink.create(Entity.ORGANIZATION, {"name": "First"}, "o0")
    sandbox.fault("expired_login", method="GET", path="organizationFields", times=0)
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            "CREATE FUNCTION forget() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN DELETE FROM sync.memory; RETURN NULL; END $$;"
            "CREATE TRIGGER forget AFTER INSERT OR UPDATE ON sync.token_usage"
            " FOR EACH STATEMENT EXECUTE FUNCTION forget()"
        )
    with pytest.raises(OutcomeUnknown, match="was made"):
        sink.create(Entity.ORGANIZATION, {"name": "Second"}, "o1")
    assert sandbox.truth("pipedrive", "organizations")[-1]["name"] == "Second"


TOKENS: list[tuple[str, int]] = [
    ("create activity", 5),
    ("create person", 5),
    ("update person", 5),
    ("update person's address", 6),
    ("read", 1),
    ("find ours", 21),
    ("find nobody", 40),
    ("find an activity", 10),
    ("find persons", 21),
    ("label", 0),
    ("user", 20),
    ("user again", 0),
]


def test_what_everything_costs(sink: Sink, sandbox: Sandbox) -> None:
    made = sink.create(Entity.PERSON, {"name": "N", "email": ["n@example.com"]}, "p0")
    since = made.updated_at
    assert since is not None
    user = sandbox.truth("pipedrive", "users")[0]["email"]
    call = {"subject": "S", "type": "call", "person_id": 1}
    person, activity, name = Entity.PERSON, Entity.ACTIVITY, {"name": "M"}
    doings: dict[str, Callable[[], object]] = {
        "create activity": lambda: sink.create(activity, call, "a"),
        "create person": lambda: sink.create(person, {"name": "N"}, "p1"),
        "update person": lambda: sink.update(person, 1, name),
        "update person's address": lambda: sink.update(person, 1, {"email": ["m@example.com"]}),
        "read": lambda: sink.read(person, 1),
        "find ours": lambda: sink.find_ours(person, "p0", {}, since),
        "find nobody": lambda: sink.find_ours(person, "p9", name, since),
        "find an activity": lambda: sink.find_ours(activity, "a", call, since),
        "find persons": lambda: sink.find_persons("n@example.com"),
        "label": lambda: sink.label_id(person, "Warm lead"),
        "user": lambda: sink.user_id(user),
        "user again": lambda: sink.user_id(user),
    }
    spent = []
    for what, do in doings.items():
        before = sandbox.admin("GET", "/pipedrive/usage")["tokens"]
        do()
        spent.append((what, sandbox.admin("GET", "/pipedrive/usage")["tokens"] - before))
    assert spent == TOKENS
