"""What ops are given. Resources return plain objects of the core; options are read at launch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Literal

import dagster as dg
from pydantic import Field

from crm_pipelines.defs.manifests import ManifestStore
from crm_pipelines.flows.hooks.flow import Webhooks
from crm_pipelines.flows.inbox.flow import Inbox
from crm_pipelines.flows.push.flow import Push
from crm_pipelines.flows.stages.flow import Stages
from crm_pipelines.model.errors import ConfigurationError
from crm_pipelines.model.priority import Priority
from crm_pipelines.model.window import Mode, Options
from crm_pipelines.store import webhooks
from crm_pipelines.wiring import Wiring

SyncMode = Literal["window", "incremental", "full"]


class SyncOptions(dg.ConfigurableResource[Options]):
    """How this run syncs: the same options as on the command line."""

    mode: SyncMode = Field(
        default="window",
        description="window: the sync windows picked at launch, all of them meaning a full sync. "
        "incremental: everything since the watermark. full: everything; an older copy never "
        "replaces a newer row, and what the CRM no longer has gets a tombstone.",
    )
    force_overwrite: bool = Field(
        default=False, description="Fetch everything and write every row again, whatever is there."
    )
    since: str = Field(
        default="",
        description="Only what changed from this date on (YYYY-MM-DD, UTC). Beats the mode.",
    )
    until: str = Field(
        default="", description="Only what changed before this date (YYYY-MM-DD, UTC)."
    )
    incremental_days: int = Field(
        default=0,
        description="Only what changed in the last N days; 0 leaves it to the mode.",
        ge=0,
    )
    dry_run: bool = Field(
        default=False,
        description="All phases but the write: reports what would change, changes nothing.",
    )
    batch_size: int = Field(
        default=0, description="Records per API page; 0 is the CRM's largest, the cheapest.", ge=0
    )
    max_records: int = Field(
        default=0,
        description="Stop after N records per stream; 0 is no limit. Never tombstones.",
        ge=0,
    )

    def create_resource(self, context: dg.InitResourceContext) -> Options:
        """The options as the core knows them."""
        return Options(
            mode=Mode(self.mode),
            force_overwrite=self.force_overwrite,
            since=_midnight(self.since),
            until=_midnight(self.until),
            incremental_days=self.incremental_days,
            dry_run=self.dry_run,
            batch_size=self.batch_size,
            max_records=self.max_records,
        )


def _midnight(day: str) -> datetime | None:
    if not day:
        return None
    try:
        moment = datetime.fromisoformat(day)
    except ValueError:
        raise ConfigurationError(f"{day!r} is not a date like 2026-01-31") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def resources(wiring: Wiring) -> Mapping[str, Any]:
    """Everything by key; objects are built when a run first needs them, once per process."""
    crms = sorted({account.crm for account in wiring.accounts})
    return {
        "options": SyncOptions(),
        "manifests": dg.IOManagerDefinition(
            resource_fn=lambda _: ManifestStore(wiring.staging),
            description="Hands the manifest of a phase to the next, through the staging store.",
        ),
        "database": _plain(lambda: wiring.database, "PostgreSQL: mirrors, history, ledger."),
        "budget": _plain(lambda: wiring.budget, "The token ledger, shared by every process."),
        "staging": _plain(lambda: wiring.staging, "Where chunks lie between phases."),
        "checkpoints": _plain(lambda: wiring.checkpoints, "Resume points of unfinished runs."),
        "push": _plain(lambda: _pushes(wiring), "The outbox's way into a CRM, by workspace."),
        "webhooks": _plain(lambda: _webhooks(wiring), "What looks after webhooks, by workspace."),
        "stages": _plain(lambda: _stages(wiring), "Stages of deals, by workspace."),
        "inbox": _plain(lambda: _inboxes(wiring), "Deliveries' way into the mirror, by workspace."),
        **{crm: _client(wiring, crm) for crm in crms},
    }


def _pushes(wiring: Wiring) -> Callable[[str], dict[str, Push]]:
    return lambda crm: {
        account.workspace: wiring.push(account.workspace, crm)
        for account in wiring.configured_accounts
        if account.crm == crm
    }


def _webhooks(wiring: Wiring) -> Callable[[str], dict[str, Webhooks]]:
    """Of tenants that had some made."""

    def of(crm: str) -> dict[str, Webhooks]:
        have = webhooks.workspaces(wiring.database, crm)
        return {
            account.workspace: wiring.webhooks(account.workspace, crm, Priority.REFETCH)
            for account in wiring.configured_accounts
            if account.crm == crm and account.workspace in have
        }

    return of


def _stages(wiring: Wiring) -> Callable[[str], dict[str, Stages]]:
    return lambda crm: {
        account.workspace: wiring.stages(account.workspace, crm)
        for account in wiring.configured_accounts
        if account.crm == crm
    }


def _inboxes(wiring: Wiring) -> Callable[[str], dict[str, Inbox]]:
    return lambda crm: {
        account.workspace: wiring.inbox(account.workspace, crm)
        for account in wiring.configured_accounts
        if account.crm == crm
    }


def _client(wiring: Wiring, crm: str) -> dg.ResourceDefinition:
    accounts = {a.workspace: a for a in wiring.accounts if a.crm == crm}
    return _plain(lambda: accounts, f"The {crm} accounts, by workspace; opened by fetch.")


def _plain(build: Callable[[], Any], description: str) -> dg.ResourceDefinition:
    return dg.ResourceDefinition(resource_fn=lambda _: build(), description=description)
