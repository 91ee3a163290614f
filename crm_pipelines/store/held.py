"""What a mirror holds just so already: asked by key and digest, before anything else is done.

A record that is left out because of the answer counts as merged at the moment it was asked about:
merging it then would have written nothing. Whatever another run writes after that moment is
judged by the same guard as if this one had merged it then, and the next sync sees it.
"""

from __future__ import annotations

import pyarrow as pa

from crm_pipelines.store import mirror_table
from crm_pipelines.store.database import Database
from crm_pipelines.store.digests import salted
from crm_pipelines.store.mirror_table import Target, statement
from crm_pipelines.store.spelling import array_literal


class Held:
    """The rows of a target, as they are whenever they are asked about. Safe between threads."""

    def __init__(self, database: Database, target: Target) -> None:
        self._database, self._target = database, target
        with database.connection() as connection:
            self._salt = mirror_table.salt(connection, target)

    def news(self, keys: pa.Array, digests: pa.Array) -> pa.Array | None:
        """Places of the records (keys as texts) that may have to be written; ``None``: all of them.

        Of all others the row is there, and was last written from, or found equal to, just this
        record; nobody has touched it since.
        """
        if self._salt is None:
            return None
        asking = statement("news", self._target, key_type=self._target.key_type)
        asked = array_literal(salted(digests, self._salt).cast(pa.string()))
        values = {**self._target.parameters, "keys": array_literal(keys), "digests": asked}
        with self._database.connection() as connection:
            found = connection.execute(asking, values).fetchall()
        if len(found) == len(keys):
            return None
        return pa.array([row["position"] for row in found], pa.int64())
