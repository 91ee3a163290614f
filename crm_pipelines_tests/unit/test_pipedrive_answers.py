"""What Pipedrive's answers mean, row by row."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from crm_pipelines.connectors.pipedrive.answers import BURST_WAIT, ROWS, classify, observe, read
from crm_pipelines.model.call import Observation
from crm_pipelines.model.errors import (
    Blocked,
    CrmError,
    DailyLimit,
    FatalError,
    GoneError,
    InvalidData,
    LoginExpired,
    NotApplied,
    RetriableError,
)
from crm_pipelines.transport.answers import meaning as matching

DAY_SPENT = {"success": False, "error": "daily request budget exceeded", "errorCode": 429}
BURST = {"success": False, "error": "Request over limit", "errorCode": 429}


def answer(status: int, body: Any = None, **headers: str) -> httpx.Response:
    spelled = {name.replace("_", "-"): value for name, value in headers.items()}
    if isinstance(body, str):
        return httpx.Response(status, text=body, headers=spelled)
    return httpx.Response(status, json=body or {"success": False}, headers=spelled)


def meaning(response: httpx.Response) -> CrmError:
    with pytest.raises(CrmError) as caught:
        classify(response)
    return caught.value


@pytest.mark.parametrize("status", [200, 201, 204])
def test_good_answers(status: int) -> None:
    classify(answer(status, {"success": True}))


HTML = {"content_type": "text/html; charset=UTF-8"}
TABLE: list[tuple[str, httpx.Response, type[CrmError]]] = [
    ("the day is spent", answer(429, DAY_SPENT), DailyLimit),
    ("too many at once", answer(429, BURST), NotApplied),
    ("too many at once", answer(429, "<html>slow down</html>", **HTML), NotApplied),
    ("the login is not accepted", answer(401, {"error": "unauthorized access"}), LoginExpired),
    ("the firewall's page", answer(403, "<html>blocked</html>", **HTML), Blocked),
    ("the plan is full", answer(403, {"code": "feature_capping_deals_limit"}), FatalError),
    ("not allowed", answer(403, {"error": "Scope and URL mismatch"}), FatalError),
    ("not allowed", answer(402, {"error": "account is not open"}), FatalError),
    ("values refused", answer(400, {"error": "Validation failed"}), InvalidData),
    ("values refused", answer(422, {"error": "too long"}), InvalidData),
    ("no room for webhooks", answer(422, {"error": "too many webhooks"}), FatalError),
    ("no such thing", answer(404), GoneError),
    ("no such thing", answer(410), GoneError),
    ("in trouble", answer(408), RetriableError),
    ("in trouble", answer(409), RetriableError),
    ("in trouble", answer(500), RetriableError),
    ("in trouble", answer(501), RetriableError),
    ("in trouble", answer(503, "<html>origin down</html>", **HTML), RetriableError),
    ("in trouble", answer(520, " "), RetriableError),
    ("anything else", answer(301), FatalError),
    ("anything else", answer(405), FatalError),
    ("anything else", answer(415), FatalError),
]


@pytest.mark.parametrize(("row", "response", "kind"), TABLE)
def test_rows(row: str, response: httpx.Response, kind: type[CrmError]) -> None:
    assert matching(ROWS, read(response)).name == row
    assert type(meaning(response)) is kind


def test_every_row_is_tried_above() -> None:
    assert {row for row, _, _ in TABLE} == {row.name for row in ROWS}


def test_errors_by_field_are_told_by_field() -> None:
    errors = {"subscription_url": ["invalid or non-reachable URL"], "name": "is required"}
    found = meaning(answer(400, {"status": "error", "success": False, "errors": errors}))
    assert isinstance(found, InvalidData) and found.fields == ("subscription_url", "name")
    assert "subscription_url: invalid or non-reachable URL; name: is required" in str(found)


def test_errors_say_what_pipedrive_said() -> None:
    said = str(meaning(answer(400, {"error": "Bad filter", "error_info": "see there"})))
    assert "Bad filter" in said
    assert "see there" in said


def test_a_wrong_token_names_the_variable() -> None:
    assert "PIPEDRIVE_API_TOKEN" in str(meaning(answer(401, {"error": "unauthorized access"})))


def test_a_page_of_the_firewall_says_to_stop_everything() -> None:
    assert "stop everything" in str(meaning(answer(403, "<html>blocked</html>", **HTML)))


@pytest.mark.parametrize(
    "response",
    [
        answer(429, DAY_SPENT),
        answer(429, BURST, x_daily_ratelimit_token_remaining="0"),
        answer(429, "<html>no json</html>", x_daily_ratelimit_token_remaining="0"),
    ],
)
def test_a_spent_day(response: httpx.Response) -> None:
    assert isinstance(meaning(response), DailyLimit)


@pytest.mark.parametrize(("asked", "wait"), [("3939", 3939.0), ("3", None), ("soon", None)])
def test_a_spent_day_believes_only_long_waits(asked: str, wait: float | None) -> None:
    error = meaning(answer(429, DAY_SPENT, retry_after=asked))
    assert isinstance(error, DailyLimit)
    assert error.wait == wait


@pytest.mark.parametrize(
    ("reset", "wait"), [("5", 5.0), ("1", BURST_WAIT), ("", BURST_WAIT), ("soon", BURST_WAIT)]
)
def test_a_burst_waits_until_the_window_has_passed(reset: str, wait: float) -> None:
    error = meaning(answer(429, BURST, x_ratelimit_reset=reset))
    assert isinstance(error, RetriableError)
    assert error.wait == wait


@pytest.mark.parametrize("body", ["", "no json", "[]", "null", '"text"', "5"])
def test_bodies_that_explain_nothing(body: str) -> None:
    assert isinstance(meaning(answer(500, body or " ")), RetriableError)


def test_headers_tell_of_the_budget() -> None:
    seen = observe(
        answer(
            200,
            x_daily_ratelimit_token_remaining="29990",
            x_daily_ratelimit_token_limit="30000",
        )
    )
    assert seen == Observation(remaining=29_990, daily=30_000)


def test_headers_tell_of_the_window() -> None:
    window = {"x_ratelimit_limit": "40", "x_ratelimit_remaining": "7"}
    assert observe(answer(200, **window)) == Observation(burst=40, burst_left=7)


def test_a_search_says_nothing_of_the_general_window() -> None:
    found = answer(200, x_ratelimit_limit="10", x_ratelimit_remaining="7")
    found.request = httpx.Request("GET", "http://crm/api/v2/persons/search")
    assert observe(found) == Observation()


@pytest.mark.parametrize(("asked", "wait"), [("7", 7.0), ("-3", 0.0), ("soon", None)])
def test_trouble_may_ask_for_patience(asked: str, wait: float | None) -> None:
    error = meaning(answer(503, retry_after=asked))
    assert isinstance(error, RetriableError)
    assert error.wait == wait


def test_patience_may_be_asked_for_until_a_date() -> None:
    error = meaning(answer(503, retry_after="Wed, 21 Oct 2065 07:28:00 GMT"))
    assert isinstance(error, RetriableError)
    assert error.wait is not None
    assert error.wait > 1e8


@pytest.mark.parametrize("headers", [{}, {"x_daily_ratelimit_token_remaining": "many"}])
def test_headers_that_tell_nothing(headers: dict[str, str]) -> None:
    assert observe(answer(200, **headers)) == Observation()
