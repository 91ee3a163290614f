"""A post between a sandbox and an inbox."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from crm_pipelines_tests.integration.inbox.post import Post, posting
from crm_pipelines_tests.mirroring import Mirroring
from crm_pipelines_tests.sandbox_process import Sandbox


@pytest.fixture
def post(sandbox: Sandbox, mirror: Mirroring) -> Iterator[Post]:
    """Webhooks of version 2.0 for everything."""
    with posting(sandbox, mirror) as found:
        yield found
