"""The environment: what is missing or wrong is named, with what to set."""

from __future__ import annotations

from pathlib import Path

import pytest

from crm_pipelines.connectors import discover
from crm_pipelines.connectors.pipedrive.settings import PipedriveSettings
from crm_pipelines.connectors.salesforce.settings import Flow, SalesforceSettings
from crm_pipelines.model.errors import ConfigurationError
from crm_pipelines.settings import Settings, read
from crm_pipelines.wiring import Wiring


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CRM_DATABASE_URL", "mysql://somewhere/db"),
        ("CRM_WORKSPACES", "ACME"),
        ("CRM_WORKSPACES", "acme,,globex"),
        ("CRM_WORKSPACES", "acme,acme"),
        ("CRM_WORKSPACES", "a-b"),
        ("CRM_WINDOWS_START", "yesterday"),
        ("CRM_WINDOWS_START", "2015-02-30"),
        ("CRM_GATEWAY_PORT", "0"),
        ("CRM_GATEWAY_PORT", "http"),
        ("CRM_UI_PORT", "70000"),
        ("CRM_SYNC_EVERY_MINUTES", "0"),
        ("CRM_SYNC_EVERY_MINUTES", "61"),
    ],
)
def test_a_wrong_value_is_named(name: str, value: str) -> None:
    with pytest.raises(ConfigurationError, match=name):
        read(Settings, source={name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PIPEDRIVE_BASE_URL", "acme.pipedrive.com"),
        ("PIPEDRIVE_BASE_URL", "https://acme.pipedrive.com/api/v2"),
        ("PIPEDRIVE_BASE_URL", "ftp://acme"),
        ("PIPEDRIVE_COMPANY_DOMAIN", "acme.pipedrive.com"),
        ("PIPEDRIVE_DAILY_TOKENS", "0"),
        ("PIPEDRIVE_BURST_LIMIT", "many"),
    ],
)
def test_a_wrong_value_of_pipedrive_is_named(name: str, value: str) -> None:
    with pytest.raises(ConfigurationError, match=name):
        read(PipedriveSettings, source={name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SALESFORCE_INSTANCE_URL", "acme.my.salesforce.com"),
        ("SALESFORCE_INSTANCE_URL", "http://acme.my.salesforce.com"),
        ("SALESFORCE_LOGIN_URL", "http://login.example.com"),
        ("SALESFORCE_OBJECTS", "Contact;Account"),
        ("SALESFORCE_API_VERSION", "v64"),
        ("SALESFORCE_DAILY_CALLS", "-1"),
        ("SALESFORCE_JOB_WAIT_SECONDS", "0"),
        ("SALESFORCE_BULK_ROWS", "few"),
        ("SALESFORCE_SPLIT_ROWS", "-1"),
        ("SALESFORCE_PAGE_ROWS", "0"),
    ],
)
def test_a_wrong_value_of_salesforce_is_named(name: str, value: str) -> None:
    with pytest.raises(ConfigurationError, match=name):
        read(SalesforceSettings, source={name: value})


def test_every_wrong_value_is_named_at_once() -> None:
    with pytest.raises(ConfigurationError) as caught:
        read(Settings, source={"CRM_UI_PORT": "x", "CRM_GATEWAY_PORT": "y"})
    assert "CRM_UI_PORT" in str(caught.value)
    assert "CRM_GATEWAY_PORT" in str(caught.value)


def test_a_workspace_has_variables_of_its_own() -> None:
    source = {
        "PIPEDRIVE_API_TOKEN": "everybody",
        "PIPEDRIVE_API_TOKEN__ACME": "acme",
        "PIPEDRIVE_BASE_URL": "https://everybody.example",
    }
    acme = read(PipedriveSettings, "acme", source)
    assert (acme.api_token.get_secret_value(), acme.url) == ("acme", "https://everybody.example")
    assert read(PipedriveSettings, "globex", source).api_token.get_secret_value() == "everybody"


def test_a_wrong_value_of_a_workspace_is_named_as_it_was_set() -> None:
    with pytest.raises(ConfigurationError, match="PIPEDRIVE_BURST_LIMIT__ACME"):
        read(PipedriveSettings, "acme", {"PIPEDRIVE_BURST_LIMIT__ACME": "none"})


