"""The one place where objects are built; the Dagster shell, the gateway and the cli start here."""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from crm_pipelines import connectors, settings
from crm_pipelines.audit.log import AuditLog
from crm_pipelines.budget.account import AccountBudget, look
from crm_pipelines.budget.ledger import Clock, Ledgers, database_clock
from crm_pipelines.flows.hooks.address import delivery_url
from crm_pipelines.flows.hooks.flow import Webhooks
from crm_pipelines.flows.inbox.flow import Inbox
from crm_pipelines.flows.mirror.flow import Mirror, Progress, silent
from crm_pipelines.flows.push.flow import Push
from crm_pipelines.flows.push.notices import Notices, make_notices
from crm_pipelines.flows.push.rules import PushRules
from crm_pipelines.flows.stages.flow import Stages
from crm_pipelines.model.connector import Account, Connector
from crm_pipelines.model.errors import ConfigurationError
from crm_pipelines.model.memory import Memory
from crm_pipelines.model.priority import Priority
from crm_pipelines.model.strictness import Strictness, read_strictness
from crm_pipelines.model.tokens import TokenStore
from crm_pipelines.reports import health
from crm_pipelines.reports.health import Health
from crm_pipelines.settings import Settings, Values
from crm_pipelines.store import local_side
from crm_pipelines.store.checkpoints import Checkpoints
from crm_pipelines.store.database import Database
from crm_pipelines.store.memory import AccountMemory
from crm_pipelines.store.staging import Staging
from crm_pipelines.vault.keys import Keys
from crm_pipelines.vault.vault import Vault

if TYPE_CHECKING:
    from crm_pipelines.reports.checkup import Checkup


