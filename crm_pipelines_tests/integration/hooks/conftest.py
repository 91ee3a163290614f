"""Ground for tests of webhooks: an account, and somebody who receives."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from crm_pipelines_tests.integration.hooks.hooking import Hooking
from crm_pipelines_tests.receiver import Receiver, receiving
from crm_pipelines_tests.sandbox_process import Sandbox


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as server:
        yield server


@pytest.fixture
def hooking(
    environment: dict[str, str], sandbox: Sandbox, receiver: Receiver
) -> Iterator[Callable[..., Hooking]]:
    """Makes accounts with some variables changed."""
    made: list[Hooking] = []
    address = f"http://127.0.0.1:{receiver.port}"

    def make(**changes: str) -> Hooking:
        values = {**environment, "CRM_PUBLIC_URL": address, **changes}
        made.append(Hooking(values, sandbox, receiver))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def hooks(hooking: Callable[..., Hooking]) -> Hooking:
    """One of them."""
    return hooking()
