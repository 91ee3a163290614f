"""A program that writes many people, made to be killed: ``worker FOLDER COUNT PARENT...``.

It goes on from the place beside the folder. Each place that is kept and each table of outcomes is
a line on standard output; outcomes are told in ``told.jsonl`` beside the folder, before the line.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from crm_pipelines_tests.integration.ingest.people import people
from crm_pipelines_tests.integration.ingest.writers import Writer


def main(folder: Path, count: int, parents: list[str]) -> None:
    """One whole writing."""
    writer = Writer(os.environ, folder)
    try:
        tables = writer.tables(people(count, parents), kept=lambda place: _say("kept", place))
        with folder.with_name("told.jsonl").open("a") as told:
            for table in tables:
                told.writelines(json.dumps(row) + "\n" for row in table.to_pylist())
                told.flush()
                _say("told", table.num_rows)
    finally:
        writer.close()


def _say(what: str, how: object) -> None:
    sys.stdout.write(f"{what} {json.dumps(how)}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
