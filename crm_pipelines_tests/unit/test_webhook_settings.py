"""Settings of webhooks, lists of addresses, and what deliveries are known by."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from crm_pipelines.gateway.webhooks.addresses import AllowedAddresses
from crm_pipelines.gateway.webhooks.identity import identity
from crm_pipelines.gateway.webhooks.settings import WebhookSettings
from crm_pipelines.model.errors import ConfigurationError
from crm_pipelines.settings import Settings, read


def test_lists_are_read_and_workspaces_have_their_own() -> None:
    values = {
        "PIPEDRIVE_WEBHOOK_USERNAME": "us",
        "PIPEDRIVE_WEBHOOK_PASSWORD": "new , öld,",
        "PIPEDRIVE_WEBHOOK_SECRET__ACME": "a,b",
        "PIPEDRIVE_WEBHOOK_SIGNATURE_HEADERS": "X-One, x-TWO",
    }
    found, acme = read(WebhookSettings, source=values), read(WebhookSettings, "acme", values)
    assert found.passwords == (b"new", "öld".encode())
    assert found.headers == {b"x-one", b"x-two"}
    assert (found.secrets, acme.secrets) == ((), (b"a", b"b"))
    assert "öld" not in repr(found)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PIPEDRIVE_WEBHOOK_USERNAME", "only"),
        ("PIPEDRIVE_WEBHOOK_PASSWORD", "only"),
        ("PIPEDRIVE_WEBHOOK_USERNAME", "a:b"),
        ("PIPEDRIVE_WEBHOOK_SECRET", " , "),
        ("PIPEDRIVE_WEBHOOK_SIGNATURE_HEADERS", "X Header"),
        ("PIPEDRIVE_WEBHOOK_SIGNATURE_HEADERS", ","),
    ],
)
def test_what_is_wrong_is_named(name: str, value: str) -> None:
    with pytest.raises(ConfigurationError, match=name):
        read(WebhookSettings, source={name: value})


@pytest.mark.parametrize("value", ["nonsense", "10.0.0.1/8", "127.0.0.1,,", "10.0.0.0/40"])
def test_proxies_are_addresses(value: str) -> None:
    with pytest.raises(ConfigurationError, match="CRM_GATEWAY_TRUSTED_PROXIES"):
        read(Settings, source={"CRM_GATEWAY_TRUSTED_PROXIES": value})
    good = {"CRM_GATEWAY_TRUSTED_PROXIES": "10.0.0.0/8, ::1"}
    assert read(Settings, source=good).trusted_proxies == "10.0.0.0/8,::1"


@pytest.mark.parametrize(
    "text",
    [
        "203.0.113.0/24",
        "\ufeff203.0.113.0/24\r\n\r\n# none\r\n2001:db8::/32 # six",
        "203.0.113.9/24",
        json.dumps(["203.0.113.0/24"]),
        json.dumps({"version": "1.2", "at": "2026-11-21T10:00:00Z", "x": [{"ip": "203.0.113.7"}]}),
        json.dumps({"eu": {"v4": ["198.51.100.0/24", "203.0.113.0/25"], "v6": ["2001:db8::/32"]}}),
    ],
)
def test_lists_of_addresses(tmp_path: Path, text: str) -> None:
    path = tmp_path / "list"
    path.write_text(text)
    allowed = AllowedAddresses(path)
    assert allowed.permit("203.0.113.7")
    assert not any(map(allowed.permit, ("192.0.2.1", "", "203.0.113.7 ", "\0", "٣.1.1.1")))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# nothing",
        "203.0.113.0/24 198.51.100.0/24",
        "203.0.113.0/99",
        "{",
        "{}",
        '["203.0.113.0/99"]',
        '["2001:db8::/900"]',
        "[" * 100_000,
        "<html>",
    ],
)
def test_lists_that_are_none(tmp_path: Path, text: str) -> None:
    path = tmp_path / "list"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match="is no list of addresses"):
        AllowedAddresses(path)


def test_a_list_that_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "bytes").write_bytes(b"\xff\xfe\x00")
    for name in ("missing", ".", "bytes"):
        with pytest.raises(ConfigurationError, match="ALLOWED_IPS_FILE"):
            AllowedAddresses(tmp_path / name)


def test_the_id_of_an_event_is_taken_if_it_can_be_stored() -> None:
    assert identity(b"x", lambda _: "b7f0-1") == "b7f0-1"
    digest = identity(b"x", None)
    assert digest.startswith("sha256:") and len(digest) == 71
    for strange in ("", "a\0b", "a b", "ü", "x" * 201, "a\n"):
        assert identity(b"x", lambda _, found=strange: found) == digest  # type: ignore[misc]


def test_attempts_of_one_event_are_one() -> None:
    first = {"meta": {"attempt": 1, "action": "change"}, "retry": 0, "data": {"retry": 5}}
    again = {"meta": {"attempt": 4, "action": "change"}, "retry": 3, "data": {"retry": 5}}
    other = {"meta": {"attempt": 1, "action": "change"}, "retry": 0, "data": {"retry": 6}}
    names = [identity(json.dumps(one).encode(), None) for one in (first, again, other)]
    assert names[0] == names[1] != names[2]
    bodies = [b"", b"null", b"[1]", b"\xff", b'{"meta": 1}', b'{"meta": null}', b"[" * 100_000]
    assert len({identity(body, None) for body in bodies}) == len(bodies)
