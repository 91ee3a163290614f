"""Writing and reading the audit log."""

from __future__ import annotations

import getpass
import os
import socket
import sys
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from crm_pipelines.model.audit import Entry
from crm_pipelines.store import audit
from crm_pipelines.store.database import Connection, Database


def this_program() -> str:
    """Who acts when nobody else is named: user, machine, program and process, no arguments."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        user = f"uid {os.getuid()}"
    return f"{user}@{socket.gethostname()} {Path(sys.argv[0]).name or 'python'}[{os.getpid()}]"


class AuditLog:
    """The log of one database."""

    def __init__(self, database: Database, who: str = "") -> None:
        self._database = database
        self._who = who or this_program()

    def note(self, entry: Entry, connection: Connection | None = None) -> None:
        """Add a line; on the connection of what it tells of, so that both hold or neither."""
        signed = entry if entry.who else replace(entry, who=self._who)
        if connection is not None:
            audit.append(connection, signed)
            return
        with self._database.transaction() as own:
            audit.append(own, signed)

    def latest(
        self,
        most: int = 50,
        *,
        workspace: str = "",
        crm: str = "",
        action: str = "",
        subject: str = "",
        since: datetime | None = None,
    ) -> list[dict[str, Any]]:
        """The last lines, newest first. ``action`` may be its noun alone (``credential``)."""
        return audit.latest(
            self._database,
            most,
            workspace=workspace,
            crm=crm,
            action=action,
            subject=subject,
            since=since,
        )
