"""The vault: sealed credentials of every account, noted in the audit log with each change."""

from __future__ import annotations

import hmac
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import msgspec
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_exponential

from crm_pipelines.model.audit import Entry
from crm_pipelines.model.errors import SystemTrouble
from crm_pipelines.model.tokens import SealedByOthers, Tokens
from crm_pipelines.store import credentials
from crm_pipelines.store.credentials import Sealed, Slot
from crm_pipelines.store.database import Connection, Database
from crm_pipelines.store.memory import AccountMemory
from crm_pipelines.vault.keys import Key, Keys
from crm_pipelines.vault.sealing import seal, unseal

Note = Callable[[Entry, Connection], None]
"""Writes a line of the audit log, in the transaction of what it tells of."""

EVER = timedelta(days=36_500)
"""A mark has no age: it stops being right when the credential changes."""

WRITE_SECONDS = 60
"""How long a write is tried: a CRM gives a refresh token once, and losing it loses the grant."""


@dataclass
class Rotation:
    """What a rotation did to which credentials; ``fresh`` ones had the newest key already."""

    key_id: str
    resealed: list[Slot] = field(default_factory=list)
    fresh: list[Slot] = field(default_factory=list)
    forgotten: list[Slot] = field(default_factory=list)


class Vault:
    """The credentials in one database."""

    def __init__(self, database: Database, keys: Keys, note: Note) -> None:
        self._database, self._keys, self._note = database, keys, note
        self._accounts: dict[tuple[str, str], AccountTokens] = {}
        self._lock = threading.Lock()

    def account(self, workspace: str, crm: str) -> AccountTokens:
        """One account's tokens; the same object every time."""
        with self._lock:
            if (workspace, crm) not in self._accounts:
                self._accounts[workspace, crm] = AccountTokens(
                    self._database, self._keys, self._note, workspace, crm
                )
            return self._accounts[workspace, crm]

    def rotate(self, *, forget_unreadable: bool = False) -> Rotation:
        """Seal everything with the newest key: all rows or none.

        Raises ``SealedByOthers`` at the first row that no key opens, unless those may go.
        """
        keys = self._keys.ready()
        done = Rotation(key_id=keys[0].id)
        with self._database.transaction() as connection:
            for slot, sealed in credentials.all_locked(connection):
                try:
                    value = unseal(keys, slot, sealed)
                except SealedByOthers:
                    if not forget_unreadable:
                        raise
                    credentials.forget(connection, slot)
                    self._note(_entry("forget", slot, sealed, None), connection)
                    done.forgotten.append(slot)
                else:
                    renewed = self._reseal(connection, keys, slot, sealed, value)
                    (done.resealed if renewed else done.fresh).append(slot)
        return done

    def _reseal(
        self, connection: Connection, keys: Sequence[Key], slot: Slot, sealed: Sealed, value: Any
    ) -> bool:
        if sealed.key_id == keys[0].id:
            return False
        anew = seal(keys, slot, value)
        credentials.write(connection, slot, anew)
        self._note(_entry("reseal", slot, sealed, anew), connection)
        return True


class AccountTokens:
    """The ``TokenStore`` of one account. Safe to share between threads."""

    def __init__(
        self, database: Database, keys: Keys, note: Note, workspace: str, crm: str
    ) -> None:
        self._database, self._keys, self._note = database, keys, note
        self._memory = AccountMemory(database, workspace, crm)
        self._tokens = Slot(workspace, crm, "tokens")
        self._variables = Slot(workspace, crm, "variables")
        self._lock = threading.Lock()
        self._noted: set[tuple[str, str]] = set()

    def read(self) -> Tokens | None:
        """The stored ones, if any. Raises ``SealedByOthers``."""
        value = self._read(self._tokens)
        return None if value is None else msgspec.convert(value, Tokens)

    def write(self, tokens: Tokens, action: str) -> None:
        """Keep new ones safely; a database that is away for a moment is waited for."""
        after = {
            "address": tokens.address,
            "scope": tokens.scope,
            "renew_at": None if tokens.renew_at is None else tokens.renew_at.isoformat(),
            "refused": tokens.refused,
        }
        waiting = Retrying(
            retry=retry_if_exception_type(SystemTrouble),
            wait=wait_exponential(multiplier=0.2, max=5),
            stop=stop_after_delay(WRITE_SECONDS),
            reraise=True,
        )
        waiting(self._write, self._tokens, msgspec.to_builtins(tokens), action, after)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """One thread of one process at a time, whatever the machine."""
        with (
            self._lock,
            credentials.alone(self._database, self._tokens.workspace, self._tokens.crm),
        ):
            yield

    def used(self, what: str, fingerprint: str) -> None:
        """Note the use of a credential once for each process, and whether it is a new one."""
        if (what, fingerprint) in self._noted:
            return
        with self.alone():
            if (what, fingerprint) in self._noted:
                return
            if self._memory.recall(what, EVER) != self._mark(what, fingerprint):
                self._note_new(what, fingerprint)
                self._memory.keep(what, self._mark(what, fingerprint))
            with self._database.transaction() as connection:
                self._note(_entry("use", self._variables, None, None, variable=what), connection)
            self._noted.add((what, fingerprint))

    def _note_new(self, what: str, fingerprint: str) -> None:
        known = self._known()
        if known.get(what) != fingerprint:
            action = "change" if what in known else "first_use"
            details = {"variable": what}
            self._write(self._variables, {**known, what: fingerprint}, action, details)

    def _mark(self, what: str, fingerprint: str) -> str:
        """Of a credential that is known, as long as what is sealed of it stays as it is.

        Telling that without opening the seal spares every process what opens seals, 8 MB.
        """
        sealed = credentials.read(self._database, self._variables)
        said = f"{sealed.text if sealed else ''} {what} {fingerprint}"
        return hmac.new(self._keys.ready()[0].text.encode(), said.encode(), "sha256").hexdigest()

    def _known(self) -> dict[str, str]:
        try:
            return dict(self._read(self._variables) or {})
        except SealedByOthers:  # only says what was there before; the new one is all that counts
            return {}

    def _read(self, slot: Slot) -> Any:
        sealed = credentials.read(self._database, slot)
        return None if sealed is None else unseal(self._keys.read(), slot, sealed)

    def _write(self, slot: Slot, value: Any, action: str, after: dict[str, Any]) -> None:
        sealed = seal(self._keys.ready(), slot, value)
        with self._database.transaction() as connection:
            credentials.write(connection, slot, sealed)
            self._note(_entry(action, slot, None, sealed, **after), connection)


def _entry(
    action: str, slot: Slot, before: Sealed | None, after: Sealed | None, **details: Any
) -> Entry:
    return Entry(
        action=f"credential.{action}",
        workspace=slot.workspace,
        crm=slot.crm,
        subject=slot.kind,
        before=None if before is None else {"key": before.key_id},
        after=None if after is None else {"key": after.key_id},
        details=details or None,
    )
