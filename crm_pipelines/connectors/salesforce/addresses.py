"""Addresses that Salesforce's answers name: of our own org, whatever host they are spelled with."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qsl, urlsplit

from crm_pipelines.model.call import Call


def path_of(address: str) -> str:
    """The path of an address that may lack its first slash, or have a host."""
    return "/" + urlsplit(address).path.lstrip("/")


def call_at(address: str, headers: Mapping[str, str] | None = None, **more: str) -> Call:
    """A request for an address, with ``more`` parameters than it has: the session goes nowhere
    else."""
    params = dict(parse_qsl(urlsplit(address).query))
    return Call("GET", path_of(address), {**params, **more}, headers=headers or {})
