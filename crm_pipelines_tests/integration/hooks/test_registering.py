"""Having webhooks made: once, with credentials that are known before, and no others touched."""

from __future__ import annotations

import threading
from collections.abc import Callable

import httpx
import pytest

from crm_pipelines.model.errors import BadCredentials, BudgetSpent, ConfigurationError, FatalError
from crm_pipelines_tests.integration.hooks.hooking import OBJECTS, Hooking
from crm_pipelines_tests.receiver import wait_for
from crm_pipelines_tests.sandbox_process import TOKEN

WEBHOOKS = "^/api/v1/webhooks$"


def test_a_second_call_sends_only_the_list(hooks: Hooking) -> None:
    first = hooks.webhooks.register()
    assert set(first.made) == OBJECTS and not first.kept and not first.removed
    mark = hooks.mark()
    second = hooks.webhooks.register()
    assert hooks.calls(mark) == [("GET", 200)]
    assert set(second.kept) == OBJECTS and not second.made and not second.removed
    ours, rows = hooks.ours(), hooks.rows()
    assert {row["object"]: row["remote_id"] for row in rows} == {
        name: str(hook["id"]) for name, hook in ours.items()
    }
    assert len({row["username"] for row in rows}) == len(OBJECTS)
    assert all(len(hook["http_auth_password"]) > 40 for hook in ours.values())
    assert {hook["version"] for hook in ours.values()} == {"2.0"}
    [spent] = hooks.query("SELECT sum(tokens) AS tokens FROM sync.token_usage")
    assert spent["tokens"] == 10 + 10 * len(OBJECTS) + 10


def test_what_is_made_delivers_at_once(hooks: Hooking) -> None:
    hooks.webhooks.register()
    hooks.sandbox.admin("PATCH", "/pipedrive/records/persons/1", {"name": "Ada"})
    wait_for(lambda: hooks.receiver.answered)
    assert hooks.receiver.answered == [200]


def test_only_what_is_mirrored(hooking: Callable[..., Hooking]) -> None:
    hooking().webhooks.register()
    fewer = hooking(PIPEDRIVE_STREAMS="persons,deals,currencies")
    done = fewer.webhooks.register()
    assert set(done.kept) == {"person", "deal"} == set(fewer.ours())
    assert len(done.removed) == len(OBJECTS) - 2


def test_strays_go_and_others_stay(hooks: Hooking) -> None:
    url = hooks.webhooks.url
    by_hand = hooks.foreign(subscription_url=url, http_auth_user="by-hand")
    elsewhere = hooks.foreign(name="crm-pipelines default person crm-0001")
    hooks.foreign(subscription_url=url, name="crm-pipelines default person crm-0002")
    done = hooks.webhooks.register()
    assert len(done.removed) == 1 and done.others == 2
    assert {by_hand["id"], elsewhere["id"]} < {one["id"] for one in hooks.there()}
    assert hooks.webhooks.register().removed == ()
    with pytest.raises(ConfigurationError, match=str(by_hand["id"])):
        hooks.webhooks.remove([str(by_hand["id"])])
    assert len(hooks.webhooks.remove()) == len(OBJECTS)
    assert {one["id"] for one in hooks.there()} == {by_hand["id"], elsewhere["id"]}
    assert hooks.webhooks.remove([str(elsewhere["id"])]) == [str(elsewhere["id"])]
    assert hooks.rows() == []


@pytest.mark.parametrize("kind", ["lost_answer", "reset"])
def test_an_answer_that_is_lost(hooks: Hooking, kind: str) -> None:
    hooks.sandbox.fault(kind, method="POST", path=WEBHOOKS, times=1)
    assert set(hooks.webhooks.register().made) == OBJECTS
    assert set(hooks.ours()) == OBJECTS
    assert len(hooks.rows()) == len(OBJECTS)
    assert hooks.webhooks.register().made == ()


def test_a_crash_between_the_answer_and_our_note(hooks: Hooking) -> None:
    hooks.webhooks.register()
    hooks.query("UPDATE sync.webhooks SET remote_id = NULL WHERE object = 'deal'")
    mark = hooks.mark()
    assert set(hooks.webhooks.register().kept) == OBJECTS
    assert hooks.calls(mark) == [("GET", 200)]
    assert {row["remote_id"] for row in hooks.rows()} == {str(h["id"]) for h in hooks.there()}