class Wiring:
    """Everything that hangs on the environment. Close it after use.

    ``clock`` is what the days of budgets are counted by, the database's own unless said otherwise.
    """

    def __init__(
        self, values: Mapping[str, str] | None = None, clock: Clock = database_clock
    ) -> None:
        self._clock = clock
        self._opening = threading.Lock()
        self._pushes: dict[tuple[str, str], Push] = {}
        self._notices: dict[str, Notices] = {}
        self._values = settings.environment() if values is None else dict(values)
        self.settings = settings.read(Settings, source=self._values)

    @cached_property
    def accounts(self) -> tuple[Account, ...]:
        """Every CRM of every workspace. Raises ``ConfigurationError``."""
        found = tuple(
            Account(
                workspace,
                connector,
                self._read(connector, workspace),
                strictness=self._strictness(workspace),
                tokens=partial(self._tokens, workspace, connector.name),
                memory=partial(self._memory, workspace, connector.name),
            )
            for workspace in self.settings.workspaces
            for connector in connectors.discover().values()
        )
        check_strictness(found)
        return found

    def account(self, workspace: str, crm: str) -> Account:
        """One of them. Raises ``ConfigurationError``."""
        for account in self.accounts:
            if (account.workspace, account.connector.name) == (workspace, crm):
                return account
        raise ConfigurationError(f"there is no CRM {crm!r} in workspace {workspace!r}")

    @cached_property
    def database(self) -> Database:
        """The database that ``CRM_DATABASE_URL`` names."""
        if not self.settings.database_url:
            raise ConfigurationError(
                "CRM_DATABASE_URL is not set, and no embedded PostgreSQL was started: use the "
                "crm-pipelines command, or set it"
            )
        return Database(self.settings.database_url)

    @cached_property
    def budget(self) -> Ledgers:
        """The token ledger."""
        return Ledgers(self.database, self._clock)

    def budgets(self) -> list[AccountBudget]:
        """How the day of every account that is set up stands."""
        return [look(self.database, account, self._clock) for account in self.configured_accounts]

    @cached_property
    def audit(self) -> AuditLog:
        """Who did what."""
        return AuditLog(self.database)

    @cached_property
    def keys(self) -> Keys:
        """The keys that seal stored logins."""
        given = self.settings.encryption_keys.get_secret_value()
        return Keys(given, self.settings.home_path)

    @cached_property
    def vault(self) -> Vault:
        """Stored logins."""
        return Vault(self.database, self.keys, self.audit.note)

    @cached_property
    def staging(self) -> Staging:
        """The staging store."""
        return Staging(self.settings.staging)

    @cached_property
    def checkpoints(self) -> Checkpoints:
        """Resume points, claimed by this process."""
        return Checkpoints(self.database)

    def mirror(self, workspace: str, crm: str, stream: str, progress: Progress = silent) -> Mirror:
        """The flow of one stream. Raises ``ConfigurationError``."""
        account = self.account(workspace, crm)
        found = next((s for s in account.streams if s.name == stream), None)
        if found is None:
            names = ", ".join(s.name for s in account.streams)
            raise ConfigurationError(f"{crm} has no stream {stream!r}; there are {names}")
        return Mirror(
            account=account,
            stream=found,
            database=self.database,
            budget=self.budget,
            staging=self.staging,
            checkpoints=self.checkpoints,
            progress=progress,
        )

    def push(self, workspace: str, crm: str = "pipedrive") -> Push:
        """The flow that writes to one account, opened once. Raises ``ConfigurationError``."""
        with self._opening:
            if (workspace, crm) not in self._pushes:
                self._pushes[workspace, crm] = self._open_push(workspace, crm)
            return self._pushes[workspace, crm]

    def _open_push(self, workspace: str, crm: str) -> Push:
        account = self.account(workspace, crm)
        rules = settings.read(PushRules, workspace, self._values)
        local_side.write_rules(self.database, workspace, rules.warm_lead_score)
        return Push(
            account=account,
            database=self.database,
            budget=self.budget,
            audit=self.audit,
            rules=rules,
            notify=make_notices(self.database, rules),
        )

    def inbox(self, workspace: str, crm: str = "pipedrive") -> Inbox:
        """The flow that applies what one account told us. Raises ``ConfigurationError``."""
        return Inbox(
            account=self.account(workspace, crm),
            database=self.database,
            budget=self.budget,
            mirror=partial(self.mirror, workspace, crm),
            rules=settings.read(PushRules, workspace, self._values),
            stages=self.stages(workspace, crm),
        )

    def stages(self, workspace: str, crm: str = "pipedrive") -> Stages:
        """What the stages of one account's deals set off. Raises ``ConfigurationError``."""
        rules = settings.read(PushRules, workspace, self._values)
        return Stages(
            account=self.account(workspace, crm),
            database=self.database,
            budget=self.budget,
            audit=self.audit,
            tell=make_notices(self.database, rules).deliver,
        )

    def webhooks(
        self, workspace: str, crm: str = "pipedrive", priority: Priority = Priority.INTERACTIVE
    ) -> Webhooks:
        """The webhooks of one account. Raises ``ConfigurationError`` where none can be had."""
        account = self.account(workspace, crm)
        if not account.configured:
            raise ConfigurationError(f"{crm} is not set up for {workspace}: see .env.example")
        own = settings.read(Settings, workspace, self._values)
        rules = settings.read(PushRules, workspace, self._values)
        with self._opening:
            if workspace not in self._notices:
                self._notices[workspace] = make_notices(self.database, rules)
        return Webhooks(
            account=account,
            database=self.database,
            budget=self.budget,
            audit=self.audit,
            notify=self._notices[workspace],
            url=delivery_url(account, own.public_url, own.gateway_host, own.gateway_port),
            priority=priority,
        )

    @cached_property
    def configured_accounts(self) -> tuple[Account, ...]:
        """The accounts that are set up."""
        return tuple(account for account in self.accounts if account.configured)

    def check_up(self, account: Account) -> Checkup:
        """Log in to an account and look around. Raises ``CrmError``, ``ConfigurationError``."""
        from crm_pipelines.reports.checkup import check_up

        return check_up(account, self.database, self.budget)

    def health(self) -> Health:
        """How this installation is doing."""
        return health.look(self.database, self.configured_accounts, self.settings.spool_path)

    def metrics(self) -> bytes:
        """The same in Prometheus's text format. Raises ``SystemTrouble``."""
        from crm_pipelines.reports.metrics import exposition

        return exposition(self.database, self.configured_accounts, self.settings.spool_path)

    def read(self, kind: type[Values], workspace: str) -> Values:
        """Settings of a workspace. Raises ``ConfigurationError``."""
        return settings.read(kind, workspace, self._values)

    def close(self) -> None:
        """Give back what was opened."""
        for push in self._pushes.values():
            push.close()
        for notices in self._notices.values():
            notices.close()
        if "checkpoints" in self.__dict__:
            self.checkpoints.close()
        if "database" in self.__dict__:
            self.database.close()

    def _tokens(self, workspace: str, crm: str) -> TokenStore:
        return self.vault.account(workspace, crm)

    def _memory(self, workspace: str, crm: str) -> Memory:
        return AccountMemory(self.database, workspace, crm)

    def _strictness(self, workspace: str) -> Strictness:
        return read_strictness(settings.read(Settings, workspace, self._values).validation)

    def _read(self, connector: Connector, workspace: str) -> Any:
        return settings.read(connector.settings, workspace, self._values)


def check_strictness(accounts: Collection[Account]) -> None:
    """Raises ``ConfigurationError`` where ``CRM_VALIDATION`` names what is not mirrored."""
    known = {f"{a.crm}.{stream.name}" for a in accounts for stream in a.streams}
    for account in accounts:
        for name in account.strictness.unknown(known):
            raise ConfigurationError(
                f"CRM_VALIDATION: there is no CRM or stream {name!r}; there are "
                f"{', '.join(sorted(known))}"
            )
