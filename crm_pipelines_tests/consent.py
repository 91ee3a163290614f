"""Granting access as a person in a browser would: the page is opened and "allow" is clicked."""

from __future__ import annotations

import re
from html import unescape
from urllib.parse import parse_qs, urljoin, urlsplit

from crm_pipelines.wiring import Wiring
from crm_pipelines_tests.sandbox_process import plain_client

REDIRECT = "http://127.0.0.1:8910/callback"
APP = {
    "PIPEDRIVE_API_TOKEN": "",
    "PIPEDRIVE_CLIENT_ID": "sandbox-client",
    "PIPEDRIVE_CLIENT_SECRET": "sandbox-secret",
}


def app_variables(url: str) -> dict[str, str]:
    """What makes the simulated Pipedrive be used through its app."""
    return {**APP, "PIPEDRIVE_OAUTH_URL": url}


def click(page: str, word: str = "allow") -> str:
    """The address the browser is sent to."""
    with plain_client() as browser:
        shown = browser.get(page)
        link = re.search(rf'id="{word}" href="([^"]+)"', shown.text)
        assert link, shown.text
        answer = browser.get(urljoin(str(shown.url), unescape(link[1])))
    assert answer.status_code == 302
    return answer.headers["location"]


def grant(wiring: Wiring, workspace: str = "default") -> None:
    """Access granted to the app, and the tokens in the vault."""
    account = wiring.account(workspace, "pipedrive")
    consent = account.connector.consent
    assert consent is not None
    page = consent.page(account.settings, REDIRECT, "our state")
    code = parse_qs(urlsplit(click(page)).query)["code"][0]
    account.tokens().write(consent.redeem(account.settings, code, REDIRECT), "grant")
