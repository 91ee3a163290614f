"""What Salesforce's answers mean: errors by status and code, the quota by header, good bodies."""

from __future__ import annotations

import json
import re
from typing import TypeVar

import httpx
import msgspec

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
    Truncated,
)
from crm_pipelines.transport.answers import (
    ANY,
    TROUBLE,
    Reply,
    Row,
    is_stranger,
    meaning,
    retry_after,
    says,
)

Shape = TypeVar("Shape")


class NotInBulk(FatalError):
    """What is asked is not for bulk jobs; plain queries may do."""


CROWD_WAIT = 20.0
"""Seconds; only calls that take longer than this count as concurrent ones."""

BULK_QUOTA_WAIT = 3_600.0
"""Seconds; bulk quotas are counted over the last 24 hours, so each hour frees a part of them."""

WORDS = "{said} ({code})"

_NOT_IN_BULK = ("not supported by the Bulk API", "not supported in Bulk Query")
"""Words, because the codes differ: some objects, like those of statuses, are for queries only."""


def _trouble(reply: Reply) -> CrmError:
    words = f"Salesforce is in trouble ({reply.status} {reply.code}: {reply.said})"
    return RetriableError(words, retry_after(reply.headers))


def _crowded(reply: Reply) -> CrmError:
    return NotApplied(f"{reply.said} ({reply.code})", CROWD_WAIT)


def _bulk_quota(reply: Reply) -> CrmError:
    return DailyLimit(f"{reply.said} ({reply.code})", BULK_QUOTA_WAIT)


def _data(reply: Reply) -> CrmError:
    return InvalidData(f"{reply.said} ({reply.code})", reply.fields)


ROWS: tuple[Row, ...] = (
    Row(
        "the session is gone",
        ANY,
        says(LoginExpired, WORDS),
        {"INVALID_SESSION_ID", "INVALIDSESSIONID"},
    ),
    Row("no session was sent", ANY, says(LoginExpired, WORDS), {"INVALID_AUTH_HEADER"}),
    Row(
        "too many long calls",
        ANY,
        _crowded,
        {"REQUEST_LIMIT_EXCEEDED"},
        when=lambda reply: "concurrent" in reply.said.lower(),
    ),
    Row("the quota is spent", ANY, says(DailyLimit, WORDS), {"REQUEST_LIMIT_EXCEEDED"}),
    Row("the bulk quota is spent", ANY, _bulk_quota, {"EXCEEDEDQUOTA"}),
    Row(
        "the bulk quota is spent, by its words",
        ANY,
        _bulk_quota,
        when=lambda reply: "per 24 hrs has been" in reply.said,
    ),
    Row(
        "nothing for bulk jobs",
        {400},
        says(NotInBulk, WORDS),
        when=lambda reply: any(words in reply.said for words in _NOT_IN_BULK),
    ),
    Row("somebody holds the row", ANY, says(NotApplied, WORDS), {"UNABLE_TO_LOCK_ROW"}),
    Row("not there for now", ANY, _trouble, {"SERVER_UNAVAILABLE"}),
    Row("a mistake of theirs", ANY, _trouble, {"UNKNOWN_EXCEPTION"}),
    Row("a bulk job is in trouble", ANY, _trouble, {"UNKNOWN", "TIMEOUT", "TRANSIENTERROR"}),
    Row("the query takes too long", ANY, says(TooWide, WORDS), {"QUERY_TIMEOUT", "URI_TOO_LONG"}),
    Row("the locator is too old", ANY, says(GoneError, WORDS), {"INVALID_QUERY_LOCATOR"}),
    Row("no such thing", ANY, says(GoneError, WORDS), {"NOT_FOUND"}),
    Row("the record is deleted", ANY, says(GoneError, WORDS), {"ENTITY_IS_DELETED"}),
    Row(
        "the API is not for this user",
        ANY,
        says(BadCredentials, WORDS),
        {"API_DISABLED_FOR_ORG", "API_CURRENTLY_DISABLED"},
    ),
    Row(
        "bulk jobs are not for this user",
        ANY,
        says(
            FatalError,
            "{said} ({code}): the user needs the permission API Enabled, and write access to the "
            "object",
        ),
        {"FEATURENOTENABLED", "INVALIDUSER"},
    ),
    Row("wrong login", ANY, says(BadCredentials, WORDS), {"INVALID_LOGIN"}),
    Row(
        "values refused",
        ANY,
        _data,
        {
            "REQUIRED_FIELD_MISSING",
            "FIELD_CUSTOM_VALIDATION_EXCEPTION",
            "FIELD_INTEGRITY_EXCEPTION",
            "INVALID_FIELD_FOR_INSERT_UPDATE",
            "INVALID_EMAIL_ADDRESS",
            "INVALID_CROSS_REFERENCE_KEY",
            "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
            "INVALID_TYPE_ON_FIELD_IN_RECORD",
            "STRING_TOO_LONG",
            "NUMBER_OUTSIDE_VALID_RANGE",
            "DUPLICATE_VALUE",
            "DUPLICATES_DETECTED",
            "MALFORMED_ID",
            "JSON_PARSER_ERROR",
        },
    ),
    Row(
        "the query does not fit the org",
        ANY,
        says(
            FatalError,
            "{said} ({code}): a field or object is gone, or the user may not see it; "
            "run the sync again, it reads the columns anew",
        ),
        {"INVALID_FIELD", "INVALID_TYPE", "MALFORMED_QUERY"},
    ),
    Row("401 without a code", {401}, says(LoginExpired, "{said}")),
    Row("404 without a code", {404}, says(GoneError, "Salesforce has no such thing: {said}")),
    Row(
        "another version's job",
        {409},
        says(GoneError, "Salesforce wants the version the job was made with: {said}"),
    ),
    Row("in trouble", {408, 429, *TROUBLE}, _trouble),
    Row(
        "anything else",
        ANY,
        says(FatalError, "Salesforce refuses the request ({status} {code}: {said})"),
    ),
)
"""REST API guide: Status Codes and Error Responses. The first row that fits counts."""

