"""The door to an account, for reading and for writing."""

from __future__ import annotations

from crm_pipelines.connectors.pipedrive.answers import classify, observe
from crm_pipelines.connectors.pipedrive.login import log_in
from crm_pipelines.connectors.pipedrive.settings import PipedriveSettings
from crm_pipelines.model.call import Budget
from crm_pipelines.model.tokens import TokenStore
from crm_pipelines.transport.door import Door


def open_door(settings: PipedriveSettings, budget: Budget, tokens: TokenStore) -> Door:
    """Log in to the account that the settings name. Close the door after use."""
    login, address = log_in(settings, tokens)
    return Door(
        "Pipedrive",
        address,
        budget=budget,
        login=login,
        classify=classify,
        observe=observe,
        timeouts=settings,
    )
