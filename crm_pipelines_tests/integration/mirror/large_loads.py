"""A made-up stream with as many records as a test wants, and loads of it without a CRM."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa

from crm_pipelines.model.manifest import Manifest, Outcome
from crm_pipelines.model.stream import Field, Stream, Type
from crm_pipelines.model.window import Mode, Options, Slice
from crm_pipelines.phases.upsert import upsert
from crm_pipelines.store.database import Database
from crm_pipelines.store.digests import DIGEST, digest
from crm_pipelines.store.history import database_time
from crm_pipelines.store.mirror_table import Target
from crm_pipelines.store.staging import Staging

TABLE = "made.people"
FIELDS = (
    Field("id", Type.INTEGER),
    Field("email"),
    Field("amount", Type.DECIMAL),
    Field("updated_at", Type.TIMESTAMP),
    Field("note"),
)
NAMES = [one.name for one in FIELDS]
STREAM = Stream(
    name="people",
    title="People",
    description="Made up.",
    fields=FIELDS,
    cursor_field="updated_at",
    indexes=("email",),
)
START = datetime(2026, 1, 1, tzinfo=UTC)


def people(first: int, number: int) -> pa.Table:
    """Records with ids from ``first`` on."""
    ids = range(first, first + number)
    columns = {
        "id": pa.array(ids, pa.int64()),
        "email": pa.array([f"p{n}@example.com" if n % 10 else None for n in ids], pa.string()),
        "amount": pa.array([f"{n}.50" for n in ids], pa.string()),
        "updated_at": pa.array(
            [START + timedelta(seconds=n) for n in ids], pa.timestamp("us", "UTC")
        ),
        "note": pa.array([f"line one\tof {n}\nline two\\N " + "x" * 300 for n in ids], pa.string()),
    }
    return pa.table({**columns, "_row": pa.array(range(number), pa.int32())})


def changed(records: pa.Table, row: int, **values: Any) -> pa.Table:
    """A copy with some values of one record changed."""
    for name, value in values.items():
        at = records.schema.get_field_index(name)
        texts = records.column(name).to_pylist()
        texts[row] = value
        records = records.set_column(at, name, pa.array(texts, records.schema.field(at).type))
    return records


@dataclass
class Loads:
    """Runs of the last phase. ``number`` is that of the last run."""

    database: Database
    staging: Staging
    number: int = 0

    @property
    def run(self) -> str:
        """The id of the last run."""
        return f"run-{self.number}"

    def stage(self, *tables: pa.Table, workspace: str = "default", **options: Any) -> Manifest:
        """A whole read of the CRM that is ready for the last phase."""
        self.number += 1
        raw = [_as_raw(table) for table in tables]
        write = self.staging.write
        return Manifest(
            key=self.run,
            workspace=workspace,
            crm="made",
            stream=STREAM.name,
            options=Options(mode=Mode.FULL, **options),
            slice=Slice(moves_watermark=True),
            started_at=database_time(self.database),
            fields=FIELDS,
            chunks=tuple(
                write(self.run, "validate", n, _with_digests(one)) for n, one in enumerate(tables)
            ),
            raw=tuple(write(self.run, "fetch", n, one) for n, one in enumerate(raw)),
            notes={"api_calls": 0, "tokens": 0},
        )

    def finish(self, manifest: Manifest) -> Outcome:
        """The last phase."""
        outcome, _, _ = upsert(
            manifest,
            target=Target.of(manifest, STREAM, manifest.key, strict=False),
            database=self.database,
            staging=self.staging,
            measure=lambda _: {},
        )
        return outcome

    def __call__(self, *tables: pa.Table, **options: Any) -> Outcome:
        """Both."""
        return self.finish(self.stage(*tables, **options))

    def query(self, statement: Any, **values: Any) -> list[dict[str, Any]]:
        """Whatever a test wants to see."""
        return list(self.database.run_text(statement, values))

    def indexes(self) -> dict[str, tuple[int, str]]:
        """The table's indexes by name: oid and definition."""
        rows = self.query(
            "SELECT c.relname AS name, c.oid::bigint AS oid, pg_get_indexdef(c.oid)"
            " || coalesce(pg_get_constraintdef(k.oid), '') AS definition"
            "  FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid AND i.indisvalid"
            "  LEFT JOIN pg_constraint AS k ON k.conindid = c.oid AND k.contype = 'p'"
            " WHERE i.indrelid = 'made.people'::regclass"
        )
        return {row["name"]: (row["oid"], row["definition"]) for row in rows}

    def versions(self) -> dict[int, tuple[str, str]]:
        """Which transaction and which run wrote each row."""
        rows = self.query("SELECT id, xmin::text AS xmin, _run_id AS run FROM made.people")
        return {row["id"]: (row["xmin"], row["run"]) for row in rows}


def definitions(indexes: dict[str, tuple[int, str]]) -> dict[str, str]:
    """Without the oids."""
    return {name: definition for name, (_, definition) in indexes.items()}


def without(manifest: Manifest, number: int) -> Manifest:
    """A manifest that names a chunk that is not in the store."""
    chunks = list(manifest.chunks)
    chunks[number] = replace(chunks[number], path="gone/000000.arrow")
    return replace(manifest, chunks=tuple(chunks))


def _with_digests(records: pa.Table) -> pa.Table:
    texts = pa.table({name: records.column(name).cast(pa.string()) for name in NAMES})
    return records.append_column(DIGEST, digest(texts, NAMES))


def _as_raw(records: pa.Table) -> pa.Table:
    return pa.table({"id": records.column("id").cast(pa.string())})
