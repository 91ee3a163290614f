"""How much memory a process holds and has held."""

from __future__ import annotations

from pathlib import Path


def resident_mb() -> int:
    """What this process holds now."""
    return _read("VmRSS")


def peak_mb() -> int:
    """The most it held since its program began; ``getrusage`` would count its parent's, too."""
    return _read("VmHWM")


def _read(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith(f"{name}:"))) // 1024
