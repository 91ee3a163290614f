"""One line of the audit log."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Entry:
    """Who did what to which thing. ``before`` and ``after`` are JSON-ready and hold no secrets.

    ``action`` is a noun and a verb: ``credential.refresh``, ``record.update``, ``sync.rollback``.
    ``subject`` names the thing, like ``persons/17``. ``who`` is a person or a program; the one
    that runs when not given. ``details`` is whatever else helps.
    """

    action: str
    workspace: str = ""
    crm: str = ""
    subject: str = ""
    before: Mapping[str, Any] | None = None
    after: Mapping[str, Any] | None = None
    who: str = ""
    run: str = ""
    details: Mapping[str, Any] | None = None
