"""Where webhooks deliver to: the gateway, as the CRM sees it from outside."""

from __future__ import annotations

from urllib.parse import urlsplit

from crm_pipelines.model.connector import Account
from crm_pipelines.model.errors import ConfigurationError

ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104 - as it is given
"""Addresses that one listens on, and none that one can be reached at."""


def delivery_url(account: Account, public_url: str, host: str, port: int) -> str:
    """The address for an account. Raises ``ConfigurationError`` where the CRM cannot reach us.

    ``public_url`` is ``CRM_PUBLIC_URL``; a simulated CRM on this machine reaches the gateway where
    it listens.
    """
    title = account.connector.title
    if not public_url and not account.simulated:
        raise ConfigurationError(
            f"CRM_PUBLIC_URL is not set: {title} has to know where the gateway can be reached from "
            "the internet, like https://crm.example.com (scheme, host and port, no path)"
        )
    if public_url and not account.simulated and urlsplit(public_url).scheme != "https":
        raise ConfigurationError(
            f"CRM_PUBLIC_URL is {public_url}, but {title} delivers by https only: put a proxy with "
            "a certificate before the gateway"
        )
    return f"{public_url or _listening(host, port)}/webhooks/{account.crm}/{account.workspace}"


def _listening(host: str, port: int) -> str:
    reachable = ANYWHERE.get(host, host)
    return f"http://{f'[{reachable}]' if ':' in reachable else reachable}:{port}"
