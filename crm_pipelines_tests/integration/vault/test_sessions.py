"""Salesforce's sessions: logging in counts, so that one login serves every process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta

import pytest

from crm_pipelines.model.errors import BadCredentials
from crm_pipelines.vault.keys import make_key
from crm_pipelines.wiring import Wiring
from crm_pipelines_tests.integration.vault.accounts import actions, ask, asked, introduce
from crm_pipelines_tests.mirroring import Mirroring
from crm_pipelines_tests.sandbox_process import Sandbox

APP = ("SALESFORCE_CLIENT_ID", "SALESFORCE_CLIENT_SECRET")
SOAP = {
    "SALESFORCE_USERNAME": "sandbox@example.com",
    "SALESFORCE_PASSWORD": "sandbox-password",
    "SALESFORCE_SECURITY_TOKEN": "sandboxtoken",
}


@pytest.fixture
def wiring(environment: dict[str, str]) -> Iterator[Wiring]:
    with closing(Wiring(environment)) as wiring:
        yield wiring


def a_session_ends(sandbox: Sandbox) -> None:
    sandbox.admin("POST", "/clock", {"advance_seconds": timedelta(days=2).total_seconds()})


def test_programs_share_a_session_until_it_ends(
    environment: dict[str, str], sandbox: Sandbox
) -> None:
    for _ in range(3):
        introduce(environment, "salesforce")
    assert asked(sandbox) == (1, 0)
    a_session_ends(sandbox)
    for _ in range(3):
        introduce(environment, "salesforce")
    assert asked(sandbox) == (2, 1)
    assert actions(environment) == ["login", "login"]


def test_many_at_once_log_in_once(environment: dict[str, str], sandbox: Sandbox) -> None:
    wirings = [Wiring(environment) for _ in range(4)]
    try:
        for _ in range(2):
            with ThreadPoolExecutor(12) as pool:
                list(pool.map(lambda n: ask(wirings[n % 4], "salesforce"), range(12)))
            a_session_ends(sandbox)
    finally:
        for one in wirings:
            one.close()
    assert asked(sandbox)[0] == 2


def test_a_refused_session_is_renewed_once(wiring: Wiring, sandbox: Sandbox) -> None:
    ask(wiring, "salesforce")
    sandbox.fault("expired_login", system="salesforce", path="/services/data", times=0)
    with pytest.raises(BadCredentials, match="after a new login"):
        ask(wiring, "salesforce")
    assert asked(sandbox)[0] == 2


def test_refused_logins_rest_and_changed_ones_are_tried_at_once(
    environment: dict[str, str], sandbox: Sandbox
) -> None:
    wrong = {**environment, "SALESFORCE_CLIENT_SECRET": "wrong-secret"}
    for _ in range(3):
        with pytest.raises(BadCredentials, match="SALESFORCE_") as caught:
            introduce(wrong, "salesforce")
        assert "wrong-secret" not in str(caught.value)
    assert asked(sandbox)[0] == 1
    introduce(environment, "salesforce")
    assert actions(environment) == ["refused", "change", "login"]


def test_changed_credentials_do_not_hide_behind_a_session(environment: dict[str, str]) -> None:
    introduce(environment, "salesforce")
    with pytest.raises(BadCredentials):
        introduce({**environment, "SALESFORCE_CLIENT_SECRET": "wrong-secret"}, "salesforce")


def test_a_session_sealed_by_a_lost_key_is_made_anew(
    environment: dict[str, str], sandbox: Sandbox
) -> None:
    introduce(environment, "salesforce")
    introduce({**environment, "CRM_ENCRYPTION_KEYS": make_key().text}, "salesforce")
    assert asked(sandbox) == (2, 0)


def test_every_way_in(
    environment: dict[str, str], sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    rest = {name: value for name, value in environment.items() if name not in APP}
    key = {
        "SALESFORCE_CLIENT_ID": "sandbox-client",
        "SALESFORCE_USERNAME": "sandbox@example.com",
        "SALESFORCE_PRIVATE_KEY_FILE": str(sandbox.home / "salesforce_jwt_key.pem"),
    }
    who = {introduce(values, "salesforce") for values in (environment, {**rest, **key})}
    assert "Summer '27" not in caplog.text
    who.add(introduce({**rest, **SOAP}, "salesforce"))
    assert "Summer '27" in caplog.text
    assert "sandbox-password" not in caplog.text
    with closing(Wiring({**rest, **SOAP})) as wiring:
        held = wiring.account("default", "salesforce").tokens().read()
    assert held is not None
    ready_made = {"SALESFORCE_ACCESS_TOKEN": held.access_token}
    who.add(introduce({**rest, **ready_made}, "salesforce"))
    assert len(who) == 1
    assert asked(sandbox) == (3, 0)
    a_session_ends(sandbox)
    with pytest.raises(BadCredentials, match="SALESFORCE_ACCESS_TOKEN"):
        introduce({**rest, **ready_made}, "salesforce")


def test_the_org_is_found_through_the_login(environment: dict[str, str]) -> None:
    assert introduce({**environment, "SALESFORCE_INSTANCE_URL": ""}, "salesforce")


@pytest.mark.parametrize(("bulk_rows", "lists"), [("0", "/results"), ("2000", "/queryAll")])
def test_a_session_that_ends_in_the_middle_of_a_download(
    mirroring: Callable[..., Mirroring], sandbox: Sandbox, bulk_rows: str, lists: str
) -> None:
    mirror = mirroring(SALESFORCE_BULK_ROWS=bulk_rows)

    def on_page(number: int) -> None:
        if number == 1:
            a_session_ends(sandbox)

    manifest = mirror.fetch("salesforce.contacts", on_page=on_page, batch_size=10)
    mirror.finish("salesforce.contacts", manifest)
    assert set(mirror.rows("salesforce.contacts")) == {
        record["Id"] for record in sandbox.truth("salesforce", "Contact")
    }
    pages = [
        entry["status"]
        for entry in sandbox.journal()
        if lists in entry["path"] or "/query/01g" in entry["path"]
    ]
    assert pages.count(401) == 1
    assert asked(sandbox)[0] == 2
