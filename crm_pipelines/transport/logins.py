"""Logging in: with what is ready-made, or with tokens that every process shares and one renews."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

import httpx
from pydantic import AfterValidator, SecretStr

from crm_pipelines.model.errors import BadCredentials, RetriableError, Unreachable
from crm_pipelines.model.tokens import SealedByOthers, Tokens, TokenStore, fingerprint

SECONDS = 30.0
"""For connecting, and for silence, while logging in."""


def _fits_header(secret: SecretStr) -> SecretStr:
    """What does not fit is refused here: libraries show it in their errors."""
    text = secret.get_secret_value().strip()
    if not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError("must be one word of ASCII characters, as the CRM shows it")
    return SecretStr(text)


Header = Annotated[SecretStr, AfterValidator(_fits_header)]
"""A secret that is sent in a header."""

Make = Callable[[Tokens | None], Tokens]
"""New tokens in place of the given ones; raises ``BadCredentials`` where nothing was asked."""


class ReadyMade:
    """A secret that is sent as it is set in ``variable``, by ``headers``."""

    def __init__(
        self, store: TokenStore, variable: str, secret: str, headers: Mapping[str, str], advice: str
    ) -> None:
        self._store, self._variable, self._secret = store, variable, secret
        self._headers, self._advice = headers, advice

    def headers(self) -> Mapping[str, str]:
        """The secret, in a header: URLs end up in logs."""
        self._store.used(self._variable, fingerprint(self._secret))
        return self._headers

    def renew(self) -> None:
        """It cannot be renewed."""
        raise BadCredentials(self._advice)


class Session:
    """Tokens out of the store, made anew when they end: once, however many processes ask.

    ``what`` names the credentials that ``make`` uses and ``made_with`` is their fingerprint;
    stored tokens of other credentials do not count. ``from_nothing`` says that ``make`` needs no
    earlier tokens, so that stored ones that cannot be opened are no loss.
    """

    def __init__(
        self, store: TokenStore, what: str, made_with: str, make: Make, *, from_nothing: bool
    ) -> None:
        self._store, self._make = store, make
        self._what, self._made_with = what, made_with
        self._from_nothing = from_nothing
        self._lock = threading.Lock()
        self._held: Tokens | None = None
        self._worthless = ""
        self._sent = threading.local()

    def headers(self) -> Mapping[str, str]:
        """The bearer token. Raises ``BadCredentials``, ``Unreachable``, ``RetriableError``."""
        self._sent.token = self._tokens().access_token
        return {"Authorization": f"Bearer {self._sent.token}"}

    def renew(self) -> None:
        """The CRM does not take the access token any more that this thread sent last.

        Another thread may have noticed before, and a new one be there already.
        """
        with self._lock:
            self._worthless = getattr(self._sent, "token", "")

    def address(self) -> str:
        """Where the account's API is, as far as the login told; logs in if need be."""
        return self._tokens().address

    def known_address(self) -> str:
        """The same without logging in; empty if that is not known."""
        stored = self._stored()
        return stored.address if stored else ""

    def _tokens(self) -> Tokens:
        with self._lock:
            if self._held is None:
                self._store.used(self._what, self._made_with)
            if self._held is None or not self._is_good(self._held):
                self._held = self._shared()
            return self._held

    def _shared(self) -> Tokens:
        stored = self._stored()
        if stored and self._is_good(stored):
            return stored
        with self._store.alone():
            stored = self._stored()  # somebody may have been faster
            if stored and self._is_good(stored):
                return stored
            made = self._make(stored)
            if made.refused and (found := self._replaced(stored)):
                return found
            action = "refresh" if stored and stored.refresh_token else "login"
            self._store.write(made, "refused" if made.refused else action)
        self._worthless = ""
        if made.refused:
            raise BadCredentials(made.refused)
        return made

    def _replaced(self, before: Tokens | None) -> Tokens | None:
        """What was stored meanwhile: a lost lock must not put a dead grant over a fresh one."""
        found = self._stored()
        return found if found and found != before and self._is_good(found) else None

    def _stored(self) -> Tokens | None:
        try:
            found = self._store.read()
        except SealedByOthers:
            if not self._from_nothing:
                raise
            return None
        return found if found and found.made_with == self._made_with else None

    def _is_good(self, tokens: Tokens) -> bool:
        over = tokens.renew_at is not None and tokens.renew_at <= datetime.now(UTC)
        if tokens.refused and not over:
            raise BadCredentials(tokens.refused)
        return not (over or tokens.refused or tokens.access_token == self._worthless)


def knock(title: str, url: str, advice: str, *, fault: str = "", **request: Any) -> httpx.Response:
    """POST a login. Raises ``Unreachable`` with the advice, ``RetriableError`` in their trouble.

    Secrets are in the body or a header, and nothing of either is in the errors. ``fault`` is a
    text that makes an answer out of a 5xx (SOAP).
    """
    try:
        answer = httpx.post(url, timeout=SECONDS, **request)
    except (httpx.TransportError, httpx.InvalidURL) as error:
        where = httpx.URL(url).copy_with(path="/", query=None) if "://" in url else url
        raise Unreachable(f"{title} cannot be reached at {where} ({error}): {advice}") from error
    spoken = bool(fault) and fault in answer.text
    if answer.status_code == 429 or (answer.status_code >= 500 and not spoken):
        raise RetriableError(f"{title} cannot log us in for now ({answer.status_code})")
    return answer


def answered(response: httpx.Response) -> dict[str, Any]:
    """The JSON object of an answer; empty if it holds none."""
    try:
        body = response.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}
