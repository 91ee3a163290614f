"""What every connection has."""

from __future__ import annotations

from crm_pipelines.transport.timeouts import Timeouts
from crm_pipelines.transport.wire import connect


def test_answers_are_asked_for_packed() -> None:
    with connect("http://127.0.0.1:9", Timeouts.model_validate({})) as client:
        assert client.headers["accept-encoding"] == "gzip"
