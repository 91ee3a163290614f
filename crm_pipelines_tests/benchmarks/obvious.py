"""The obvious way: pages read with pandas, upserted with SQLAlchemy in batches of 1,000.

``python -m crm_pipelines_tests.benchmarks.obvious SANDBOX_URL DATABASE_URL ROWS`` works on a copy
of the mirror's table and prints one line of JSON. It is generous: nothing is checked, and the
database converts the types.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from datetime import UTC, datetime
from typing import Any

import pandas as pd
import psycopg
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from crm_pipelines_tests.benchmarks import sandbox_work
from crm_pipelines_tests.benchmarks.memory import peak_mb

BATCH = 1_000
TABLE = "obvious"


def main(sandbox_url: str, database_url: str, rows: str) -> None:
    """Download and upsert so many contacts."""
    prepare(database_url)
    begun = time.perf_counter()
    done = work(sandbox_url, database_url, int(rows))
    found = {"seconds": time.perf_counter() - begun, "rows": done, "peak_mb": peak_mb()}
    with psycopg.connect(database_url) as connection:
        counted = connection.execute(f"SELECT count(*) FROM {TABLE}").fetchone()
        connection.execute(f"DROP TABLE {TABLE}")
    assert counted == (int(rows),), f"{counted} rows of {rows}"
    sys.stdout.write(json.dumps(found) + "\n")


def prepare(database_url: str) -> None:
    """The same typed, indexed table, empty."""
    with psycopg.connect(database_url) as connection:
        connection.execute(f"DROP TABLE IF EXISTS {TABLE}")
        connection.execute(f"CREATE TABLE {TABLE} (LIKE salesforce.contacts INCLUDING ALL)")


def work(sandbox_url: str, database_url: str, rows: int) -> int:
    """Page by page as a file, a thousand records at a time; how many there were."""
    engine = sa.create_engine(database_url.replace("postgresql://", "postgresql+psycopg://", 1))
    names = [each["name"] for each in sa.inspect(engine).get_columns(TABLE)]
    done = 0
    with tempfile.TemporaryFile("w+b") as file, engine.connect() as connection:
        for _ in sandbox_work.pages(sandbox_url, file, rows):
            file.seek(0)
            reader = pd.read_csv(
                file, dtype=str, keep_default_na=False, na_values=[""], chunksize=BATCH
            )
            for frame in reader:
                done += _upsert(connection, names, frame)
                connection.commit()
    engine.dispose()
    return done


def _upsert(connection: sa.Connection, names: list[str], frame: pd.DataFrame) -> int:
    ours = {name.replace("_", ""): name for name in names if not name.startswith("_")}
    frame = frame.rename(columns=lambda name: ours[name.replace("_", "").lower()])
    frame = frame.astype(object).where(frame.notna(), None)
    frame = frame.assign(workspace_id="default", _synced_at=datetime.now(UTC), _run_id="obvious")
    table = sa.table(TABLE, *(sa.column(name) for name in frame.columns))
    statement = insert(table)
    keys = ["workspace_id", "id"]
    statement = statement.on_conflict_do_update(
        index_elements=keys,
        set_={name: statement.excluded[name] for name in frame.columns if name not in keys},
    )
    records: list[dict[str, Any]] = frame.to_dict("records")
    connection.execute(statement, records)
    return len(records)


if __name__ == "__main__":
    main(*sys.argv[1:])
