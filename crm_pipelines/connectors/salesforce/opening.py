"""The door to an org, for reading and for writing."""

from __future__ import annotations

from crm_pipelines.connectors.salesforce.answers import classify, observe
from crm_pipelines.connectors.salesforce.login import log_in
from crm_pipelines.connectors.salesforce.settings import SalesforceSettings
from crm_pipelines.model.call import Budget
from crm_pipelines.model.tokens import TokenStore
from crm_pipelines.transport.door import Door


def open_door(settings: SalesforceSettings, budget: Budget, tokens: TokenStore) -> Door:
    """Log in to the org that the settings name. Close the door after use."""
    login, address = log_in(settings, tokens)
    return Door(
        "Salesforce",
        address,
        budget=budget,
        login=login,
        classify=classify,
        observe=observe,
        timeouts=settings,
    )
