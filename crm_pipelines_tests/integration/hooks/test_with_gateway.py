"""Everything there is: Pipedrive tells, the gateway receives, the inbox applies, checks mend."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from crm_pipelines.flows.hooks.catching_up import Catching, catch_up
from crm_pipelines.flows.hooks.comparison import Condition
from crm_pipelines.model.window import Mode
from crm_pipelines_tests.integration.cli.test_auth import free_port
from crm_pipelines_tests.integration.gateway.conftest import gateway_process
from crm_pipelines_tests.integration.hooks.hooking import Hooking
from crm_pipelines_tests.integration.hooks.test_checking import check, conditions
from crm_pipelines_tests.mirroring import Mirroring
from crm_pipelines_tests.receiver import wait_for

NAMES = {"persons": "name", "deals": "title"}


@pytest.fixture
def whole(hooking: Callable[..., Hooking], tmp_path: Path) -> Iterator[tuple[Hooking, ExitStack]]:
    """Closing the stack ends the gateway."""
    hooks = hooking(CRM_PUBLIC_URL="", CRM_GATEWAY_PORT=str(free_port()))
    with ExitStack() as stack:
        stack.enter_context(gateway_process(hooks.values, tmp_path))
        yield hooks, stack


def test_the_gateway_refuses_nothing_while_credentials_change(
    whole: tuple[Hooking, ExitStack],
) -> None:
    hooks, _ = whole
    hooks.webhooks.register()
    for number in range(3):
        for person in range(1, 11):
            _change(hooks, "persons", person, name=f"N{number}")
        hooks.webhooks.register(rotate=True)
    _change(hooks, "persons", 1, name="Last")
    wait_for(lambda: not any(one["waiting"] for one in hooks.there()))
    outcomes = [one["status"] for one in hooks.sandbox.admin("GET", "/pipedrive/deliveries")]
    assert set(outcomes) == {200} and len(outcomes) >= 31
    assert _received(hooks) == len(outcomes)


def test_a_ban_and_a_deleted_webhook_leave_no_gap(
    whole: tuple[Hooking, ExitStack], tmp_path: Path
) -> None:
    hooks, gateway = whole
    mirror = Mirroring(hooks.values)
    try:
        for name in ("persons", "deals", "archived_deals"):
            mirror(f"pipedrive.{name}", mode=Mode.FULL)
        hooks.webhooks.register()
        _change(hooks, "persons", 1, name="Told")
        _change(hooks, "deals", 1, title="Told")
        wait_for(lambda: _received(hooks) == 2)
        hooks.wiring.inbox("default").work()
        assert _difference(hooks, mirror) == {}
        hooks.sandbox.admin("DELETE", f"/pipedrive/webhooks/{hooks.ours()['person']['id']}")
        gateway.close()
        for number in range(10):
            _change(hooks, "deals", 1, title=f"Refused {number}")
        wait_for(lambda: hooks.ours()["deal"]["banned_seconds"] > 0)
        with gateway_process(hooks.values, tmp_path):
            _change(hooks, "deals", 2, title="Lost in the ban")
            hooks.sandbox.admin("DELETE", "/pipedrive/records/deals/3")
            _change(hooks, "persons", 2, name="Never told")
            hooks.sandbox.admin("DELETE", "/pipedrive/records/persons/3")
            hooks.sandbox.admin("POST", "/pipedrive/records/persons/4/merge", {"into": 5})
            assert set(_difference(hooks, mirror)) == {"persons", "deals"}
            found = check(hooks)
            assert conditions(found)["person"] is Condition.MISSING
            assert conditions(found)["deal"] is Condition.FAILING
            assert {"person", "deal"} <= set(found.settled.made) and not found.broken
            catch_up(lambda name: hooks.wiring.mirror("default", "pipedrive", name), found.catching)
            assert _difference(hooks, mirror) == {}
            before = _received(hooks)
            _change(hooks, "deals", 4, title="Told again")
            wait_for(lambda: _received(hooks) > before)
            hooks.wiring.inbox("default").work()
            assert _difference(hooks, mirror) == {}
            last = check(hooks)
            assert not conditions(last) and last.catching == Catching()
    finally:
        mirror.close()


def _change(hooks: Hooking, collection: str, identity: int, **values: Any) -> None:
    hooks.sandbox.admin("PATCH", f"/pipedrive/records/{collection}/{identity}", values)


def _received(hooks: Hooking) -> int:
    return int(hooks.query("SELECT count(*) AS number FROM sync.inbox")[0]["number"])


def _difference(hooks: Hooking, mirror: Mirroring) -> dict[str, Any]:
    """Records that the mirror shows otherwise than Pipedrive has them."""
    found = {}
    for name, key in NAMES.items():
        there = {one["id"]: one[key] for one in hooks.sandbox.truth("pipedrive", name)}
        here = {id_: row[key] for id_, row in mirror.rows(f"pipedrive.{name}").items()}
        other = {id_ for id_ in {*here, *there} if here.get(id_) != there.get(id_)}
        if other:
            found[name] = {id_: (here.get(id_), there.get(id_)) for id_ in other}
    return found
