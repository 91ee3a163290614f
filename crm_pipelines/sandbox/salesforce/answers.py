"""How Salesforce words its answers: JSON bodies, and errors as an array of one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from starlette.responses import Response

_ENCODER = msgspec.json.Encoder(decimal_format="number")


class Problem(Exception):
    """A refusal: raised anywhere below the door, answered there."""

    def __init__(
        self, status: int, code: str, message: str, fields: Sequence[str] | None = None
    ) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.fields = status, code, message, fields

    def shown(self) -> dict[str, Any]:
        """One element of an error body."""
        body: dict[str, Any] = {"message": self.message, "errorCode": self.code}
        if self.fields is not None:
            body["fields"] = list(self.fields)
        return body


def json_answer(
    value: Any, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """``Decimal`` values become JSON numbers with all their digits."""
    return Response(
        _ENCODER.encode(value), status, headers, media_type="application/json;charset=UTF-8"
    )


def refusal(problem: Problem) -> Response:
    """A problem as the REST API answers it."""
    return json_answer([problem.shown()], problem.status)


def empty() -> Response:
    """Done, and nothing to say."""
    return Response(status_code=204)


def not_found(message: str = "The requested resource does not exist") -> Problem:
    """A path or record that is not there."""
    return Problem(404, "NOT_FOUND", message)
