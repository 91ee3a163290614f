"""Telling people: by e-mail, and by a request to an address of theirs."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Sequence
from email.message import EmailMessage
from urllib.parse import parse_qs, unquote, urlsplit

import httpx

from crm_pipelines.model.notice import Notice

SECONDS = 10.0
"""How long a target may take."""

MOST_LINES = 100
"""Of news in one message; the others are counted."""

SENDER = "crm-pipelines@localhost"


def post(url: str, some: Sequence[Notice]) -> None:
    """One JSON object with all of them. Raises ``httpx.HTTPError``.

    ``text`` is what chat programs show of it.
    """
    body = {"text": _text(some), "notices": [one.show() for one in some[:MOST_LINES]]}
    httpx.post(url, json=body, timeout=SECONDS).raise_for_status()


def send_mail(url: str, to: str, some: Sequence[Notice]) -> None:
    """One message to people, addresses separated by commas.

    ``url`` is ``smtp://user:password@host:port`` (encrypted from the start with ``smtps``, later
    where the server offers it); ``?from=address`` names the sender. Raises ``OSError``,
    ``smtplib.SMTPException``.
    """
    parts = urlsplit(url)
    message = EmailMessage()
    message["Subject"] = _subject(some)
    message["From"] = parse_qs(parts.query).get("from", [SENDER])[0]
    message["To"] = to
    message.set_content(_text(some))
    with _connect(parts.scheme, parts.hostname or "", parts.port) as server:
        if parts.username:
            server.login(unquote(parts.username), unquote(parts.password or ""))
        server.send_message(message)


def _connect(scheme: str, host: str, port: int | None) -> smtplib.SMTP:
    context = ssl.create_default_context()
    if scheme == "smtps":
        return smtplib.SMTP_SSL(host, port or 465, timeout=SECONDS, context=context)
    server = smtplib.SMTP(host, port or 25, timeout=SECONDS)
    server.ehlo()
    if server.has_extn("starttls"):
        server.starttls(context=context)
        server.ehlo()
    return server


def _subject(some: Sequence[Notice]) -> str:
    first = " ".join(some[0].words.split())[:120]
    more = f" (and {len(some) - 1} more)" if len(some) > 1 else ""
    return f"[crm-pipelines] {first}{more}"


def _text(some: Sequence[Notice]) -> str:
    lines = [
        f"{one.at:%Y-%m-%d %H:%M:%S} {one.workspace} {one.what} {one.subject}: {one.words}"
        for one in some[:MOST_LINES]
    ]
    if len(some) > MOST_LINES:
        lines.append(f"... and {len(some) - MOST_LINES} more; the outbox lists them all")
    return "\n".join(lines)
