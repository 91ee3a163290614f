"""Who is calling: Basic credentials or a signature over the body, never compared half-way."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from crm_pipelines.gateway.webhooks.addresses import AllowedAddresses
from crm_pipelines.gateway.webhooks.registrations import Registrations
from crm_pipelines.gateway.webhooks.settings import WebhookSettings
from crm_pipelines.store.inbox.arrivals import Credential

Headers = Iterable[tuple[bytes, bytes]]
NOBODY = Credential(0, "", "", hashlib.sha256(b"").digest())
"""Compared with where there is nobody, so that the time it takes does not tell."""


class Refused(Exception):
    """The caller is not let in; the message says why."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status = status


@dataclass(frozen=True)
class Shown:
    """What a request shows of its caller: the bytes of Basic credentials, and signatures."""

    basic: tuple[bytes, bytes] | None = None
    signatures: Sequence[bytes] = ()


class Door:
    """The way in of one workspace."""

    def __init__(
        self,
        workspace: str,
        settings: WebhookSettings,
        registrations: Registrations,
        allowed: AllowedAddresses | None = None,
    ) -> None:
        self._workspace, self._settings = workspace, settings
        self._registrations, self._allowed = registrations, allowed
        self._name = _digest(settings.username.encode())
        self._passwords = [_digest(one) for one in settings.passwords]

    def check_address(self, host: str) -> None:
        """Raises ``Refused`` for an address that webhooks do not come from."""
        if self._allowed is not None and not self._allowed.permit(host):
            raise Refused(
                403,
                "webhooks are not taken from this address: see PIPEDRIVE_WEBHOOK_ALLOWED_IPS_FILE, "
                "and CRM_GATEWAY_TRUSTED_PROXIES where a proxy is before the gateway",
            )

    def look(self, headers: Headers) -> Shown:
        """What headers show, as far as it can be checked here. Raises ``Refused``."""
        basic, signatures, wanted = None, [], self._settings.headers
        for name, value in headers:
            if name == b"authorization":
                basic = _basic(value)
            elif name in wanted:
                signatures.append(value)
        return Shown(basic, signatures if self._settings.secrets else ())

    async def let_in(self, basic: tuple[bytes, bytes] | None) -> int | None:
        """The registration of Basic credentials, none if they are fixed. Raises ``Refused``."""
        if basic is not None:
            if self._is_fixed(*basic):
                return None
            found = self.registration(basic)
            if found is None:
                await self._registrations.refreshed()
                found = self.registration(basic)
            if found is not None:
                return found
        raise Refused(401, self._what_to_do(basic is not None))

    def check_signatures(self, shown: Shown, body: bytes) -> None:
        """Every one that was sent has to be right. Raises ``Refused``."""
        made = [hmac.new(one, body, hashlib.sha256).digest() for one in self._settings.secrets]
        for signature in shown.signatures:
            given = _signature(signature)
            if True not in [hmac.compare_digest(given, one) for one in made]:  # all are compared
                raise Refused(401, "the signature is not that of this body by our secret")

    def _is_fixed(self, name: bytes, password: bytes) -> bool:
        same = hmac.compare_digest(_digest(name), self._name)
        given = _digest(password)
        right = [hmac.compare_digest(given, one) for one in self._passwords]
        return same and True in right

    def registration(self, basic: tuple[bytes, bytes] | None) -> int | None:
        """Whose credentials they are, as far as is known now."""
        if basic is None:
            return None
        name, password = basic
        found = self._registrations.known.get((self._workspace, name), NOBODY)
        right = hmac.compare_digest(_digest(password), found.digest)
        if not right or found is NOBODY:
            return None
        if found.accepted_until is not None and found.accepted_until <= datetime.now(UTC):
            return None
        return found.id

    def _what_to_do(self, given: bool) -> str:
        ours = any(workspace == self._workspace for workspace, _ in self._registrations.known)
        if not (ours or self._settings.username or self._settings.secrets):
            return (
                f"nobody may bring webhooks of workspace {self._workspace!r} yet: "
                "`crm-pipelines webhooks register` makes them, or set PIPEDRIVE_WEBHOOK_USERNAME "
                "and PIPEDRIVE_WEBHOOK_PASSWORD to what you gave a webhook that you made"
            )
        if given:
            return "these Basic credentials are not those of a webhook of ours"
        return "this needs the Basic credentials of a webhook, or a signature over the body"


def _basic(value: bytes) -> tuple[bytes, bytes] | None:
    scheme, _, encoded = value.strip().partition(b" ")
    if scheme.lower() != b"basic":
        return None
    try:
        name, colon, password = base64.b64decode(encoded.strip(), validate=True).partition(b":")
    except ValueError:
        raise Refused(401, "the Basic credentials are not base64 of name:password") from None
    if not colon:
        raise Refused(401, "the Basic credentials are not base64 of name:password")
    return name, password


def _signature(value: bytes) -> bytes:
    """The digest that a header spells, in hexadecimal or base64; empty if it spells none."""
    text = value.strip().removeprefix(b"sha256=")
    try:
        if len(text) == 64:
            return bytes.fromhex(text.decode("ascii"))
        return base64.b64decode(text, validate=True)
    except ValueError:
        return b""


def _digest(value: bytes) -> bytes:
    return hashlib.sha256(value).digest()
