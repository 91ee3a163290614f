"""What Salesforce's answers mean, row by row."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from crm_pipelines.connectors.salesforce.answers import (
    ROWS,
    NotInBulk,
    classify,
    observe,
    read,
)
from crm_pipelines.model.call import Observation
from crm_pipelines.model.errors import (
    BadCredentials,
    CrmError,
    DailyLimit,
    FatalError,
    GoneError,
    InvalidData,
    LoginExpired,
    NotApplied,
    RetriableError,
    TooWide,
)
from crm_pipelines.transport.answers import meaning as matching


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


def said(code: str, message: str = "in Salesforce's words", **more: Any) -> Any:
    return [{"errorCode": code, "message": message, **more}]


CROWD = "ConcurrentRequests (Concurrent API Requests) Limit exceeded."
MANY = "Max bulk v2 query jobs (10000) per 24 hrs has been reached (10021)"
LARGE = "Max bulk v2 query result size stored (1000000000) kb per 24 hrs has been exceeded"
UNBULKED = "CaseStatus is not supported by the Bulk API"
TABLE: list[tuple[str, int, Any, type[CrmError]]] = [
    ("the session is gone", 401, said("INVALID_SESSION_ID"), LoginExpired),
    ("no session was sent", 401, said("INVALID_AUTH_HEADER"), LoginExpired),
    ("too many long calls", 403, said("REQUEST_LIMIT_EXCEEDED", CROWD), NotApplied),
    ("the quota is spent", 403, said("REQUEST_LIMIT_EXCEEDED"), DailyLimit),
    ("the bulk quota is spent", 400, said("EXCEEDEDQUOTA"), DailyLimit),
    ("the bulk quota is spent, by its words", 400, said("LIMIT_EXCEEDED", MANY), DailyLimit),
    ("the bulk quota is spent, by its words", 400, said("API_ERROR", LARGE), DailyLimit),
    ("nothing for bulk jobs", 400, said("INVALIDENTITY", UNBULKED), NotInBulk),
    ("bulk jobs are not for this user", 400, said("FEATURENOTENABLED"), FatalError),
    ("a bulk job is in trouble", 400, said("TRANSIENTERROR"), RetriableError),
    ("somebody holds the row", 400, said("UNABLE_TO_LOCK_ROW"), NotApplied),
    ("not there for now", 503, said("SERVER_UNAVAILABLE"), RetriableError),
    ("a mistake of theirs", 500, said("UNKNOWN_EXCEPTION"), RetriableError),
    ("the query takes too long", 400, said("QUERY_TIMEOUT"), TooWide),
    ("the query takes too long", 414, said("URI_TOO_LONG"), TooWide),
    ("the locator is too old", 400, said("INVALID_QUERY_LOCATOR"), GoneError),
    ("no such thing", 404, said("NOT_FOUND"), GoneError),
    ("the record is deleted", 404, said("ENTITY_IS_DELETED"), GoneError),
    ("the API is not for this user", 403, said("API_DISABLED_FOR_ORG"), BadCredentials),
    ("the API is not for this user", 403, said("API_CURRENTLY_DISABLED"), BadCredentials),
    ("wrong login", 400, said("INVALID_LOGIN"), BadCredentials),
    ("values refused", 400, said("REQUIRED_FIELD_MISSING", fields=["LastName"]), InvalidData),
    ("values refused", 400, said("DUPLICATE_VALUE"), InvalidData),
    ("the query does not fit the org", 400, said("INVALID_FIELD"), FatalError),
    ("the query does not fit the org", 400, said("MALFORMED_QUERY"), FatalError),
    ("401 without a code", 401, "<html>denied</html>", LoginExpired),
    ("404 without a code", 404, "{}", GoneError),
    ("another version's job", 409, "[]", GoneError),
    ("in trouble", 408, "null", RetriableError),
    ("in trouble", 429, "", RetriableError),
    ("in trouble", 502, "<html>no gateway</html>", RetriableError),
    ("in trouble", 503, said("SOMETHING_NEW"), RetriableError),
    ("anything else", 400, said("SOMETHING_NEW"), FatalError),
    ("anything else", 403, '[{"a": 1}]', FatalError),
    ("anything else", 302, "", FatalError),
]


@pytest.mark.parametrize(("row", "status", "body", "kind"), TABLE)
def test_rows(row: str, status: int, body: Any, kind: type[CrmError]) -> None:
    response = answer(status, body)
    assert matching(ROWS, read(response)).name == row
    assert type(meaning(response)) is kind


def test_every_row_is_tried_above() -> None:
    assert {row[0] for row in TABLE} == {row.name for row in ROWS}


@pytest.mark.parametrize("code", sorted({code for row in ROWS for code in row.codes}))
def test_every_code_is_told_in_salesforces_words(code: str) -> None:
    assert "in Salesforce's words" in str(meaning(answer(400, said(code))))


def test_refused_values_name_their_fields() -> None:
    error = meaning(answer(400, said("STRING_TOO_LONG", fields=["LastName", "Title"])))
    assert isinstance(error, InvalidData)
    assert error.fields == ("LastName", "Title")


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
