"""The obvious ways: pages read with pandas, written in batches of 1,000.

``python -m crm_pipelines_tests.benchmarks.obvious WAY SANDBOX_URL DATABASE_URL ROWS`` works on a
copy of the mirror's table and prints one line of JSON. It is generous: nothing is checked, and the
database converts the types.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pandas as pd
import psycopg
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import Insert, insert

from crm_pipelines_tests.benchmarks import sandbox_work
from crm_pipelines_tests.benchmarks.memory import peak_mb

BATCH = 1_000
TABLE = "obvious"
KEYS = ["workspace_id", "id"]


def main(way: str, sandbox_url: str, database_url: str, rows: str) -> None:
    """Download and write so many contacts."""
    prepare(database_url)
    begun = time.perf_counter()
    done = work(WAYS[way], sandbox_url, database_url, int(rows))
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


def work(way: Way, sandbox_url: str, database_url: str, rows: int) -> int:
    """Page by page as a file, a thousand records at a time; how many there were."""
    engine = sa.create_engine(database_url.replace("postgresql", f"postgresql+{way.driver}", 1))
    names = [each["name"] for each in sa.inspect(engine).get_columns(TABLE)]
    done = 0
    with tempfile.TemporaryFile("w+b") as file, engine.connect() as connection:
        for _ in sandbox_work.pages(sandbox_url, file, rows):
            file.seek(0)
            reader = pd.read_csv(
                file, dtype=str, keep_default_na=False, na_values=[""], chunksize=BATCH
            )
            for frame in reader:
                way.write(connection, _as_columns(names, frame))
                done += len(frame)
                connection.commit()
    engine.dispose()
    return done


def _as_columns(names: list[str], frame: pd.DataFrame) -> pd.DataFrame:
    """Under our names, with what every row has."""
    ours = {name.replace("_", ""): name for name in names if not name.startswith("_")}
    frame = frame.rename(columns=lambda name: ours[name.replace("_", "").lower()])
    frame = frame.astype(object).where(frame.notna(), None)
    return frame.assign(workspace_id="default", _synced_at=datetime.now(UTC), _run_id="obvious")


def _statement(frame: pd.DataFrame) -> Insert:
    statement = insert(sa.table(TABLE, *(sa.column(name) for name in frame.columns)))
    return statement.on_conflict_do_update(
        index_elements=KEYS,
        set_={name: statement.excluded[name] for name in frame.columns if name not in KEYS},
    )


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = frame.to_dict("records")
    return found


def _many(connection: sa.Connection, frame: pd.DataFrame) -> None:
    connection.execute(_statement(frame), _records(frame))


def _values(connection: sa.Connection, frame: pd.DataFrame) -> None:
    connection.execute(_statement(frame).values(_records(frame)))


def _one_by_one(connection: sa.Connection, frame: pd.DataFrame) -> None:
    statement = _statement(frame)
    for record in _records(frame):
        connection.execute(statement, record)


def _to_sql(connection: sa.Connection, frame: pd.DataFrame) -> None:
    frame.to_sql(
        TABLE, connection, if_exists="append", index=False, method="multi"
    )  # texts, which PostgreSQL casts; it can only insert


@dataclass(frozen=True)
class Way:
    """How a thousand records are written.

    A statement with a thousand rows has more parameters than psycopg 3 can send: it leaves them to
    the server, which takes 65,535. psycopg2 writes them into the text.
    """

    driver: str
    write: Callable[[sa.Connection, pd.DataFrame], None]


WAYS = {
    "obvious": Way("psycopg", _many),
    "values": Way("psycopg2", _values),
    "to_sql": Way("psycopg2", _to_sql),
    "one_by_one": Way("psycopg2", _one_by_one),
}


if __name__ == "__main__":
    main(*sys.argv[1:])
