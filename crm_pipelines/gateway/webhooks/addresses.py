"""Where webhooks may come from: a list in a file, as CRMs publish them."""

from __future__ import annotations

import json
import logging
import re
import time
from collections.abc import Iterator
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import Any

from crm_pipelines.model.errors import ConfigurationError

LOG = logging.getLogger("crm_pipelines.gateway")
LOOK_SECONDS = 1.0
"""How often it is looked whether the file has changed."""

Network = IPv4Network | IPv6Network
_LIKE_AN_ADDRESS = re.compile(
    r"\d+(\.\d+){3}(/.*)?|[0-9a-fA-F:.]*:[0-9a-fA-F.]*:[0-9a-fA-F:.]*(/.*)?"
)


class AllowedAddresses:
    """Networks out of a file: one on each line, or JSON that names them anywhere.

    Raises ``ConfigurationError`` if it cannot be read when it is made; once it was, the last good
    list is used until there is a better one.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._looked_at = time.monotonic()
        self._stamp = _stamp(path)
        self._networks = read(path)

    def permit(self, host: str) -> bool:
        """Whether webhooks may come from there."""
        self._look_again()
        try:
            address = ip_address(host)
        except ValueError:
            return False
        if isinstance(address, IPv6Address) and address.ipv4_mapped:
            address = address.ipv4_mapped
        return any(address in network for network in self._networks)

    def _look_again(self) -> None:
        if time.monotonic() - self._looked_at < LOOK_SECONDS:
            return
        self._looked_at = time.monotonic()
        stamp = _stamp(self._path)
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self._networks = read(self._path)
        except ConfigurationError as error:
            LOG.error("%s; the list that was read before goes on being used", error)
        else:
            LOG.warning("%s has changed: %s networks", self._path, len(self._networks))


def read(path: Path) -> tuple[Network, ...]:
    """The networks of a file. Raises ``ConfigurationError``."""
    try:
        text = path.read_text(encoding="utf-8-sig").strip()
        found = tuple(_of_json(json.loads(text)) if text[:1] in ("{", "[") else _of_lines(text))
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigurationError(_wrong(path, str(error))) from error
    if not found:
        raise ConfigurationError(_wrong(path, "there is no address in it"))
    return found


def _wrong(path: Path, why: str) -> str:
    return (
        f"PIPEDRIVE_WEBHOOK_ALLOWED_IPS_FILE: {path} is no list of addresses ({why}): it takes a "
        "network like 203.0.113.0/24 on each line, or the JSON that Pipedrive publishes"
    )


def _of_lines(text: str) -> Iterator[Network]:
    for number, line in enumerate(text.splitlines(), 1):
        if given := line.partition("#")[0].strip():
            try:
                yield ip_network(given, strict=False)
            except ValueError as error:
                raise ValueError(f"line {number}: {error}") from None


def _of_json(value: Any) -> Iterator[Network]:
    if isinstance(value, str):
        if _LIKE_AN_ADDRESS.fullmatch(value.strip()):
            yield ip_network(value.strip(), strict=False)
        return
    inside = value.values() if isinstance(value, dict) else value
    if isinstance(value, dict | list):
        for one in inside:
            yield from _of_json(one)


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
