"""Sealing with Fernet: the newest key seals, every key opens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from crm_pipelines.model.tokens import SealedByOthers
from crm_pipelines.store.credentials import Sealed, Slot
from crm_pipelines.vault.keys import VARIABLE, Key


class _Content(msgspec.Struct):
    """What lies inside. The slot comes along: a row copied to another tenant does not open."""

    slot: tuple[str, str, str]
    value: Any


def seal(keys: Sequence[Key], slot: Slot, value: Any) -> Sealed:
    """Closed with the first key."""
    from cryptography.fernet import MultiFernet

    content = msgspec.json.encode(_Content((slot.workspace, slot.crm, slot.kind), value))
    return Sealed(MultiFernet([keys[0].fernet]).encrypt(content).decode(), keys[0].id)


def unseal(keys: Sequence[Key], slot: Slot, sealed: Sealed) -> Any:
    """What lies inside, with any of the keys. Raises ``SealedByOthers``."""
    from cryptography.fernet import InvalidToken, MultiFernet

    where = f"the stored {slot.kind} of {slot.crm} in workspace {slot.workspace!r}"
    try:
        if not keys:
            raise InvalidToken
        opened = MultiFernet([key.fernet for key in keys]).decrypt(sealed.text)
    except InvalidToken as error:
        ours = ", ".join(key.id for key in keys) or "none"
        raise SealedByOthers(
            f"{where} are sealed with the key {sealed.key_id}, which is not here (here: {ours}): "
            f"put that key behind the others in {VARIABLE} (or in CRM_HOME/encryption_keys), or "
            "give it up with `crm-pipelines keys rotate --forget-unreadable` and log in again"
        ) from error
    content = msgspec.json.decode(opened, type=_Content)
    if content.slot != (slot.workspace, slot.crm, slot.kind):
        raise SealedByOthers(
            f"{where} were sealed for another account ({'/'.join(content.slot)}): somebody copied "
            "rows of sync.credentials; run `crm-pipelines keys rotate --forget-unreadable` and "
            "log in again"
        )
    return content.value
