"""Chunks as files: packed only where they travel."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from crm_pipelines.store.staging import Staging

TEXT = "the same again and again " * 40


@pytest.mark.parametrize(("near", "packed"), [(True, False), (False, True)])
def test_chunks_are_packed_only_where_they_travel(tmp_path: Path, near: bool, packed: bool) -> None:
    """Arrow brings a store for tests that is none of this machine's disks."""
    root = f"{tmp_path}/" if near else ""
    staging = Staging(tmp_path.as_uri() if near else "mock:///")
    records = pa.table({"text": pa.array([TEXT] * 100)})
    chunk = staging.write("run", "fetch", 0, records)
    with staging.files.open_input_file(f"{root}{chunk.path}") as file:
        stored = bytes(file.read())
    assert (TEXT.encode() not in stored) == packed
    assert staging.read(chunk) == records