def test_rotation_while_events_flow(hooks: Hooking) -> None:
    hooks.webhooks.register()
    before = {row["username"] for row in hooks.rows()}
    stop, names = threading.Event(), list[str]()

    def edit() -> None:
        headers = {"x-api-token": TOKEN}
        with httpx.Client(base_url=hooks.sandbox.url, headers=headers, trust_env=False) as client:
            while not stop.is_set():
                names.append(f"N{len(names)}")
                client.patch("/api/v2/persons/1", json={"name": names[-1]}).raise_for_status()

    editor = threading.Thread(target=edit)
    editor.start()
    try:
        wait_for(lambda: len(names) > 5)
        done = hooks.webhooks.register(rotate=True)
        so_far = len(names)
        wait_for(lambda: len(names) > so_far + 5)
    finally:
        stop.set()
        editor.join()
    wait_for(lambda: not any(one["waiting"] for one in hooks.there()))
    assert set(done.made) == OBJECTS and len(done.removed) == len(OBJECTS)
    assert set(hooks.receiver.answered) == {200}
    assert {body["data"]["name"] for body in hooks.receiver.bodies()} == set(names)
    assert not before & {row["username"] for row in hooks.rows()}
    retired = hooks.query(
        "SELECT extract(epoch FROM accepted_until - clock_timestamp()) AS seconds"
        " FROM sync.webhooks WHERE status = 'retired'"
    )
    assert all(193 < row["seconds"] <= 240 for row in retired) and len(retired) == len(OBJECTS)


def test_another_address(hooking: Callable[..., Hooking]) -> None:
    first = hooking()
    first.webhooks.register()
    moved = hooking(CRM_PUBLIC_URL=f"http://localhost:{first.receiver.port}")
    done = moved.webhooks.register()
    assert len(done.removed) == len(OBJECTS)
    assert {hook["subscription_url"] for hook in moved.there()} == {moved.webhooks.url}
    assert "localhost" in moved.webhooks.url


def test_no_room(hooks: Hooking) -> None:
    hooks.sandbox.admin("PATCH", "/pipedrive/limits", {"webhooks_per_user": 4})
    with pytest.raises(FatalError, match=r"no room for one more webhook.*40 of them"):
        hooks.webhooks.register()
    assert len(hooks.ours()) == len(hooks.rows()) == 4
    hooks.sandbox.admin("PATCH", "/pipedrive/limits", {"webhooks_per_user": 40})
    assert len(hooks.webhooks.register().made) == len(OBJECTS) - 4
    assert len(hooks.ours()) == len(hooks.rows()) == len(OBJECTS)


def test_one_free_place_is_enough_to_rotate(hooks: Hooking) -> None:
    hooks.webhooks.register()
    hooks.sandbox.admin("PATCH", "/pipedrive/limits", {"webhooks_per_user": len(OBJECTS) + 1})
    before = {one["id"] for one in hooks.there()}
    assert set(hooks.webhooks.register(rotate=True).made) == OBJECTS == set(hooks.ours())
    assert len({row["username"] for row in hooks.rows()}) == len(OBJECTS) == len(before)


def test_an_address_that_pipedrive_does_not_reach(hooking: Callable[..., Hooking]) -> None:
    hooks = hooking(CRM_PUBLIC_URL="http://example.com")
    with pytest.raises(FatalError, match="CRM_PUBLIC_URL"):
        hooks.webhooks.register()
    assert hooks.rows() == []


def test_wrong_login(hooking: Callable[..., Hooking]) -> None:
    hooks = hooking(PIPEDRIVE_API_TOKEN="wrong")
    with pytest.raises(BadCredentials, match="PIPEDRIVE_API_TOKEN"):
        hooks.webhooks.register()
    assert hooks.rows() == []


def test_a_spent_budget_leaves_what_was_made(hooking: Callable[..., Hooking]) -> None:
    hooks = hooking(PIPEDRIVE_DAILY_TOKENS="55")
    hooks.sandbox.admin("PATCH", "/pipedrive/limits", {"token_headers": 0})
    with pytest.raises(BudgetSpent):
        hooks.webhooks.register()
    assert 0 < len(hooks.ours()) == len(hooks.rows()) < len(OBJECTS)
    rich = hooking()
    rich.webhooks.register()
    assert set(rich.ours()) == OBJECTS


def test_an_address_for_a_real_account_is_asked_for(hooking: Callable[..., Hooking]) -> None:
    real = {"PIPEDRIVE_BASE_URL": "", "PIPEDRIVE_COMPANY_DOMAIN": "acme"}
    for url, words in (("", "is not set"), ("http://crm.example.com", "https only")):
        with pytest.raises(ConfigurationError, match=f"CRM_PUBLIC_URL.*{words}"):
            _ = hooking(**real, CRM_PUBLIC_URL=url).webhooks
    secure = hooking(**real, CRM_PUBLIC_URL="https://crm.example.com/").webhooks
    assert secure.url == "https://crm.example.com/webhooks/pipedrive/default"
    listens = {"CRM_PUBLIC_URL": "", "CRM_GATEWAY_HOST": "0.0.0.0", "CRM_GATEWAY_PORT": "8123"}
    assert hooking(**listens).webhooks.url == "http://127.0.0.1:8123/webhooks/pipedrive/default"


@pytest.mark.parametrize(
    "url", ["https://crm.example.com/x", "https://a.example?x=1", "ftp://a.example", "nonsense"]
)
def test_an_address_is_an_address(hooking: Callable[..., Hooking], url: str) -> None:
    with pytest.raises(ConfigurationError, match="CRM_PUBLIC_URL"):
        hooking(CRM_PUBLIC_URL=url)
