"""The staging store is full or cannot be used: one clear line, nothing half-written, then on."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from crm_pipelines.model.errors import SystemTrouble
from crm_pipelines.model.window import Mode
from crm_pipelines_tests.faults.runs import execute
from crm_pipelines_tests.mirroring import Mirroring
from crm_pipelines_tests.sandbox_process import Sandbox
from crm_pipelines_tests.truths import differences

PERSONS, CONTACTS = "pipedrive.persons", "salesforce.contacts"
LISTS = {PERSONS: "/api/v2/persons", CONTACTS: "/results"}
FULL = {"mode": "full", "batch_size": 7}
both = pytest.mark.parametrize("name", [PERSONS, CONTACTS])


def pages(sandbox: Sandbox, name: str) -> Counter[str]:
    """How often each page was answered."""
    return Counter(
        f"{entry['path']}?{entry['query']}"
        for entry in sandbox.journal()
        if entry["path"].endswith(LISTS[name]) and entry["status"] == 200
    )


def is_right(sandbox: Sandbox, mirror: Mirroring, name: str) -> None:
    mirror(name, dry_run=True)
    assert differences(sandbox, mirror, name) == {}
    assert mirror.query("SELECT key FROM sync.checkpoints") == []


@both
def test_no_room_for_a_chunk(sandbox: Sandbox, mirror: Mirroring, name: str) -> None:
    """Files may not grow beyond some bytes: the first chunk does not fit."""
    refused = execute(mirror.values, name, "root", "first", file_blocks=2, **FULL)
    assert refused["error"] == "SystemTrouble"
    assert "staging store" in refused["words"] and "CRM_STAGING_URI" in refused["words"]
    (line,) = mirror.history(name)
    assert (line["status"], line["error"]) == ("failed", refused["words"])
    assert mirror.watermark(name) is None
    outcome = execute(mirror.values, name, "root", "again", **FULL)
    assert outcome["created"] == outcome["fetched"]
    assert sum(pages(sandbox, name).values()) - len(pages(sandbox, name)) <= 1
    is_right(sandbox, mirror, name)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of a few hundred kB; needs root and Linux."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)]
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("only root may mount a small disk")
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("this root may not mount a small disk")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_the_disk_runs_full_in_the_middle(
    sandbox: Sandbox, mirroring: Callable[..., Mirroring], small_disk: Path
) -> None:
    mirror = mirroring(CRM_STAGING_URI=(small_disk / "staging").as_uri())
    ballast = small_disk / "ballast"

    def fill(page: int) -> None:
        if page == 2:
            with pytest.raises(OSError, match="No space"), ballast.open("wb", 0) as file:
                while True:
                    file.write(b"0" * 4096)

    with pytest.raises(SystemTrouble, match="No space left") as caught:
        mirror.fetch(PERSONS, key="root", on_page=fill, mode=Mode.FULL, batch_size=7)
    assert "\n" not in str(caught.value)
    ballast.unlink()
    outcome = mirror(PERSONS, key="root", mode=Mode.FULL, batch_size=7)
    assert outcome.created == len(mirror.rows(PERSONS))
    assert sum(pages(sandbox, PERSONS).values()) - len(pages(sandbox, PERSONS)) <= 1
    is_right(sandbox, mirror, PERSONS)


@both
def test_a_store_that_is_no_folder_costs_no_call(
    sandbox: Sandbox, mirroring: Callable[..., Mirroring], tmp_path: Path, name: str
) -> None:
    place = tmp_path / "not a folder"
    place.write_text("")
    mirror = mirroring(CRM_STAGING_URI=place.as_uri())
    with pytest.raises(SystemTrouble, match="CRM_STAGING_URI") as caught:
        mirror(name)
    assert "\n" not in str(caught.value)
    assert sandbox.journal() == []
    place.unlink()
    assert mirror(name).created == len(mirror.rows(name))
    is_right(sandbox, mirror, name)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_store_that_may_not_be_written(
    sandbox: Sandbox, mirroring: Callable[..., Mirroring], tmp_path: Path
) -> None:
    place = tmp_path / "read-only"
    place.mkdir(mode=0o500)
    with pytest.raises(SystemTrouble, match="CRM_STAGING_URI"):
        mirroring(CRM_STAGING_URI=place.as_uri())(PERSONS)
    assert sandbox.journal() == []
    place.chmod(0o700)


def test_a_chunk_that_was_damaged_is_fetched_again(sandbox: Sandbox, mirror: Mirroring) -> None:
    """After a loss of power a file may be there and end too early."""
    manifest = mirror.fetch(PERSONS, key="root", mode=Mode.FULL, batch_size=7)
    mirror.wiring.checkpoints.release(manifest.key)
    chunk = Path(mirror.values["CRM_HOME"]) / "staging" / manifest.chunks[1].path
    chunk.write_bytes(chunk.read_bytes()[:100])
    with pytest.raises(SystemTrouble, match="Launch the sync anew"):
        mirror.finish(PERSONS, manifest)
    outcome = mirror(PERSONS, key="root", mode=Mode.FULL, batch_size=7)
    assert outcome.created == len(mirror.rows(PERSONS))
    is_right(sandbox, mirror, PERSONS)
