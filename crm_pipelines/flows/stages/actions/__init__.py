"""The actions there are: one file each, found by its ``ACTION``. A new one is a new file."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from crm_pipelines.flows.stages.action import Action


@cache
def discover() -> dict[str, Action]:
    """Every action by name, in alphabetical order."""
    found = {}
    for module in sorted(pkgutil.iter_modules(__path__), key=lambda one: one.name):
        action: Action = importlib.import_module(f"{__name__}.{module.name}").ACTION
        found[action.name] = action
    return found
