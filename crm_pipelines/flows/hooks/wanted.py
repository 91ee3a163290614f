"""Which webhooks there should be: one for each kind of record that is mirrored."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Sequence

from crm_pipelines.model.connector import Account
from crm_pipelines.model.errors import ConfigurationError
from crm_pipelines.model.hook import WantedHook
from crm_pipelines.model.stream import Stream

ACTION = "*"
"""Creates, changes and deletes alike: one webhook costs the CRM a place, three cost three."""

PREFIX = "crm-pipelines"
"""How our webhooks' names begin, so that people and we know them from those of others."""


def wanted_objects(account: Account, offered: Collection[str]) -> list[str]:
    """Kinds of records on offer whose events we understand and whose stream is mirrored."""
    events = account.connector.events
    if events is None:
        raise ConfigurationError(f"webhooks of {account.connector.title} are not understood")
    mirrored = {stream.name for stream in account.streams}
    return [
        name
        for name, about in events.streams.items()
        if about.stream in mirrored and name in offered
    ]


def streams_of(account: Account, object_: str) -> Sequence[Stream]:
    """The streams that fill the table which events of an object are about."""
    events = account.connector.events
    about = events.streams.get(object_) if events else None
    tables = {s.table_name for s in account.streams if about and s.name == about.stream}
    return [stream for stream in account.streams if stream.table_name in tables]


def new_hook(account: Account, object_: str, url: str) -> WantedHook:
    """A webhook that nobody has yet, with credentials of its own.

    The name ends with the user, so that it is known in the CRM's list whatever that shows of it.
    """
    username = f"crm-{secrets.token_hex(8)}"
    return WantedHook(
        object=object_,
        action=ACTION,
        url=url,
        username=username,
        password=secrets.token_urlsafe(32),
        name=f"{PREFIX} {account.workspace} {object_} {username}",
    )
