"""The gateway's keys: only hashes of them lie here."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection
from typing import Any

from crm_pipelines.model.access import ApiKey, Scope
from crm_pipelines.store.database import Connection, Database
from crm_pipelines.store.queries import query

PREFIX = "crm_"
"""How a key begins, so that people and scanners of leaked secrets know it for one."""


def add(
    connection: Connection, workspace: str, name: str, scopes: Collection[Scope]
) -> tuple[str, str]:
    """Make a key; its id and the whole key, which is not kept.

    256 random bits need no slow hash: there is nothing to guess.
    """
    identity, secret = secrets.token_hex(4), secrets.token_urlsafe(32)
    key = f"{PREFIX}{identity}_{secret}"
    values = {
        "id": identity,
        "workspace": workspace,
        "name": name,
        "hash": _hash(key),
        "scopes": sorted(scopes),
    }
    connection.execute(query("api_keys.add"), values)
    return identity, key


def use(database: Database, key: str) -> ApiKey | None:
    """The key, if it lives; counts the call."""
    rows = database.run("api_keys.use", {"hash": _hash(key)})
    return _key(rows[0]) if rows else None


def listing(database: Database) -> list[ApiKey]:
    """Every key that there ever was."""
    return [_key(row) for row in database.run("api_keys.listing")]


def revoke(connection: Connection, identity: str) -> ApiKey | None:
    """End a key; ``None`` when no living one has this id."""
    row = connection.execute(query("api_keys.revoke"), {"id": identity}).fetchone()
    return None if row is None else _key(row)


def _hash(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()


def _key(row: dict[str, Any]) -> ApiKey:
    return ApiKey(
        id=row["id"],
        workspace=row["workspace_id"],
        name=row["name"],
        scopes=frozenset(Scope(scope) for scope in row["scopes"]),
        created_at=row["created_at"],
        last_used_at=row["last_used_at"],
        revoked_at=row["revoked_at"],
        used=row.get("used", 0),
        seconds_left=float(row.get("seconds_left", 60)),
    )
