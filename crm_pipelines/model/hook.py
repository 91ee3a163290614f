"""Webhooks: what a CRM is asked to tell us by itself, and where."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True)
class WantedHook:
    """Events of an object (``*`` is all of them), delivered to ``url`` with Basic credentials."""

    object: str
    action: str
    url: str
    username: str
    password: str
    name: str


@dataclass(frozen=True)
class Hook:
    """A webhook as the CRM has it. ``last_status`` is the HTTP status of its last delivery."""

    id: str
    object: str
    action: str
    url: str
    username: str | None
    name: str
    version: str
    active: bool
    last_delivery_at: datetime | None = None
    last_status: int | None = None


class Hooks(Protocol):
    """An opened account whose webhooks are managed. Raises the errors of ``model.errors``."""

    @property
    def objects(self) -> Collection[str]:
        """Kinds of records that a webhook can be about."""

    def list(self) -> Sequence[Hook]:
        """All of them, those of other programs, too."""

    def add(self, wanted: WantedHook) -> Hook:
        """Make one."""

    def remove(self, hook_id: str) -> None:
        """Remove one; one that is not there is removed already."""

    def close(self) -> None:
        """Let go of connections."""