def test_secrets_are_not_spelled_out() -> None:
    settings = read(PipedriveSettings, source={"PIPEDRIVE_API_TOKEN": "do-not-show"})
    assert "do-not-show" not in repr(settings) + str(settings)
    with pytest.raises(ConfigurationError) as caught:
        read(
            SalesforceSettings,
            source={"SALESFORCE_PASSWORD": "do-not-show", "SALESFORCE_API_VERSION": "?"},
        )
    assert "do-not-show" not in str(caught.value)


@pytest.mark.parametrize(
    ("given", "flow"),
    [
        ({}, None),
        ({"CLIENT_ID": "c"}, None),
        ({"USERNAME": "u"}, None),
        ({"CLIENT_ID": "c", "CLIENT_SECRET": "s"}, Flow.CLIENT_CREDENTIALS),
        ({"CLIENT_ID": "c", "PRIVATE_KEY_FILE": "k", "USERNAME": "u"}, Flow.JWT),
        ({"USERNAME": "u", "PASSWORD": "p"}, Flow.SOAP),
        ({"ACCESS_TOKEN": "t"}, Flow.ACCESS_TOKEN),
        ({"USERNAME": "u", "PASSWORD": "p", "ACCESS_TOKEN": "t"}, Flow.SOAP),
        (
            {"CLIENT_ID": "c", "CLIENT_SECRET": "s", "PRIVATE_KEY_FILE": "k", "USERNAME": "u"},
            Flow.CLIENT_CREDENTIALS,
        ),
    ],
)
def test_the_first_complete_login_counts(given: dict[str, str], flow: Flow | None) -> None:
    source = {f"SALESFORCE_{name}": value for name, value in given.items()}
    assert read(SalesforceSettings, source=source).flow is flow


@pytest.mark.parametrize(
    ("crm", "source", "named"),
    [
        ("pipedrive", {"PIPEDRIVE_BASE_URL": "https://a.example"}, "PIPEDRIVE_API_TOKEN"),
        ("pipedrive", {"PIPEDRIVE_API_TOKEN": "t"}, "PIPEDRIVE_COMPANY_DOMAIN"),
        ("salesforce", {"SALESFORCE_CLIENT_ID": "c"}, "SALESFORCE_CLIENT_SECRET"),
        ("salesforce", {"SALESFORCE_USERNAME": "u"}, "SALESFORCE_PASSWORD"),
        ("salesforce", {"SALESFORCE_ACCESS_TOKEN": "t"}, "SALESFORCE_INSTANCE_URL"),
        (
            "salesforce",
            {"SALESFORCE_CLIENT_ID": "c", "SALESFORCE_CLIENT_SECRET": "s"},
            "SALESFORCE_INSTANCE_URL",
        ),
    ],
)
def test_half_an_account_is_an_error(crm: str, source: dict[str, str], named: str) -> None:
    account = Wiring(source).account("default", crm)
    with pytest.raises(ConfigurationError, match=named):
        _ = account.configured


@pytest.mark.parametrize("crm", list(discover()))
def test_an_account_may_be_missing_or_be_the_sandbox(crm: str) -> None:
    assert not Wiring({}).account("default", crm).configured
    values = discover()[crm].sandbox("http://127.0.0.1:1234")
    assert Wiring(values).account("default", crm).configured


def test_names_that_are_not_there() -> None:
    wiring = Wiring({})
    with pytest.raises(ConfigurationError, match="hogwarts"):
        wiring.account("hogwarts", "pipedrive")
    with pytest.raises(ConfigurationError, match="no stream 'people'; there are persons"):
        wiring.mirror("default", "pipedrive", "people")
    with pytest.raises(ConfigurationError, match="CRM_DATABASE_URL"):
        _ = wiring.database


def test_a_staging_store_that_cannot_be() -> None:
    with pytest.raises(ConfigurationError, match="CRM_STAGING_URI"):
        _ = Wiring({"CRM_STAGING_URI": "floppy://a"}).staging


def test_the_default_staging_store_lies_in_the_home(tmp_path: Path) -> None:
    home = tmp_path / "a home with 100% odd signs #1"
    settings = read(Settings, source={"CRM_HOME": str(home)})
    assert settings.staging == (home / "staging").as_uri()
