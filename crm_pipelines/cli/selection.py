"""Which streams a command means: ``CRM`` or ``CRM.STREAM``, several, or all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from crm_pipelines.model.connector import Account
from crm_pipelines.model.errors import ConfigurationError
from crm_pipelines.model.stream import Stream
from crm_pipelines.wiring import Wiring


@dataclass(frozen=True)
class Chosen:
    """One stream of one account."""

    account: Account
    stream: Stream


def choose(wiring: Wiring, names: Sequence[str], workspace: str | None) -> list[Chosen]:
    """The streams named; a table's name means every stream that fills it.

    Raises ``ConfigurationError`` for a name that does not exist, or whose CRM is not set up.
    """
    if workspace is not None and workspace not in wiring.settings.workspaces:
        raise ConfigurationError(
            f"there is no workspace {workspace!r}: CRM_WORKSPACES names "
            f"{', '.join(wiring.settings.workspaces)}"
        )
    everything = [
        Chosen(account, stream)
        for account in wiring.accounts
        if account.configured and workspace in (None, account.workspace)
        for stream in account.streams
    ]
    if not names:
        return everything
    for name in names:
        if not any(_means(name, one) for one in everything):
            raise ConfigurationError(_explain(name, wiring, everything))
    return [one for one in everything if any(_means(name, one) for name in names)]


def choose_accounts(wiring: Wiring, crm: str, workspace: str | None) -> list[Account]:
    """The accounts that a CRM's name means, all of them for none. Raises ``ConfigurationError``."""
    if workspace is not None and workspace not in wiring.settings.workspaces:
        raise ConfigurationError(f"there is no workspace {workspace!r} in CRM_WORKSPACES")
    known = sorted({account.crm for account in wiring.accounts})
    if crm and crm not in known:
        raise ConfigurationError(f"there is no CRM {crm!r}: {', '.join(known)} are known")
    chosen = [
        account
        for account in wiring.configured_accounts
        if crm in ("", account.crm) and workspace in (None, account.workspace)
    ]
    if not chosen:
        raise ConfigurationError(f"{crm or 'no CRM'} is not set up: see .env.example")
    return chosen


def _means(name: str, one: Chosen) -> bool:
    crm, _, stream = name.partition(".")
    if one.account.crm != crm:
        return False
    return not stream or stream in (one.stream.name, one.stream.table_name)


def _explain(name: str, wiring: Wiring, everything: Sequence[Chosen]) -> str:
    crm, _, _ = name.partition(".")
    known = {account.crm for account in wiring.accounts}
    if crm not in known:
        return f"there is no CRM {crm!r}: {', '.join(sorted(known))} are known"
    streams = sorted({one.stream.name for one in everything if one.account.crm == crm})
    if not streams:
        return f"{crm} is not set up: see its variables in .env.example"
    return f"{crm} has no stream {name.partition('.')[2]!r}: there are {', '.join(streams)}"
