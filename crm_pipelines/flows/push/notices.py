"""Passing on news: into the log, to whoever listens at the database, by e-mail and webhook.

A thread of its own does what may take time; a target that is down costs its news and a line in
the log, never a delivery.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence

from crm_pipelines.flows.push.rules import PushRules
from crm_pipelines.flows.push.targets import post, send_mail
from crm_pipelines.model.notice import Level, Notice
from crm_pipelines.store import events
from crm_pipelines.store.database import Database

LOG = logging.getLogger("crm_pipelines.notices")
LONGEST_QUEUE = 10_000
GATHERING_SECONDS = 1.0
"""News of the same second go into one message."""

CLOSING_SECONDS = 5.0
LOG_LEVELS = {
    Level.INFO: logging.DEBUG,
    Level.WARNING: logging.WARNING,
    Level.ERROR: logging.ERROR,
}

Target = Callable[[Sequence[Notice]], None]
"""Sends some news in one message. Raises whatever went wrong."""


class Notices:
    """The news of one workspace. ``targets`` are told of what is more than information."""

    def __init__(self, database: Database, targets: Sequence[Target] = ()) -> None:
        self._database, self._targets = database, tuple(targets)
        self._waiting: queue.Queue[Notice | None] = queue.Queue(LONGEST_QUEUE)
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()

    def __call__(self, notice: Notice) -> None:
        """Pass it on; returns at once."""
        LOG.log(LOG_LEVELS[notice.level], "%s %s: %s", notice.what, notice.subject, notice.words)
        self._start()
        try:
            self._waiting.put_nowait(notice)
        except queue.Full:
            LOG.warning("too much news at once: %s is in the log only", notice.subject)

    def deliver(self, notice: Notice) -> None:
        """Pass it on now, and know that it went out. Raises whatever went wrong with a target."""
        LOG.log(LOG_LEVELS[notice.level], "%s %s: %s", notice.what, notice.subject, notice.words)
        events.announce(self._database, notice.show())
        for target in self._targets:
            target([notice])

    def close(self) -> None:
        """Give what is still on its way a few seconds."""
        with self._starting:
            thread, self._thread = self._thread, None
        if thread is not None:
            self._waiting.put(None)
            thread.join(CLOSING_SECONDS)

    def _start(self) -> None:
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="notices", daemon=True)
                self._thread.start()

    def _work(self) -> None:
        ended = False
        while not ended:
            first = self._waiting.get()
            if first is None:
                return
            some, ended = self._gather(first)
            self._publish(some)
            urgent = [one for one in some if one.level is not Level.INFO]
            for target in self._targets if urgent else ():
                self._try(target, urgent)

    def _gather(self, first: Notice) -> tuple[list[Notice], bool]:
        some, until = [first], time.monotonic() + GATHERING_SECONDS
        if first.level is Level.INFO or not self._targets:
            until = 0.0
        while True:
            try:
                found = self._waiting.get(timeout=max(0.0, until - time.monotonic()))
            except queue.Empty:
                return some, False
            if found is None:
                return some, True
            some.append(found)

    def _publish(self, some: Sequence[Notice]) -> None:
        try:
            for one in some:
                events.announce(self._database, one.show())
        except Exception as error:  # whatever happens to news, deliveries and later news go on
            LOG.warning("events were not announced: %s", error)

    def _try(self, target: Target, some: Sequence[Notice]) -> None:
        try:
            target(some)
        except Exception as error:  # whatever a target does, deliveries go on
            name = getattr(target, "__name__", type(target).__name__)
            LOG.warning("%d notices did not get out by %s: %s", len(some), name, error)


def make_notices(database: Database, rules: PushRules) -> Notices:
    """With the targets that are set."""
    targets: list[Target] = []
    webhook, smtp = rules.webhook_url.get_secret_value(), rules.smtp_url.get_secret_value()
    if webhook:

        def webhook_target(some: Sequence[Notice]) -> None:
            post(webhook, some)

        targets.append(webhook_target)
    if smtp and rules.email_to:

        def email_target(some: Sequence[Notice]) -> None:
            send_mail(smtp, rules.email_to, some)

        targets.append(email_target)
    return Notices(database, targets)
