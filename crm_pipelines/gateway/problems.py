"""Errors as problem details (RFC 9457): JSON that says what is wrong and what to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ValidationError
from starlette.exceptions import HTTPException
from starlette.routing import Match

from crm_pipelines.model.errors import (
    ConfigurationError,
    CrmError,
    InvalidData,
    SystemTrouble,
)


class Problem(BaseModel):
    """The body of every error."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    fields: dict[str, str] = {}


class Refusal(HTTPException):
    """An error that says what is wrong with which field."""

    def __init__(self, status: int, detail: str, fields: Mapping[str, str]) -> None:
        super().__init__(status, detail)
        self.fields = dict(fields)


LONGEST = 2_000
"""Characters of a detail: what is wrong with a huge body need not be huge."""

MEDIA_TYPE = "application/problem+json"
STATUSES: dict[type[Exception], int] = {
    SystemTrouble: 503,
    ConfigurationError: 500,
    InvalidData: 422,
    CrmError: 502,
}
"""What our own errors mean over HTTP."""


def answer(status: int, detail: str, fields: Mapping[str, str] | None = None) -> JSONResponse:
    """A problem as a response."""
    title = HTTPStatus(status).phrase
    problem = Problem(title=title, status=status, detail=detail, fields=dict(fields or {}))
    return JSONResponse(problem.model_dump(), status, media_type=MEDIA_TYPE)


def by_field(error: ValidationError) -> dict[str, str]:
    """What is wrong with which field of a body."""
    return {
        ".".join(str(part) for part in one["loc"]) or "body": one["msg"] for one in error.errors()
    }


def _by_place(errors: Sequence[Any]) -> dict[str, str]:
    """The same where each place begins with where the value was: body, path, query."""
    return {
        ".".join(str(part) for part in one["loc"][1:]) or str(one["loc"][0]): one["msg"]
        for one in errors
    }


def described(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """For the OpenAPI document: these answers are problems."""
    schema = Problem.model_json_schema()
    return {
        status: {
            "description": HTTPStatus(status).phrase,
            "content": {MEDIA_TYPE: {"schema": schema}},
        }
        for status in statuses
    }


METHODS = ("DELETE", "GET", "HEAD", "PATCH", "POST", "PUT")


def _allowed(app: FastAPI, request: Request) -> str:
    """Every method that the address knows; each of them is a route of its own."""
    routes = app.router.routes
    return ", ".join(
        method
        for method in METHODS
        if any(
            route.matches({**request.scope, "method": method})[0] is Match.FULL for route in routes
        )
    )


def install(app: FastAPI) -> None:
    """Every error of the application becomes a problem."""

    async def refused(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)
        response = answer(error.status_code, str(error.detail), getattr(error, "fields", None))
        response.headers.update(error.headers or {})
        if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            response.headers["Allow"] = _allowed(app, request)
        return response

    async def invalid(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)
        fields = _by_place(error.errors())
        said = "; ".join(f"{name}: {why}" for name, why in fields.items())
        return answer(422, said[:LONGEST], fields)

    async def known(_: Request, error: Exception) -> JSONResponse:
        status = next(code for kind, code in STATUSES.items() if isinstance(error, kind))
        fields = dict.fromkeys(error.fields, str(error)) if isinstance(error, InvalidData) else {}
        return answer(status, str(error), fields)

    async def unknown(_: Request, error: Exception) -> JSONResponse:
        return answer(500, f"{type(error).__name__}: see the gateway's log")

    app.add_exception_handler(HTTPException, refused)
    app.add_exception_handler(RequestValidationError, invalid)
    for kind in STATUSES:
        app.add_exception_handler(kind, known)
    app.add_exception_handler(Exception, unknown)
