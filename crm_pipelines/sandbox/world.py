"""Everything the simulated systems share: size, seed, time, storage, faults, journal."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from crm_pipelines.sandbox.clock import Clock
from crm_pipelines.sandbox.database import Database
from crm_pipelines.sandbox.faults import Faults
from crm_pipelines.sandbox.journal import Journal


@dataclass(frozen=True)
class Sizes:
    """How many records each system starts with."""

    persons: int = 300
    organizations: int = 100
    deals: int = 200
    activities: int = 400
    contacts: int = 500
    accounts: int = 100
    opportunities: int = 150


@dataclass
class World:
    """One running sandbox. ``home`` holds its files; the same seed makes the same records."""

    home: Path
    seed: int = 1
    sizes: Sizes = field(default_factory=Sizes)
    latency_ms: int = 0
    clock: Clock = field(default_factory=Clock)
    faults: Faults = field(default_factory=Faults)
    journal: Journal = field(default_factory=Journal)
    database: Database = field(init=False)

    def __post_init__(self) -> None:
        self.database = Database(self.home / "sandbox.sqlite")
