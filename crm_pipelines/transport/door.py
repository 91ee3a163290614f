"""Every request to a CRM leaves through a ``Door``."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import httpx
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt

from crm_pipelines.model.call import Budget, Call, Classify, Login, Observe
from crm_pipelines.model.errors import (
    BadCredentials,
    BudgetSpent,
    DailyLimit,
    LoginExpired,
    RetriableError,
    Truncated,
    Unreachable,
)

Answer = TypeVar("Answer")

ATTEMPTS = 5
LONGEST_WAIT = 60.0
"""Seconds; what a CRM asks for beyond this is capped: such headers are not always right."""


@dataclass(frozen=True)
class Timeouts:
    """Seconds for connecting and for silence while reading."""

    connect: float = 10.0
    read: float = 60.0


class Door:
    """Sends calls of one account. ``title`` names the CRM in messages. Close it after use."""

    def __init__(
        self,
        title: str,
        base_url: str,
        *,
        budget: Budget,
        login: Login,
        classify: Classify,
        observe: Observe,
        timeouts: Timeouts | None = None,
    ) -> None:
        limits = timeouts or Timeouts()
        self.title = title
        self._base_url = base_url
        self._budget, self._login = budget, login
        self._classify, self._observe = classify, observe
        self._client = httpx.Client(
            base_url=base_url,
            timeout=httpx.Timeout(limits.read, connect=limits.connect),
            headers={"Accept-Encoding": "gzip", "User-Agent": "crm-pipelines"},
            follow_redirects=False,
        )

    def send(self, call: Call) -> httpx.Response:
        """The whole answer to a call. Raises the errors of ``model.errors``."""
        return self._persist(call, lambda: self._once(call))

    def fetch(self, call: Call, read: Callable[[httpx.Response], None]) -> None:
        """Like ``send`` for a large answer: ``read`` consumes the open stream, again on a retry."""

        def attempt() -> None:
            with self._open(call) as response:
                read(response)

        self._persist(call, attempt)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _persist(self, call: Call, attempt: Callable[[], Answer]) -> Answer:
        retrying = Retrying(
            retry=retry_if_exception(lambda error: _worth_it(error, call)),
            wait=_pause,
            stop=stop_after_attempt(ATTEMPTS),
            before_sleep=self._prepare,
            reraise=True,
        )
        try:
            return retrying(attempt)
        except LoginExpired as error:
            raise BadCredentials(
                f"{self.title} refuses the login again and again: {error}"
            ) from error
        except DailyLimit as error:
            wait = timedelta(seconds=error.wait) if error.wait else None
            resumes_at = self._budget.exhaust(datetime.now(UTC) + wait if wait else None)
            raise BudgetSpent(f"{self.title} says: {error}", resumes_at) from error

    def _prepare(self, state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        if isinstance(error, LoginExpired):
            self._login.renew()

    def _once(self, call: Call) -> httpx.Response:
        with self._open(call) as response:
            response.read()
            return response

    @contextmanager
    def _open(self, call: Call) -> Iterator[httpx.Response]:
        headers = {**self._login.headers(), **call.headers}
        self._budget.spend(call)
        with self._translated():
            request = self._client.build_request(
                call.method,
                call.path,
                params=dict(call.params) or None,
                json=call.json,
                content=call.content,
                headers=headers,
            )
            response = self._client.send(request, stream=True)
            try:
                self._budget.learn(self._observe(response))
                if response.status_code >= 300:
                    response.read()
                self._classify(response)
                yield response
            finally:
                response.close()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except httpx.ConnectError as error:
            raise Unreachable(
                f"{self.title} cannot be reached at {self._base_url} ({_plain(error)}): check the "
                "address, the network and, for https, the certificate"
            ) from error
        except httpx.TimeoutException as error:
            raise RetriableError(f"{self.title} did not answer in time") from error
        except (httpx.RemoteProtocolError, httpx.ReadError, httpx.DecodingError) as error:
            raise Truncated(f"the answer of {self.title} broke off ({_plain(error)})") from error
        except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
            raise Unreachable(f"{self._base_url!r} is not an address ({_plain(error)})") from error
        except httpx.TransportError as error:
            raise RetriableError(f"the way to {self.title} broke ({_plain(error)})") from error


def _worth_it(error: BaseException, call: Call) -> bool:
    if isinstance(error, LoginExpired | Unreachable):
        return True
    return isinstance(error, RetriableError) and (call.safe or error.wait is not None)


def _pause(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, LoginExpired):
        return 0.0
    asked = error.wait if isinstance(error, RetriableError) else None
    if asked is not None:
        return min(asked, LONGEST_WAIT) + random.uniform(0, 0.25)
    return random.uniform(0.25, 0.5) * float(2 ** (state.attempt_number - 1))


def _plain(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
