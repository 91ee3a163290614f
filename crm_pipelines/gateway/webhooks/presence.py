"""When webhooks could last be brought here, so that a gateway that starts knows what it missed."""

from __future__ import annotations

import logging
import time
from pathlib import Path

from crm_pipelines.store.database import Connection
from crm_pipelines.store.inbox.arrivals import be_here, come_back

LOG = logging.getLogger("crm_pipelines.gateway")


class Presence:
    """Noted in a file, which goes on while the database is away, and in the database, where other
    machines' gateways note theirs."""

    def __init__(self, crm: str, path: Path) -> None:
        self._crm, self._path = crm, path
        self._came_back = False
        self._age: float | None = None

    def begin(self) -> None:
        """Look when we were last here."""
        try:
            self._age = max(0.0, time.time() - self._path.stat().st_mtime)
        except OSError:
            self._age = None

    def note(self) -> None:
        """We are here."""
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._path.touch(mode=0o600)
        except OSError as error:
            LOG.debug("%s cannot be written: %s", self._path, error)

    def tell(self, connection: Connection) -> None:
        """The database; the first time, what was missed."""
        if not self._came_back:
            since = come_back(connection, self._crm, self._age)
            self._came_back = True
            if since is not None:
                LOG.warning(
                    "nobody received webhooks from %s UTC on: what was lost is synced by the "
                    "next check_webhooks, or by `crm-pipelines webhooks check`",
                    f"{since:%Y-%m-%d %H:%M:%S}",
                )
        be_here(connection, self._crm)
