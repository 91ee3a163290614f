"""An opened sink of the sandbox's Pipedrive."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing

import httpx
import pytest

from crm_pipelines.model.priority import Priority
from crm_pipelines.model.sink import Sink
from crm_pipelines.wiring import Wiring
from crm_pipelines_tests.sandbox_process import TOKEN, Sandbox, plain_client

Opening = Callable[..., Sink]


def opened(wiring: Wiring, stack: ExitStack) -> Sink:
    """A sink, closed with the stack."""
    account = wiring.account("default", "pipedrive")
    purse = wiring.budget.purse(
        "default", "pipedrive", "push", account.limits, Priority.INTERACTIVE
    )
    return stack.enter_context(closing(account.open_sink(purse)))


@pytest.fixture
def opening(environment: dict[str, str]) -> Iterator[Opening]:
    """Opens sinks as other processes would, with some variables changed."""
    with ExitStack() as stack:

        def make(**changes: str) -> Sink:
            wiring = stack.enter_context(closing(Wiring({**environment, **changes})))
            return opened(wiring, stack)

        yield make


@pytest.fixture
def sink(opening: Opening) -> Sink:
    """One of them."""
    return opening()


@pytest.fixture
def pipedrive(sandbox: Sandbox) -> Iterator[httpx.Client]:
    """Somebody else who uses the same account."""
    headers = {"x-api-token": TOKEN}
    with plain_client(base_url=sandbox.url, headers=headers) as client:
        yield client
