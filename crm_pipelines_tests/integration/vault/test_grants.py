"""Pipedrive's OAuth grant: fresh tokens in time, once for everybody, and a plain end."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from crm_pipelines.model.errors import BadCredentials, ConfigurationError
from crm_pipelines.model.tokens import Tokens
from crm_pipelines.transport.logins import Session
from crm_pipelines.vault.keys import make_key
from crm_pipelines.wiring import Wiring
from crm_pipelines_tests.commands import environment as process_environment
from crm_pipelines_tests.consent import app_variables, grant
from crm_pipelines_tests.integration.vault.accounts import actions, ask, asked, introduce
from crm_pipelines_tests.mirroring import Mirroring
from crm_pipelines_tests.sandbox_process import Sandbox

PROCESSES = 6


@pytest.fixture
def values(environment: dict[str, str], sandbox: Sandbox) -> dict[str, str]:
    return {**environment, **app_variables(sandbox.url)}


@pytest.fixture
def granted(values: dict[str, str]) -> dict[str, str]:
    with closing(Wiring(values)) as wiring:
        grant(wiring)
    return values


@pytest.fixture
def wiring(granted: dict[str, str]) -> Iterator[Wiring]:
    with closing(Wiring(granted)) as wiring:
        yield wiring


def an_hour_passes(sandbox: Sandbox) -> None:
    """At the CRM; our own clock stays, so that only the 401 tells."""
    sandbox.admin("POST", "/clock", {"advance_seconds": timedelta(hours=2).total_seconds()})


def tokens_of(wiring: Wiring) -> tuple[str, str]:
    found = wiring.account("default", "pipedrive").tokens().read()
    assert found is not None
    return found.access_token, found.refresh_token


def test_without_a_grant_it_is_said_what_to_do(values: dict[str, str], sandbox: Sandbox) -> None:
    for address in (sandbox.url, ""):
        with pytest.raises(BadCredentials, match="crm-pipelines auth pipedrive"):
            introduce({**values, "PIPEDRIVE_BASE_URL": address}, "pipedrive")
    assert asked(sandbox) == (0, 0)


def test_the_grant_knows_where_the_company_is(granted: dict[str, str], sandbox: Sandbox) -> None:
    assert "Sandbox company" in introduce({**granted, "PIPEDRIVE_BASE_URL": ""}, "pipedrive")
    assert asked(sandbox) == (1, 0)


@pytest.mark.parametrize("rotated", [0, 1])
def test_an_expired_token_is_refreshed_once(
    wiring: Wiring, granted: dict[str, str], sandbox: Sandbox, rotated: int
) -> None:
    sandbox.admin("PATCH", "/pipedrive/limits", {"rotate_refresh_token": rotated})
    for _ in range(2):
        before = tokens_of(wiring)
        an_hour_passes(sandbox)
        assert ask(wiring, "pipedrive")
        assert ask(wiring, "pipedrive")
        after = tokens_of(wiring)
        assert before[0] != after[0]
        assert (before[1] != after[1]) is bool(rotated)
    assert asked(sandbox) == (3, 2)
    assert actions(granted) == ["grant", "refresh", "refresh"]


def test_a_token_about_to_end_is_refreshed_before(values: dict[str, str], sandbox: Sandbox) -> None:
    sandbox.admin("PATCH", "/pipedrive/limits", {"access_token_seconds": 0})
    with closing(Wiring(values)) as wiring:
        grant(wiring)
        sandbox.admin("PATCH", "/pipedrive/limits", {"access_token_seconds": 3600})
        assert ask(wiring, "pipedrive")
        assert ask(wiring, "pipedrive")
    assert asked(sandbox) == (2, 0)


def test_a_fresh_token_that_is_refused_ends_it(wiring: Wiring, sandbox: Sandbox) -> None:
    sandbox.fault("expired_login", path="/api/", times=0)
    with pytest.raises(BadCredentials, match="after a new login"):
        ask(wiring, "pipedrive")
    assert asked(sandbox) == (2, 2)


@pytest.mark.parametrize("rotated", [0, 1])
def test_many_threads_and_programs_refresh_once(
    granted: dict[str, str], sandbox: Sandbox, rotated: int
) -> None:
    sandbox.admin("PATCH", "/pipedrive/limits", {"rotate_refresh_token": rotated})
    an_hour_passes(sandbox)
    wirings = [Wiring(granted) for _ in range(4)]
    try:
        with ThreadPoolExecutor(12) as pool:
            found = list(pool.map(lambda n: ask(wirings[n % 4], "pipedrive"), range(12)))
    finally:
        for one in wirings:
            one.close()
    assert len(set(found)) == 1
    assert asked(sandbox)[0] == 2
    assert actions(granted) == ["grant", "refresh"]


def test_many_processes_refresh_once(granted: dict[str, str], sandbox: Sandbox) -> None:
    sandbox.admin("PATCH", "/pipedrive/limits", {"rotate_refresh_token": 1})
    an_hour_passes(sandbox)
    command = [sys.executable, "-m", "crm_pipelines_tests.integration.vault.accounts", "pipedrive"]
    processes = [
        subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=process_environment(granted),
            text=True,
        )
        for _ in range(PROCESSES)
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    found = [process.communicate(timeout=120)[0] for process in processes]
    assert [process.returncode for process in processes] == [0] * PROCESSES
    assert len(set(found)) == 1
    assert asked(sandbox)[0] == 2
    assert actions(granted) == ["grant", "refresh"]


def test_a_revoked_grant_is_said_and_not_asked_for_again(
    wiring: Wiring, granted: dict[str, str], sandbox: Sandbox
) -> None:
    answer = httpx.post(
        f"{sandbox.url}/oauth/revoke",
        data={"token": tokens_of(wiring)[1]},
        auth=("sandbox-client", "sandbox-secret"),
        trust_env=False,
    )
    assert answer.status_code == 200
    for _ in range(3):
        with pytest.raises(BadCredentials, match=r"the grant .* is gone .*auth pipedrive"):
            introduce(granted, "pipedrive")
    assert asked(sandbox) == (2, 1)
    assert actions(granted) == ["grant", "refused"]
    grant(wiring)
    assert introduce(granted, "pipedrive")


def test_a_wrong_secret_does_not_cost_the_grant(granted: dict[str, str], sandbox: Sandbox) -> None:
    an_hour_passes(sandbox)
    wrong = {**granted, "PIPEDRIVE_CLIENT_SECRET": "wrong-secret"}
    with pytest.raises(BadCredentials, match="PIPEDRIVE_CLIENT_SECRET") as caught:
        introduce(wrong, "pipedrive")
    assert "wrong-secret" not in str(caught.value)
    assert introduce(granted, "pipedrive")


def test_a_grant_of_another_app_does_not_count(granted: dict[str, str]) -> None:
    with pytest.raises(BadCredentials, match="nobody has granted"):
        introduce({**granted, "PIPEDRIVE_CLIENT_ID": "another-app"}, "pipedrive")
    assert introduce(granted, "pipedrive")


def test_their_trouble_is_waited_for(wiring: Wiring, sandbox: Sandbox) -> None:
    an_hour_passes(sandbox)
    sandbox.fault("server_error", path="/oauth/token", times=1)
    assert ask(wiring, "pipedrive")


def test_the_api_token_wins_over_a_grant(granted: dict[str, str], sandbox: Sandbox) -> None:
    with pytest.raises(BadCredentials, match="PIPEDRIVE_API_TOKEN"):
        introduce({**granted, "PIPEDRIVE_API_TOKEN": "wrong"}, "pipedrive")
    assert introduce({**granted, "PIPEDRIVE_API_TOKEN": "sandbox-token"}, "pipedrive")


def test_tenants_have_grants_of_their_own(values: dict[str, str]) -> None:
    two = {**values, "CRM_WORKSPACES": "acme,globex"}
    with closing(Wiring(two)) as wiring:
        grant(wiring, "acme")
        assert ask(wiring, "pipedrive", "acme")
        with pytest.raises(BadCredentials, match="nobody has granted"):
            ask(wiring, "pipedrive", "globex")


def test_a_lost_key_is_said_and_the_grant_kept(granted: dict[str, str]) -> None:
    lost = {**granted, "CRM_ENCRYPTION_KEYS": make_key().text}
    with pytest.raises(ConfigurationError, match="keys rotate --forget-unreadable"):
        introduce(lost, "pipedrive")
    assert introduce(granted, "pipedrive")


def test_a_token_that_ends_in_the_middle_of_a_list(
    mirroring: Callable[..., Mirroring], granted: dict[str, str], sandbox: Sandbox
) -> None:
    def on_page(number: int) -> None:
        if number == 1:
            an_hour_passes(sandbox)

    mirror = mirroring(**granted)
    manifest = mirror.fetch("pipedrive.persons", on_page=on_page, batch_size=10)
    mirror.finish("pipedrive.persons", manifest)
    assert set(mirror.rows("pipedrive.persons")) == {
        record["id"] for record in sandbox.truth("pipedrive", "persons")
    }
    pages = [entry for entry in sandbox.journal() if entry["path"] == "/api/v2/persons"]
    assert [entry["status"] for entry in pages] == [200, 401, 200, 200]
    assert asked(sandbox)[0] == 2


def test_a_refusal_counts_only_for_what_is_still_stored(wiring: Wiring) -> None:
    """Whose lock is lost may ask with an old refresh token; what another one stored is good."""
    store = wiring.account("default", "pipedrive").tokens()
    held = store.read()
    assert held is not None
    expired = replace(held, renew_at=datetime(2020, 1, 1, tzinfo=UTC))
    store.write(expired, "test")

    def make(old: Tokens | None) -> Tokens:
        assert old == expired
        store.write(replace(held, access_token="of another program"), "test")
        return replace(expired, refused="it was already exchanged", renew_at=None)

    session = Session(store, "a test", held.made_with, make, from_nothing=False)
    assert session.headers() == {"Authorization": "Bearer of another program"}
    found = store.read()
    assert found is not None
    assert not found.refused
