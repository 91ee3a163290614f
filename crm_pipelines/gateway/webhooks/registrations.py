"""The credentials of registered webhooks, at hand also while the database is away.

Read every few seconds, and at once when somebody unknown knocks: a webhook may have been registered
a second ago. A copy of the digests lies in ``CRM_HOME``, for a start without a database.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import msgspec

from crm_pipelines.gateway.webhooks.presence import Presence
from crm_pipelines.store.inbox.arrivals import Credential, credentials
from crm_pipelines.store.inbox.line import Line

LOG = logging.getLogger("crm_pipelines.gateway")
EVERY_SECONDS, PAUSE_SECONDS = 3.0, 0.3
"""Between two readings: usually, and however many strangers knock."""
PATIENCE_SECONDS = 2.0
"""A stranger waits for a reading, so long at most."""

Known = Mapping[tuple[str, bytes], Credential]
_decode = msgspec.json.Decoder(list[Credential]).decode


class Registrations:
    """Who may bring webhooks, by workspace and username; kept fresh between open and close."""

    def __init__(self, url: str, crm: str, copy: Path) -> None:
        self._crm, self._copy = crm, copy
        self._line = Line(url, PATIENCE_SECONDS)
        self._lock, self._wake, self._ended = threading.Lock(), threading.Event(), False
        self._strangers: list[asyncio.Future[None]] = []
        self._written = b""
        self._trouble = False
        self._presence = Presence(crm, copy.with_name("webhooks-received"))
        self.known: Known = {}

    def open(self) -> None:
        """Take the copy, and begin to read the database."""
        try:
            self._written = self._copy.read_bytes()
            self.known = _by_name(_decode(self._written))
        except FileNotFoundError:
            LOG.debug("%s is not there yet", self._copy)
        except (OSError, msgspec.MsgspecError) as error:
            LOG.warning("%s cannot be read (%s): it is written anew", self._copy, error)
        self._presence.begin()
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._keep_fresh, name="webhook-credentials")
        self._thread.start()

    def close(self) -> None:
        """Stop reading."""
        self._ended = True
        self._wake.set()
        self._line.cut()
        self._thread.join()

    async def refreshed(self) -> None:
        """Wait for a reading that began after now, but not long."""
        stranger = self._loop.create_future()
        with self._lock:
            self._strangers.append(stranger)
        self._wake.set()
        with suppress(TimeoutError):  # then whatever is known has to do
            await asyncio.wait_for(stranger, PATIENCE_SECONDS)

    def _keep_fresh(self) -> None:
        while not self._ended:
            self._wake.clear()
            self._presence.note()
            with self._lock:
                strangers, self._strangers = self._strangers, []
            self._read()
            self._loop.call_soon_threadsafe(_tell, strangers)
            time.sleep(0 if self._ended else PAUSE_SECONDS)
            self._wake.wait(EVERY_SECONDS)
        self._line.close()

    def _read(self) -> None:
        try:
            found = self._line.run(lambda connection: credentials(connection, self._crm))
            self._line.run(self._presence.tell)
        except Exception as trouble:  # whatever it is, those that are known are good
            if not self._trouble:
                LOG.warning("credentials of webhooks are used as last read: %s", trouble)
            self._trouble = True
            return
        self._trouble = False
        self.known = _by_name(found)
        self._write(msgspec.json.encode(found))

    def _write(self, text: bytes) -> None:
        """The copy, readable by its owner alone, whole or not at all."""
        if text == self._written:
            return
        draft = self._copy.with_name(f"{self._copy.name}.{uuid4().hex[:8]}")
        try:
            self._copy.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(self._copy)
        except OSError as error:
            LOG.warning("%s cannot be written: %s", self._copy, error)
            with suppress(OSError):
                draft.unlink()
        else:
            self._written = text


def _by_name(found: Sequence[Credential]) -> Known:
    return {(one.workspace, one.username.encode()): one for one in found}


def _tell(strangers: Sequence[asyncio.Future[None]]) -> None:
    for stranger in strangers:
        if not stranger.done():
            stranger.set_result(None)
