"""What a login gave us, and where it lies: never in clear, one place for every process."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from crm_pipelines.model.errors import ConfigurationError


class SealedByOthers(ConfigurationError):
    """Stored tokens cannot be opened with the keys that are set."""


@dataclass(frozen=True)
class Tokens:
    """The tokens of one account. Secrets are left out of ``repr``.

    ``renew_at`` (aware) lies a little before the end of the access token, ``None`` where the CRM
    does not tell. ``address`` is where the account's API is. ``made_with`` is the fingerprint of
    the credentials that they were made with: changed credentials make them worthless. ``refused``
    says, for people, why the CRM gives no more tokens; until ``renew_at``, or for good.
    """

    access_token: str = field(repr=False)
    refresh_token: str = field(default="", repr=False)
    renew_at: datetime | None = None
    address: str = ""
    scope: str = ""
    made_with: str = field(default="", repr=False)
    refused: str = ""


class TokenStore(Protocol):
    """The tokens of one account, shared by every process that uses it."""

    def read(self) -> Tokens | None:
        """The stored ones, if any. Raises ``SealedByOthers``."""

    def write(self, tokens: Tokens, action: str) -> None:
        """Keep new ones safely, and note the action (``login``, ``refresh``) for the audit."""

    def alone(self) -> AbstractContextManager[None]:
        """A block that one thread of one process is in at a time, whatever the machine."""

    def used(self, what: str, fingerprint: str) -> None:
        """Note that a credential is used, and whether it is another one than before."""


def fingerprint(*parts: str) -> str:
    """Tells whether credentials are the same ones; they cannot be read back from it."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(f"{len(part)}:{part}".encode())
    return digest.hexdigest()


@dataclass(frozen=True)
class Consent:
    """How somebody grants us access in a browser (OAuth 2.0, authorization code).

    ``page`` gives the address to visit, for settings, redirect address and state. ``redeem``
    exchanges a code for tokens, for settings, code and redirect address; raises
    ``BadCredentials``. ``overruled`` says what in the settings wins over the grant, if anything.
    """

    page: Callable[[Any, str, str], str]
    redeem: Callable[[Any, str, str], Tokens]
    overruled: Callable[[Any], str]
