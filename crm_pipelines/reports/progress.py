"""Live progress inside one process: flows tell, whoever shows it listens."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from crm_pipelines.model.manifest import Outcome


@dataclass(frozen=True)
class StreamName:
    """Which stream a message is about."""

    workspace: str
    crm: str
    stream: str


class Listener(Protocol):
    """Somebody who shows progress."""

    def phase(self, name: StreamName, phase: str, words: str) -> None:
        """A phase began or got further."""

    def finished(self, name: StreamName, outcome: Outcome) -> None:
        """The stream is in the mirror."""

    def failed(self, name: StreamName, words: str, resumes_at: datetime | None) -> None:
        """The stream broke off; with ``resumes_at`` it is only paused."""


_listeners: list[Listener] = []


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Tell this listener for as long as the block runs."""
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)


def tell_phase(name: StreamName, phase: str, words: str) -> None:
    """A phase began or got further."""
    for listener in _listeners:
        listener.phase(name, phase, words)


def tell_finished(name: StreamName, outcome: Outcome) -> None:
    """A stream is in the mirror."""
    for listener in _listeners:
        listener.finished(name, outcome)


def tell_failed(name: StreamName, words: str, resumes_at: datetime | None = None) -> None:
    """A stream broke off or paused."""
    for listener in _listeners:
        listener.failed(name, words, resumes_at)
