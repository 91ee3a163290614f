"""Rules are learned before the gateway opens, unless the database is away."""

from __future__ import annotations

import threading

import pytest

from crm_pipelines.gateway.rules import learning
from crm_pipelines.model.errors import ConfigurationError, SystemTrouble


def test_they_are_learned_before_anything_else() -> None:
    learned: list[str] = []
    with learning(["acme", "globex"], learned.append):
        assert learned == ["acme", "globex"]


def test_wrong_settings_stop_the_start() -> None:
    def learn(workspace: str) -> None:
        raise ConfigurationError(f"{workspace} is set up wrongly")

    with pytest.raises(ConfigurationError, match="acme"), learning(["acme"], learn):
        raise AssertionError("not reached")


def test_a_database_that_is_away_does_not(caplog: pytest.LogCaptureFixture) -> None:
    tried, ended = threading.Event(), threading.Event()

    def learn(workspace: str) -> None:
        tried.set()
        raise SystemTrouble("PostgreSQL does not answer")

    with learning(["acme"], learn):
        assert tried.is_set()
        ended.set()
    assert ended.is_set()
    assert "goes on without the database" in caplog.text
