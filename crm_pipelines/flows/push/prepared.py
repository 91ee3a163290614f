"""A command that is ready to be checked and sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from crm_pipelines.model.command import Command


@dataclass(frozen=True)
class Prepared:
    """A command in the words of ``model.writable``; JSON-ready, so that it can be handed on.

    ``values`` are what is to be written, ``base`` what they were when the change was made, as far
    as that is known. ``remote_id`` is the CRM's record, where there is one. ``changed_at`` is when
    somebody made the change. ``owner`` is the e-mail address of the user who is to own the record,
    looked up when it is sent. Of the fields in ``primary`` the local side knows only the first
    value of a list: the others stay as they are.
    """

    command: Command
    values: Mapping[str, Any]
    base: Mapping[str, Any] = field(default_factory=dict)
    remote_id: int | None = None
    changed_at: datetime | None = None
    owner: str | None = None
    primary: tuple[str, ...] = ()
    problems: Mapping[str, str] = field(default_factory=dict)

    @property
    def email(self) -> str | None:
        """The address that a person is known by."""
        addresses = self.values.get("email") or ()
        return str(addresses[0]) if addresses else None
