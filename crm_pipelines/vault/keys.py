"""The keys that seal: from ``CRM_ENCRYPTION_KEYS``, else a file in ``CRM_HOME``, newest first.

What seals is loaded when something is sealed: a sync with a ready-made token never does, and is
8 MB smaller.
"""

from __future__ import annotations

import base64
import hashlib
import logging
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from crm_pipelines.model.errors import ConfigurationError, SystemTrouble

if TYPE_CHECKING:
    from cryptography.fernet import Fernet

VARIABLE = "CRM_ENCRYPTION_KEYS"
FILE = "encryption_keys"
KEY_BYTES = 32
_log = logging.getLogger("crm_pipelines.vault")


@dataclass(frozen=True)
class Key:
    """One Fernet key. ``id`` names it without giving it away."""

    text: str = field(repr=False)

    @property
    def id(self) -> str:
        """The beginning of its SHA-256; 32 random bytes cannot be guessed from it."""
        return hashlib.sha256(self.text.encode()).hexdigest()[:12]

    @property
    def is_sound(self) -> bool:
        """Whether the text is a key: 32 bytes in URL-safe base64."""
        try:
            return len(base64.urlsafe_b64decode(self.text)) == KEY_BYTES
        except ValueError:
            return False

    @property
    def fernet(self) -> Fernet:
        """The key at work."""
        from cryptography.fernet import Fernet

        return Fernet(self.text)


class Keys:
    """Where keys come from. ``given`` is the variable's value, ``home`` is ``CRM_HOME``."""

    def __init__(self, given: str, home: Path) -> None:
        self._given = given
        self.path = home / FILE

    @property
    def in_file(self) -> bool:
        """Whether the file counts: the variable is not set."""
        return not self._given

    def read(self) -> list[Key]:
        """Every key, the one that seals first; none if there is no file yet."""
        if self._given:
            return self._parse(self._given.split(","), VARIABLE)
        try:
            lines = self.path.read_text().splitlines()
        except FileNotFoundError:
            return []
        except OSError as error:
            raise ConfigurationError(f"{self.path} cannot be read: {error.strerror}") from error
        texts = [line for line in lines if not line.startswith("#")]
        keys = self._parse(texts, str(self.path))
        if not keys:
            raise ConfigurationError(f"{self.path} holds no key: restore it, or delete the file")
        return keys

    def ready(self) -> list[Key]:
        """Like ``read``; makes the first key if there is none. Of two makers the first one wins."""
        keys = self.read()
        if keys:
            return keys
        if self._store([make_key()], replace=False):
            _log.warning(
                "Made a key that seals stored logins: %s. Keep a copy of it; without it they are "
                "lost. Several machines need the same one: set %s there.",
                self.path,
                VARIABLE,
            )
        return self.read()

    def add(self) -> Key:
        """A new key in front of those of the file."""
        key = make_key()
        self._store([key, *self.read()], replace=True)
        return key

    def _parse(self, texts: Sequence[str], where: str) -> list[Key]:
        try:
            return parse(texts)
        except ValueError as error:
            raise ConfigurationError(f"{where}: {error}") from error

    def _store(self, keys: Sequence[Key], *, replace: bool) -> bool:
        """Whole or not at all; False when there was a file that must not be replaced."""
        head = "# Fernet keys, newest first: they open the logins stored in sync.credentials."
        text = "\n".join([head, *(key.text for key in keys), ""])
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            # mkstemp makes files that their owner alone can read
            handle, name = tempfile.mkstemp(dir=self.path.parent, prefix=f".{FILE}.")
            fresh = Path(name)
            try:
                with os.fdopen(handle, "w") as file:
                    file.write(text)
                    file.flush()
                    os.fsync(file.fileno())
                if replace:
                    fresh.replace(self.path)
                    return True
                os.link(fresh, self.path)
            except FileExistsError:
                return False
            finally:
                fresh.unlink(missing_ok=True)
        except OSError as error:
            raise SystemTrouble(
                f"{self.path} cannot be written ({error.strerror}): make room and allow it, or "
                f"set {VARIABLE}"
            ) from error
        return True


def make_key() -> Key:
    """A new random key."""
    return Key(base64.urlsafe_b64encode(os.urandom(KEY_BYTES)).decode())


def parse(texts: Sequence[str]) -> list[Key]:
    """Keys out of texts; raises ``ValueError`` that tells which one is none, not what it is."""
    keys = [Key(text.strip()) for text in texts if text.strip()]
    for number, key in enumerate(keys, 1):
        if not key.is_sound:
            raise ValueError(
                f"key {number} of {len(keys)} is no Fernet key (44 characters, from "
                "`crm-pipelines keys new`)"
            )
    return keys
