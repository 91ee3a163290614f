"""What a folder under ``connectors/`` exports: everything the project knows of one CRM."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from crm_pipelines.model.call import Budget, Limits
from crm_pipelines.model.change_log import ChangeLog
from crm_pipelines.model.errors import ConfigurationError, Unreachable
from crm_pipelines.model.event import Asker, Events
from crm_pipelines.model.hook import Hooks
from crm_pipelines.model.memory import Memory
from crm_pipelines.model.sink import Sink
from crm_pipelines.model.source import Source
from crm_pipelines.model.stream import Stream
from crm_pipelines.model.strictness import Strictness
from crm_pipelines.model.tokens import Consent, Tokens, TokenStore

if TYPE_CHECKING:
    from pydantic import BaseModel

Opened = TypeVar("Opened")


@dataclass(frozen=True)
class Connector:
    """One CRM. ``settings`` is the class its variables are read with, per workspace.

    ``streams`` are those that the settings ask for; ``limits`` reads the plan's limits off them;
    ``open`` gives a source that pays from the given budget; ``configured`` says whether they
    point at a real account. ``sandbox`` gives the variables that point at the simulated CRM at a
    URL. ``named_views`` maps a stream to the stream that holds the names of its custom fields.
    ``consent`` is there where people grant access in a browser, ``sink`` where we write,
    ``events`` where webhooks are understood and ``hooks`` where we can have them made,
    ``change_log`` where the CRM tells what was changed of a deal;
    ``simulated`` says whether the settings point at a CRM on this machine.
    """

    name: str
    title: str
    description: str
    streams: Callable[[Any], tuple[Stream, ...]]
    settings: type[BaseModel]
    limits: Callable[[Any], Limits]
    open: Callable[[Any, Budget, TokenStore], Source]
    configured: Callable[[Any], bool]
    sandbox: Callable[[str], Mapping[str, str]]
    named_views: Mapping[str, str]
    consent: Consent | None = None
    sink: Callable[[Any, Budget, TokenStore, Memory], Sink] | None = None
    events: Events | None = None
    hooks: Callable[[Any, Budget, TokenStore], Hooks] | None = None
    change_log: Callable[[Any, Budget, TokenStore], ChangeLog] | None = None
    simulated: Callable[[Any], bool] = lambda _: False


@dataclass(frozen=True)
class Account:
    """One CRM of one workspace, as its variables describe it; where its tokens and notes lie."""

    workspace: str
    connector: Connector
    settings: Any
    tokens: Callable[[], TokenStore] = field(kw_only=True, compare=False, repr=False)
    memory: Callable[[], Memory] = field(kw_only=True, compare=False, repr=False)
    strictness: Strictness = field(default=Strictness())

    @property
    def crm(self) -> str:
        """The CRM's name, which is its schema and asset group, too."""
        return self.connector.name

    @property
    def configured(self) -> bool:
        """Whether the variables point at something (a real account or the sandbox)."""
        return self.connector.configured(self.settings)

    @property
    def simulated(self) -> bool:
        """Whether it is a simulated CRM on this machine."""
        return self.connector.simulated(self.settings)

    @property
    def streams(self) -> tuple[Stream, ...]:
        """What is mirrored of it."""
        return self.connector.streams(self.settings)

    @property
    def limits(self) -> Limits:
        """What its plan allows."""
        return self.connector.limits(self.settings)

    @property
    def consent(self) -> Consent:
        """How people grant access. Raises ``ConfigurationError`` where nobody has to."""
        if self.connector.consent is None:
            raise ConfigurationError(
                f"{self.connector.title} needs nobody's consent: it logs in with its variables, "
                "see .env.example"
            )
        return self.connector.consent

    def grant(self, code: str, redirect_url: str) -> Tokens:
        """Exchange a code for tokens and keep them. Raises ``BadCredentials``."""
        tokens = self.consent.redeem(self.settings, code, redirect_url)
        store = self.tokens()
        with store.alone():
            store.write(tokens, "grant")
        return tokens

    def open(self, budget: Budget) -> Source:
        """Log in; calls are paid from the budget. Raises ``CircuitOpen``, and errors of logins."""
        return self._open(budget, lambda: self.connector.open(self.settings, budget, self.tokens()))

    def open_sink(self, budget: Budget) -> Sink:
        """The same for writing. Raises ``ConfigurationError`` where nothing is written to."""
        sink = self.connector.sink
        if sink is None:
            raise ConfigurationError(f"{self.connector.title} is only read, not written to")
        return self._open(budget, lambda: sink(self.settings, budget, self.tokens(), self.memory()))

    def open_asker(self, budget: Budget) -> Asker:
        """The same for records that events are about. Raises ``ConfigurationError``."""
        events = self.connector.events
        if events is None:
            raise ConfigurationError(f"webhooks of {self.connector.title} are not understood")
        return self._open(
            budget, lambda: events.ask(self.settings, budget, self.tokens(), self.memory())
        )

    def open_hooks(self, budget: Budget) -> Hooks:
        """The same for managing webhooks. Raises ``ConfigurationError``."""
        hooks = self.connector.hooks
        if hooks is None:
            raise ConfigurationError(f"{self.connector.title} has no webhooks that we can make")
        return self._open(budget, lambda: hooks(self.settings, budget, self.tokens()))

    def open_change_log(self, budget: Budget) -> ChangeLog:
        """The same for logs of what was changed of deals. Raises ``ConfigurationError``."""
        change_log = self.connector.change_log
        if change_log is None:
            raise ConfigurationError(f"{self.connector.title} has no change log that we can read")
        return self._open(budget, lambda: change_log(self.settings, budget, self.tokens()))

    def _open(self, budget: Budget, open_: Callable[[], Opened]) -> Opened:
        budget.admit()
        try:
            return open_()
        except Unreachable as trouble:
            budget.report(trouble)
            raise
