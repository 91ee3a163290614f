"""How things are called in Dagster."""

from __future__ import annotations

from dataclasses import dataclass

import dagster as dg

from crm_pipelines.model.connector import Account
from crm_pipelines.model.stream import Stream

OWNERS = ["team:revenue-operations"]


@dataclass(frozen=True)
class Names:
    """``CRM/stream``, with the workspace before it when there are several."""

    several_workspaces: bool

    def asset(self, account: Account, stream: Stream) -> dg.AssetKey:
        """The mirror of a stream."""
        return self.mirror(account.workspace, account.crm, stream.name)

    def mirror(self, workspace: str, crm: str, stream: str) -> dg.AssetKey:
        """The same by names."""
        return dg.AssetKey([*self._of(workspace), crm, stream])

    def source(self, account: Account) -> dg.AssetKey:
        """The CRM itself."""
        return dg.AssetKey([*self._prefix(account), "crm", account.crm])

    def budget(self, account: Account) -> dg.AssetKey:
        """What the CRM lets us spend."""
        return dg.AssetKey([*self._prefix(account), "budget", account.crm])

    def local(self, workspace: str, table: str) -> dg.AssetKey:
        """A table of the local side."""
        return dg.AssetKey([*self._of(workspace), "app", table])

    def push(self, workspace: str, crm: str, entity: str) -> dg.AssetKey:
        """What of the local side went to a CRM."""
        return dg.AssetKey([*self._of(workspace), "push", crm, str(entity)])

    def inbox(self, workspace: str, crm: str) -> dg.AssetKey:
        """What a CRM told us by webhook."""
        return dg.AssetKey([*self._of(workspace), "inbox", crm])

    def stages(self, workspace: str, crm: str) -> dg.AssetKey:
        """The stages that a CRM's deals went through."""
        return dg.AssetKey([*self._of(workspace), "stages", crm])

    def _of(self, workspace: str) -> list[str]:
        return [workspace] if self.several_workspaces else []

    def _prefix(self, account: Account) -> list[str]:
        return self._of(account.workspace)
