"""Which login wins: the API token, else the grant that an OAuth app was given."""

from __future__ import annotations

from crm_pipelines.connectors.pipedrive.oauth import open_session
from crm_pipelines.connectors.pipedrive.settings import PipedriveSettings
from crm_pipelines.model.call import Login
from crm_pipelines.model.errors import ConfigurationError
from crm_pipelines.model.tokens import TokenStore
from crm_pipelines.transport.logins import ReadyMade

ADVICE = (
    "Pipedrive does not accept the API token: copy it from Settings > Personal preferences > API "
    "in Pipedrive into PIPEDRIVE_API_TOKEN; making a new one ended the old one"
)


def log_in(settings: PipedriveSettings, store: TokenStore) -> tuple[Login, str]:
    """The login, and where the company's API is. Raises ``ConfigurationError``."""
    secret = settings.api_token.get_secret_value()
    if secret:
        headers = {"x-api-token": secret}
        return ReadyMade(store, "PIPEDRIVE_API_TOKEN", secret, headers, ADVICE), settings.url
    if not settings.has_app:
        raise ConfigurationError(
            "no Pipedrive login is set: PIPEDRIVE_API_TOKEN, or PIPEDRIVE_CLIENT_ID and "
            "PIPEDRIVE_CLIENT_SECRET of an app"
        )
    session = open_session(settings, store)
    address = settings.base_url or session.known_address()
    if not address and not settings.company_domain:
        address = session.address()  # or says why there is none
    return session, address or settings.url
