"""Every request to a CRM leaves through a ``Door``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import httpx
import msgspec
from tenacity import RetryCallState, Retrying

from crm_pipelines.model.call import Budget, Call, Classify, Login, Observe
from crm_pipelines.model.errors import (
    BadCredentials,
    Blocked,
    BudgetSpent,
    DailyLimit,
    FatalError,
    GoneError,
    LoginExpired,
    NotApplied,
    OutcomeUnknown,
    RetriableError,
    Truncated,
    Unreachable,
)
from crm_pipelines.transport.retries import Retries, failure, pause
from crm_pipelines.transport.timeouts import Timeouts
from crm_pipelines.transport.wire import body, connect, limit

Answer = TypeVar("Answer")


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
        self.title = title
        self._base_url = base_url
        self._budget, self._login = budget, login
        self._classify, self._observe = classify, observe
        self._timeouts = timeouts or Timeouts.model_validate({})
        self._client = connect(base_url, self._timeouts)

    @property
    def address(self) -> str:
        """Where it leads."""
        return self._base_url

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
        self._budget.admit()
        retrying = Retrying(
            retry=Retries(call).again, wait=pause, before_sleep=self._prepare, reraise=True
        )
        try:
            answer = retrying(attempt)
        except LoginExpired as error:
            self._budget.report(None)
            raise BadCredentials(f"{error} (also after a new login)") from error
        except DailyLimit as error:
            resumes_at = self._budget.exhaust(error.wait)
            raise BudgetSpent(f"{self.title} says: {error}", resumes_at) from error
        except Blocked as error:
            self._budget.block(error)
            raise
        except RetriableError as error:
            self._note(error)
            if call.safe or isinstance(error, NotApplied):
                raise
            raise OutcomeUnknown(
                f"it is not known whether {call.method} {call.path} was applied: {error}"
            ) from error
        except (FatalError, GoneError):
            self._budget.report(None)
            raise
        self._budget.report(None)
        return answer

    def _prepare(self, state: RetryCallState) -> None:
        error = failure(state)
        if isinstance(error, LoginExpired):
            self._login.renew()
        elif isinstance(error, Unreachable):
            self._budget.report(error)

    def _note(self, error: RetriableError) -> None:
        """Refusals that the CRM words itself are no sign of trouble; silence and 5xx are."""
        if isinstance(error, Unreachable) or not isinstance(error, NotApplied):
            self._budget.report(error)

    def _once(self, call: Call) -> httpx.Response:
        with self._open(call) as response:
            response.read()
            _require_whole(response, self.title)
            return response

    @contextmanager
    def _open(self, call: Call) -> Iterator[httpx.Response]:
        headers = {**self._login.headers(), **call.headers}
        self._budget.spend(call)
        with self._translated():
            request = self._request(call, headers)
            try:
                response = self._client.send(request, stream=True)
            except (httpx.ConnectError, httpx.ConnectTimeout):
                self._budget.refund(call)
                raise
            limit(response, request, self._timeouts.request_seconds)
            try:
                self._budget.learn(self._observe(response))
                if response.status_code >= 300:
                    response.read()
                self._classify(response)
                yield response
            finally:
                response.close()

    def _request(self, call: Call, headers: dict[str, str]) -> httpx.Request:
        content, length = body(call.content)
        return self._client.build_request(
            call.method,
            call.path,
            params=dict(call.params) or None,
            json=call.json,
            content=content,
            headers={**headers, **length},
        )

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
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


def _require_whole(response: httpx.Response, title: str) -> None:
    """JSON that breaks off under a good status is asked for again."""
    if response.content and "json" in response.headers.get("content-type", ""):
        try:
            msgspec.json.decode(response.content, type=msgspec.Raw)
        except msgspec.MsgspecError as error:
            raise Truncated(f"the answer of {title} is not whole ({error})") from error


def _plain(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
