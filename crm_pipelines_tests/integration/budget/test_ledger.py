"""Shares, turns, days and corrections of the shared ledger."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from crm_pipelines.budget.ledger import Ledger, Ledgers
from crm_pipelines.model.call import Call, Limits, Observation
from crm_pipelines.model.errors import BudgetSpent
from crm_pipelines.model.priority import CLAIMS, Priority, kept_from
from crm_pipelines.store.database import Database

Purses = Callable[..., Ledger]
ONE = Call("GET", "/")
DAY = Limits(daily=100)


def spend_all(purse: Ledger) -> int:
    """How many units it gets."""
    with pytest.raises(BudgetSpent):
        while True:
            purse.spend(ONE)
    return purse.tokens


def spent(database: Database) -> list[int]:
    return [r["spent"] for r in database.run_text("SELECT spent FROM sync.budgets ORDER BY day")]


def test_shares_are_declared_soundly() -> None:
    assert list(CLAIMS) == list(Priority)
    assert sum(claim.reserved + claim.floor for claim in CLAIMS.values()) < 1
    assert kept_from(Priority.INTERACTIVE) == [0, 0, 0, 0]
    patience = [claim.patience for claim in CLAIMS.values()]
    assert patience == sorted(patience)


def test_lower_priorities_leave_higher_ones_their_share(purse: Purses) -> None:
    assert spend_all(purse(DAY, Priority.BACKFILL)) == 70
    assert spend_all(purse(DAY, Priority.DELTA)) == 15
    assert spend_all(purse(DAY, Priority.REFETCH)) == 5
    assert spend_all(purse(DAY, Priority.INTERACTIVE)) == 10


def test_higher_ones_leave_a_little_to_the_lowest(purse: Purses) -> None:
    assert spend_all(purse(DAY, Priority.DELTA)) == 80
    assert spend_all(purse(DAY, Priority.BACKFILL)) == 5
    assert spend_all(purse(DAY, Priority.INTERACTIVE)) == 15


def test_interactive_calls_may_take_everything(purse: Purses) -> None:
    assert spend_all(purse(DAY, Priority.INTERACTIVE)) == 100


def test_a_reserve_that_is_used_up_is_kept_no_longer(purse: Purses) -> None:
    for _ in range(10):
        purse(DAY, Priority.INTERACTIVE).spend(ONE)
    assert spend_all(purse(DAY, Priority.BACKFILL)) == 70


@pytest.mark.parametrize("share", [0.8, 0.35])
def test_the_share_of_a_quota_is_never_passed(purse: Purses, share: float) -> None:
    limits = Limits(daily=100, share=share)
    assert spend_all(purse(limits, Priority.INTERACTIVE)) == round(100 * share)


def test_threads_never_spend_more_than_there_is(purse: Purses, database: Database) -> None:
    purses = [purse(DAY, Priority.INTERACTIVE) for _ in range(8)]
    threads = [threading.Thread(target=spend_all, args=(one,)) for one in purses]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(one.tokens for one in purses) == 100
    assert spent(database) == [100]


def test_what_others_spend_counts(purse: Purses, database: Database) -> None:
    mine = purse(DAY, Priority.INTERACTIVE)
    mine.spend(ONE)
    mine.learn(Observation(remaining=20, daily=100))
    assert spent(database) == [80]
    assert spend_all(mine) == 21


def test_answers_out_of_order_do_not_give_back(purse: Purses, database: Database) -> None:
    mine = purse(DAY, Priority.INTERACTIVE)
    mine.spend(ONE)
    mine.learn(Observation(remaining=20, daily=100))
    mine.learn(Observation(remaining=25, daily=100))
    assert spent(database) == [80]


def test_a_new_day_of_the_crm_is_seen_in_its_headers(purse: Purses, database: Database) -> None:
    mine = purse(Limits(daily=30_000))
    mine.spend(ONE)
    mine.learn(Observation(remaining=5_000, daily=30_000))
    mine.learn(Observation(remaining=29_900, daily=30_000))
    assert spent(database) == [100]


def test_a_larger_plan_is_seen_in_its_headers(purse: Purses) -> None:
    mine = purse(DAY, Priority.INTERACTIVE)
    mine.spend(ONE)
    mine.learn(Observation(remaining=199, daily=200))
    assert spend_all(mine) == 200


class Hands:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 1, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


def test_days_begin_at_midnight_where_the_crm_is(database: Database) -> None:
    clock = Hands()
    limits = Limits(daily=10, zone="Europe/Tallinn")
    mine = Ledgers(database, clock).purse("w", "c", "s", limits, Priority.INTERACTIVE)
    assert spend_all(mine) == 10
    with pytest.raises(BudgetSpent) as caught:
        mine.spend(ONE)
    assert caught.value.resumes_at == datetime(2026, 3, 1, 22, tzinfo=UTC)
    clock.now = caught.value.resumes_at
    assert spend_all(mine) == 20
    assert spent(database) == [10, 10]


def test_a_day_begins_anew_when_the_crm_said_it_would(database: Database) -> None:
    clock = Hands()
    mine = Ledgers(database, clock).purse("w", "c", "s", DAY, Priority.INTERACTIVE)
    mine.spend(ONE)
    mine.learn(Observation(remaining=0, daily=100))
    assert mine.exhaust(3939.0) == clock.now + timedelta(seconds=3939)
    with pytest.raises(BudgetSpent) as caught:
        mine.spend(ONE)
    clock.now = caught.value.resumes_at
    assert spend_all(mine) == 1 + 100


def test_an_answer_of_yesterday_says_nothing_of_today(database: Database) -> None:
    clock = Hands()
    mine = Ledgers(database, clock).purse("w", "c", "s", DAY, Priority.INTERACTIVE)
    mine.spend(ONE)
    clock.now += timedelta(days=1)
    other = Ledgers(database, clock).purse("w", "c", "s", DAY, Priority.INTERACTIVE)
    other.spend(ONE)
    mine.learn(Observation(remaining=2, daily=100))
    assert spent(database) == [98, 1]


def test_one_call_an_hour_looks_whether_others_have_stopped(database: Database) -> None:
    clock = Hands()
    mine = Ledgers(database, clock).purse("w", "c", "s", DAY, Priority.INTERACTIVE)
    mine.spend(ONE)
    mine.learn(Observation(remaining=0, daily=100))
    with pytest.raises(BudgetSpent) as caught:
        mine.spend(ONE)
    assert caught.value.resumes_at == clock.now + timedelta(hours=1)
    clock.now = caught.value.resumes_at
    mine.spend(ONE)
    with pytest.raises(BudgetSpent):
        mine.spend(ONE)


def test_a_rolling_quota_remembers_over_midnight(database: Database) -> None:
    clock = Hands()
    limits = Limits(daily=100, share=0.8, rolling=True)
    mine = Ledgers(database, clock).purse("w", "c", "s", limits, Priority.INTERACTIVE)
    assert spend_all(mine) == 80
    clock.now = datetime(2026, 3, 2, 0, 5, tzinfo=UTC)
    with pytest.raises(BudgetSpent):
        mine.spend(ONE)
    clock.now += timedelta(hours=12)
    mine.spend(ONE)
    mine.learn(Observation(remaining=95, daily=100))
    assert spend_all(mine) == 80 + 1 + 75


def test_nobody_is_paid_for_while_waiting(purse: Purses, database: Database) -> None:
    narrow = Limits(daily=100, bursts={"general": (2, 3.0)})
    for _ in range(2):
        purse(narrow).spend(ONE)
    waiting = threading.Thread(target=lambda: purse(narrow).spend(ONE), daemon=True)
    waiting.start()
    while not database.run_text("SELECT 1 FROM sync.turns"):
        pass
    assert spent(database) == [2]
    database.run_text("UPDATE sync.bursts SET slots = '{}'")
    waiting.join()
    assert spent(database) == [3]
    assert database.run_text("SELECT 1 FROM sync.turns") == []


def test_the_ticket_of_a_dead_process_expires(purse: Purses, database: Database) -> None:
    narrow = Limits(daily=100, bursts={"general": (1, 0.3)})
    purse(narrow).spend(ONE)
    database.run_text(
        "INSERT INTO sync.turns SELECT 'default', 'pipedrive', 'general', 'dead',"
        " clock_timestamp() - interval '1 hour', clock_timestamp() - interval '2 seconds'"
    )
    purse(narrow).spend(ONE)
    assert database.run_text("SELECT 1 FROM sync.turns") == []


def test_a_user_may_only_cause_so_many_calls(purse: Purses, database: Database) -> None:
    limits = Limits(daily=100, user_calls=2)
    for _ in range(2):
        purse(limits, Priority.INTERACTIVE, "ada").spend(ONE)
    purse(limits, Priority.INTERACTIVE, "bob").spend(ONE)
    third = threading.Thread(
        target=purse(limits, Priority.INTERACTIVE, "ada").spend, args=(ONE,), daemon=True
    )
    third.start()
    while not database.run_text("SELECT 1 FROM sync.turns WHERE kind = 'user ada'"):
        pass
    assert spent(database) == [3]
    database.run_text("UPDATE sync.bursts SET slots = '{}'")
    third.join()


def test_a_search_takes_a_place_in_both_windows(purse: Purses, database: Database) -> None:
    limits = Limits(daily=100, bursts={"general": (20, 2.0), "search": (10, 2.0)})
    purse(limits).spend(Call("GET", "/", kind="search"))
    purse(limits).spend(ONE)
    rows = database.run_text("SELECT kind, cardinality(slots) AS n FROM sync.bursts")
    assert {row["kind"]: row["n"] for row in rows} == {"general": 2, "search": 1}
