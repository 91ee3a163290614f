"""Errors as problem details (RFC 9457): JSON that says what is wrong and what to do."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from crm_pipelines.model.errors import ConfigurationError, CrmError, SystemTrouble


class Problem(BaseModel):
    """The body of every error."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str


MEDIA_TYPE = "application/problem+json"
STATUSES: dict[type[Exception], int] = {
    SystemTrouble: 503,
    ConfigurationError: 500,
    CrmError: 502,
}
"""What our own errors mean over HTTP."""


def answer(status: int, detail: str) -> JSONResponse:
    """A problem as a response."""
    problem = Problem(title=HTTPStatus(status).phrase, status=status, detail=detail)
    return JSONResponse(problem.model_dump(), status, media_type=MEDIA_TYPE)


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


def install(app: FastAPI) -> None:
    """Every error of the application becomes a problem."""

    async def refused(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)
        response = answer(error.status_code, str(error.detail))
        response.headers.update(error.headers or {})
        return response

    async def invalid(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)
        parts = [
            ".".join(str(part) for part in one["loc"]) + ": " + one["msg"] for one in error.errors()
        ]
        return answer(422, "; ".join(parts))

    async def known(_: Request, error: Exception) -> JSONResponse:
        status = next(code for kind, code in STATUSES.items() if isinstance(error, kind))
        return answer(status, str(error))

    async def unknown(_: Request, error: Exception) -> JSONResponse:
        return answer(500, f"{type(error).__name__}: see the gateway's log")

    app.add_exception_handler(HTTPException, refused)
    app.add_exception_handler(RequestValidationError, invalid)
    for kind in STATUSES:
        app.add_exception_handler(kind, known)
    app.add_exception_handler(Exception, unknown)
