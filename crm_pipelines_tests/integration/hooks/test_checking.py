"""Webhooks that are deleted, banned, fail or fall silent: noticed, mended, their gap closed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from crm_pipelines.flows.hooks.catching_up import Catching
from crm_pipelines.flows.hooks.checkup import Checkup
from crm_pipelines.flows.hooks.comparison import Condition
from crm_pipelines.model.notice import Level, Notice
from crm_pipelines.model.window import Mode
from crm_pipelines.reports.health import State
from crm_pipelines_tests.integration.hooks.hooking import OBJECTS, Hooking
from crm_pipelines_tests.mirroring import Mirroring
from crm_pipelines_tests.receiver import wait_for


class News(list[Notice]):
    """Keeps what is told."""

    def __call__(self, notice: Notice) -> None:
        self.append(notice)

    def close(self) -> None:
        """Nothing is on its way."""


def check(hooks: Hooking, news: News | None = None, *, repair: bool = True) -> Checkup:
    told = News() if news is None else news
    return replace(hooks.webhooks, notify=told).check(repair=repair)


def conditions(found: Checkup) -> dict[str, Condition]:
    return {one.object: one.condition for one in found.findings if one.problem}


def bring(hooks: Hooking, object_: str) -> None:
    """As if a delivery had come a moment ago, and been applied."""
    hooks.query(
        "INSERT INTO sync.inbox (workspace_id, delivery_id, body, status, object, action,"
        " remote_id) VALUES ('default', gen_random_uuid()::text, '', 'applied', %(object)s,"
        " 'change', '1')",
        object=object_,
    )


def edit(hooks: Hooking, identity: int, **values: Any) -> None:
    hooks.sandbox.admin("PATCH", f"/pipedrive/records/persons/{identity}", values)


def test_all_is_well(hooks: Hooking) -> None:
    hooks.webhooks.register()
    news, mark = News(), hooks.mark()
    found = check(hooks, news)
    assert hooks.calls(mark) == [("GET", 200)]
    assert not conditions(found) and not found.broken and not news
    assert {one.status for one in hooks.wiring.health().webhooks} == {"active"}
    assert found.catching == Catching()
    assert {row["status"] for row in hooks.rows()} == {"active"}
    assert all(row["checked_at"] for row in hooks.rows())


def test_nothing_is_made_where_nothing_was_registered(hooks: Hooking) -> None:
    found = check(hooks)
    assert set(found.broken) == OBJECTS and not hooks.there() and found.catching == Catching()


def test_gone_switched_off_and_moved(hooks: Hooking) -> None:
    hooks.webhooks.register()
    ours = hooks.ours()
    gone, off, moved = (ours[name]["id"] for name in ("person", "deal", "note"))
    hooks.sandbox.admin("DELETE", f"/pipedrive/webhooks/{gone}")
    hooks.sandbox.admin("PATCH", f"/pipedrive/records/webhooks/{off}", {"is_active": 0})
    elsewhere = {"subscription_url": "http://127.0.0.1:9/x"}
    hooks.sandbox.admin("PATCH", f"/pipedrive/records/webhooks/{moved}", elsewhere)
    looked = check(hooks, repair=False)
    expected = {
        "person": Condition.MISSING,
        "deal": Condition.INACTIVE,
        "note": Condition.MISPLACED,
    }
    assert conditions(looked) == expected
    health = hooks.wiring.health()
    assert health.status is State.DEGRADED
    assert any("webhook for person is missing" in words for words in health.problems)
    assert {row["object"]: row["status"] for row in hooks.rows() if row["remark"]} == {
        "person": "missing",
        "deal": "failing",
        "note": "failing",
    }
    news = News()
    found = check(hooks, news)
    assert conditions(found) == expected and not found.broken
    assert set(found.settled.made) == set(expected)
    wanted = found.catching
    assert {"persons", "deals", "archived_deals", "notes"} == set(wanted.streams)
    assert check(hooks).catching == wanted  # until it is done
    assert set(wanted.whole) == {"persons", "notes"}
    assert {(n.level, n.what) for n in news} == {(Level.WARNING, "webhook.repair")}
    assert {n.subject for n in news} == {f"webhook/{name}" for name in expected}
    assert set(hooks.ours()) == OBJECTS
    assert not conditions(check(hooks))


def test_who_registers_again_does_not_forget_the_gap(hooks: Hooking) -> None:
    hooks.webhooks.register()
    hooks.sandbox.admin("DELETE", f"/pipedrive/webhooks/{hooks.ours()['person']['id']}")
    assert hooks.webhooks.register().made == ("person",)
    hooks.webhooks.register(rotate=True)
    found = check(hooks)
    assert not conditions(found) and found.catching == Catching(whole=("persons",))


def test_what_nobody_was_there_to_receive_is_synced(hooks: Hooking) -> None:
    """Only a sync that began after somebody was there again makes up for it."""
    hooks.webhooks.register()
    mirror = Mirroring(hooks.values)
    try:
        mirror("pipedrive.persons", mode=Mode.FULL)
        hooks.query(
            "UPDATE sync.webhooks SET gap_since = clock_timestamp() - interval '1 hour',"
            " gap_until = clock_timestamp() WHERE object = 'person' RETURNING id"
        )
        found = check(hooks)
        assert not conditions(found) and found.catching == Catching(whole=("persons",))
        mirror("pipedrive.persons", mode=Mode.FULL)
        assert check(hooks).catching == Catching()
    finally:
        mirror.close()


def test_one_that_never_worked_is_told_of_and_not_made_again(hooks: Hooking) -> None:
    hooks.webhooks.register()
    hooks.receiver.judge, hooks.receiver.always = None, 503
    before = hooks.ours()["person"]["id"]
    edit(hooks, 1, name="Ada")
    wait_for(lambda: hooks.ours()["person"]["last_http_status"] == 503)
    news = News()
    found = check(hooks, news)
    assert conditions(found) == {"person": Condition.FAILING}
    assert found.broken == ("person",) and hooks.ours()["person"]["id"] == before
    assert found.catching == Catching(delta=("persons",))
    check(hooks, news)  # people hear of it once
    assert [n.level for n in news] == [Level.ERROR] and "503" in news[0].words
    bring(hooks, "person")
    assert check(hooks).settled.made == ("person",)
    assert hooks.ours()["person"]["id"] != before


def test_silence(hooks: Hooking) -> None:
    """The list says that all is well; the mirror knows better."""
    mirror = Mirroring(hooks.values)
    try:
        hooks.webhooks.register()
        hooks.query("UPDATE sync.webhooks SET registered_at = registered_at - interval '1 hour'")
        mirror("pipedrive.persons", mode=Mode.FULL)
        hooks.query("UPDATE pipedrive.persons SET update_time = update_time - interval '1 day'")
        assert not conditions(check(hooks))
        hooks.query(
            "UPDATE pipedrive.persons SET update_time = now() - interval '10 minutes' WHERE id = 2"
        )
        found = check(hooks, repair=False)
        assert conditions(found) == {"person": Condition.SILENT}
        assert "1 persons changed" in next(f.words for f in found.findings if f.problem)
        bring(hooks, "person")  # its news came late
        assert not conditions(check(hooks))
    finally:
        mirror.close()
