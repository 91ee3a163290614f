"""How strict a stream is, and what is said of a setting that makes no sense."""

from __future__ import annotations

import pytest

from crm_pipelines.model.errors import ConfigurationError
from crm_pipelines.model.strictness import read_strictness
from crm_pipelines.wiring import Wiring


@pytest.mark.parametrize(
    ("text", "contacts", "accounts", "persons"),
    [
        ("lenient", False, False, False),
        ("strict", True, True, True),
        ("salesforce.contacts=strict", True, False, False),
        ("strict, pipedrive=lenient", True, True, False),
        ("salesforce=strict,salesforce.contacts=lenient", False, True, False),
    ],
)
def test_what_says_most_exactly_what_it_means_counts(
    text: str, contacts: bool, accounts: bool, persons: bool
) -> None:
    found = read_strictness(text)
    assert found.of("salesforce", "contacts") is contacts
    assert found.of("salesforce", "accounts") is accounts
    assert found.of("pipedrive", "persons") is persons


@pytest.mark.parametrize(
    "text", ["severe", "salesforce", "salesforce=", "=strict", "a=b=strict,x", "strict,lenient"]
)
def test_what_is_not_understood_is_named(text: str) -> None:
    with pytest.raises(ConfigurationError, match="CRM_VALIDATION: "):
        Wiring({"CRM_VALIDATION": text})


def test_a_workspace_has_its_own() -> None:
    wiring = Wiring(
        {
            "CRM_WORKSPACES": "acme,globex",
            "CRM_VALIDATION": "lenient",
            "CRM_VALIDATION__ACME": "pipedrive.persons=strict",
        }
    )
    strict = {
        account.workspace: account.strictness.of("pipedrive", "persons")
        for account in wiring.accounts
    }
    assert strict == {"acme": True, "globex": False}


def test_a_malformed_value_of_a_workspace_is_named() -> None:
    wiring = Wiring({"CRM_WORKSPACES": "acme", "CRM_VALIDATION__ACME": "severe"})
    with pytest.raises(ConfigurationError, match=r"CRM_VALIDATION__ACME: .*severe"):
        assert wiring.accounts


def test_a_stream_that_is_not_there_is_named() -> None:
    wiring = Wiring({"CRM_VALIDATION": "pipedrive.people=strict"})
    with pytest.raises(ConfigurationError, match=r"CRM_VALIDATION.*pipedrive\.people.*persons"):
        assert wiring.accounts