_USAGE = re.compile(r"api-usage=(\d+)/(\d+)")


def classify(response: httpx.Response) -> None:
    """Raise what a bad answer stands for."""
    if is_stranger(response):
        raise FatalError(
            f"what answers is not Salesforce's API ({response.status_code}): check "
            "SALESFORCE_INSTANCE_URL, like https://acme.my.salesforce.com"
        )
    if response.status_code >= 300:
        reply = read(response)
        raise meaning(ROWS, reply).error(reply)


def decoded(response: httpx.Response, shape: type[Shape]) -> Shape:
    """The body of a good answer. Raises ``Truncated`` where it is not what the API promises."""
    try:
        return msgspec.json.decode(response.content, type=shape, strict=False)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise Truncated(
            f"Salesforce's answer is not what its API promises ({error}): run the same command "
            "again, and check SALESFORCE_INSTANCE_URL if that does not help"
        ) from error


def observe(response: httpx.Response) -> Observation:
    """The org's calls of the last 24 hours, from ``Sforce-Limit-Info``."""
    found = _USAGE.search(response.headers.get("sforce-limit-info", ""))
    if found is None:
        return Observation()
    used, most = int(found[1]), int(found[2])
    return Observation(remaining=max(0, most - used), daily=most)


def read(response: httpx.Response) -> Reply:
    """A bad answer: an array of errors, of which the first counts, or an OAuth error."""
    try:
        body = json.loads(response.content)
    except ValueError:
        said = response.reason_phrase or "no explanation"
        return Reply(response.status_code, said, response.headers)
    first = body[0] if isinstance(body, list) and body else body
    first = first if isinstance(first, dict) else {}
    fields = first.get("fields")
    return Reply(
        response.status_code,
        str(first.get("message") or first.get("error_description") or "no explanation"),
        response.headers,
        str(first.get("errorCode") or first.get("error") or ""),
        tuple(map(str, fields)) if isinstance(fields, list) else (),
    )
