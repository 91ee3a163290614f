"""What Salesforce's answers mean, row by row."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from crm_pipelines.connectors.salesforce.answers import CODES, classify, observe
from crm_pipelines.model.call import Observation
from crm_pipelines.model.errors import (
    BadCredentials,
    CrmError,
    DailyLimit,
    FatalError,
    GoneError,
    LoginExpired,
    RetriableError,
)


def answer(status: int, body: Any) -> httpx.Response:
    if isinstance(body, str):
        return httpx.Response(status, text=body)
    return httpx.Response(status, json=body)


def meaning(response: httpx.Response) -> CrmError:
    with pytest.raises(CrmError) as caught:
        classify(response)
    return caught.value


@pytest.mark.parametrize("status", [200, 201, 204])
def test_good_answers(status: int) -> None:
    classify(httpx.Response(status))


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (401, "INVALID_SESSION_ID", LoginExpired),
        (401, "INVALID_AUTH_HEADER", LoginExpired),
        (403, "REQUEST_LIMIT_EXCEEDED", DailyLimit),
        (400, "UNABLE_TO_LOCK_ROW", RetriableError),
        (503, "SERVER_UNAVAILABLE", RetriableError),
        (500, "UNKNOWN_EXCEPTION", RetriableError),
        (400, "QUERY_TIMEOUT", RetriableError),
        (400, "INVALID_QUERY_LOCATOR", GoneError),
        (404, "NOT_FOUND", GoneError),
        (403, "API_DISABLED_FOR_ORG", BadCredentials),
        (403, "API_CURRENTLY_DISABLED", BadCredentials),
        (400, "INVALID_LOGIN", BadCredentials),
    ],
)
def test_by_code(status: int, code: str, kind: type[CrmError]) -> None:
    error = meaning(answer(status, [{"errorCode": code, "message": "in Salesforce's words"}]))
    assert type(error) is kind
    assert "in Salesforce's words" in str(error)


def test_every_code_of_the_table_is_tried_above() -> None:
    tried = {row[1] for row in test_by_code.pytestmark[0].args[1]}  # type: ignore[attr-defined]
    assert tried == set(CODES)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (302, FatalError),
        (400, FatalError),
        (401, LoginExpired),
        (403, FatalError),
        (404, GoneError),
        (405, FatalError),
        (408, RetriableError),
        (409, GoneError),
        (429, RetriableError),
        (500, RetriableError),
        (502, RetriableError),
        (503, RetriableError),
    ],
)
@pytest.mark.parametrize("body", ["<html>denied</html>", "[]", "{}", "null", '[{"a": 1}]'])
def test_by_status_where_no_code_is_known(status: int, kind: type[CrmError], body: str) -> None:
    assert type(meaning(answer(status, body))) is kind


def test_errors_of_the_login_have_a_shape_of_their_own() -> None:
    error = meaning(answer(400, {"error": "invalid_grant", "error_description": "user inactive"}))
    assert "user inactive" in str(error)


@pytest.mark.parametrize(
    ("header", "seen"),
    [
        ("api-usage=18/100000", Observation(remaining=99_982, daily=100_000)),
        ("api-usage=120/100; per-app-api-usage=5/10(appName=x)", Observation(0, 100)),
        ("something else", Observation()),
        ("", Observation()),
    ],
)
def test_the_quota_header(header: str, seen: Observation) -> None:
    assert observe(httpx.Response(200, headers={"Sforce-Limit-Info": header})) == seen
