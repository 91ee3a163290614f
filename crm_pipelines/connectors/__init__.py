"""One folder per CRM, each exporting ``CONNECTOR``; a new CRM is a new folder and nothing else."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from crm_pipelines.model.connector import Connector


@cache
def discover() -> dict[str, Connector]:
    """Every connector there is, by name, in alphabetical order."""
    found = {}
    for module in pkgutil.iter_modules(__path__):
        if module.ispkg:
            package = importlib.import_module(f"{__name__}.{module.name}")
            connector: Connector = package.CONNECTOR
            found[connector.name] = connector
    return found
