"""What Pipedrive's answers mean, row by row."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from crm_pipelines.connectors.pipedrive.answers import BURST_WAIT, classify, observe
from crm_pipelines.model.call import Observation
from crm_pipelines.model.errors import (
    BadCredentials,
    CrmError,
    DailyLimit,
    FatalError,
    GoneError,
    RetriableError,
)

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


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (301, FatalError),
        (400, FatalError),
        (401, BadCredentials),
        (402, FatalError),
        (403, FatalError),
        (404, GoneError),
        (405, FatalError),
        (408, RetriableError),
        (409, RetriableError),
        (410, GoneError),
        (415, FatalError),
        (422, FatalError),
        (500, RetriableError),
        (501, RetriableError),
        (502, RetriableError),
        (503, RetriableError),
    ],
)
def test_by_status(status: int, kind: type[CrmError]) -> None:
    assert type(meaning(answer(status, {"error": "so it is", "error_info": "see there"}))) is kind


def test_errors_say_what_pipedrive_said() -> None:
    said = str(meaning(answer(400, {"error": "Bad filter", "error_info": "see there"})))
    assert "Bad filter" in said
    assert "see there" in said


def test_a_wrong_token_names_the_variable() -> None:
    assert "PIPEDRIVE_API_TOKEN" in str(meaning(answer(401, {"error": "unauthorized access"})))


def test_a_page_of_the_firewall_is_a_hard_stop() -> None:
    blocked = answer(403, "<html>blocked</html>", content_type="text/html; charset=UTF-8")
    error = meaning(blocked)
    assert type(error) is FatalError
    assert "stop everything" in str(error)


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


@pytest.mark.parametrize("headers", [{}, {"x_daily_ratelimit_token_remaining": "many"}])
def test_headers_that_tell_nothing(headers: dict[str, str]) -> None:
    assert observe(answer(200, **headers)) == Observation()
