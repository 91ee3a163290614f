"""What runs left in the staging store goes a week after they broke off, and not before."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from crm_pipelines.model.window import Mode
from crm_pipelines_tests.mirroring import Mirroring

LONG_AGO = time.time() - 8 * 86_400


@pytest.fixture
def staging(mirror: Mirroring) -> Path:
    return Path(mirror.values["CRM_HOME"]) / "staging"


def break_off(mirror: Mirroring, name: str, key: str) -> None:
    """A run that fetched and went no further."""
    manifest = mirror.fetch(name, key=key, mode=Mode.FULL, batch_size=7)
    mirror.wiring.checkpoints.release(manifest.key)


def age(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    os.utime(folder, (LONG_AGO, LONG_AGO))


def test_nobody_came_back_for_a_week(mirror: Mirroring, staging: Path) -> None:
    break_off(mirror, "pipedrive.persons", "forgotten")
    mirror.query("UPDATE sync.checkpoints SET updated_at = now() - interval '8 days'")
    for folder in (staging / "forgotten", staging / "manifests" / "forgotten"):
        age(folder)
    age(staging / "manifests" / "other")
    mirror("pipedrive.stages")
    assert [path for path in staging.glob("**/*") if "forgotten" in str(path)] == []
    assert list((staging / "manifests").iterdir()) == []
    assert mirror.query("SELECT key FROM sync.checkpoints") == []


def test_what_somebody_may_come_back_for_stays(mirror: Mirroring, staging: Path) -> None:
    """An old folder with a younger checkpoint, and folders of today."""
    break_off(mirror, "pipedrive.persons", "paused")
    age(staging / "paused")
    (staging / "manifests" / "of today").mkdir(parents=True)
    mirror("pipedrive.stages")
    assert list((staging / "paused").rglob("*.arrow"))
    assert (staging / "manifests" / "of today").is_dir()
    outcome = mirror("pipedrive.persons", key="paused", mode=Mode.FULL, batch_size=7)
    assert mirror.notes["resumed"]
    assert outcome.created == outcome.fetched
