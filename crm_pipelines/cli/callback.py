"""Where the browser comes back to after somebody granted access: a page on this machine."""

from __future__ import annotations

import hmac
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qs, urlsplit

from crm_pipelines.model.errors import BadCredentials, ConfigurationError

HOSTS = ("127.0.0.1", "localhost")
SILENCE_SECONDS = 10
"""How long a connection may say nothing: meanwhile nobody else is listened to."""

_PAGE = b"<!doctype html><meta charset=utf-8><title>crm-pipelines</title><h1>%s</h1><p>%s</p>"


class Callback:
    """Waits for the one answer that carries the state. Close it after use."""

    def __init__(self, redirect_url: str, state: str) -> None:
        parts = urlsplit(redirect_url)
        self.path, self.state = parts.path or "/", state
        self.code = ""
        self.error = ""
        try:
            self._server = HTTPServer(("127.0.0.1", parts.port or 80), _handler(self))
        except (OSError, ValueError) as error:
            raise ConfigurationError(
                f"{redirect_url} cannot be listened on ({error}): name another port with "
                "--redirect-url (and in the app's settings), or use --paste"
            ) from error
        self._server.timeout = 0.5

    def wait(self, seconds: float) -> str:
        """The code. Raises ``BadCredentials`` when access was denied or nobody came."""
        until = time.monotonic() + seconds
        while not (self.code or self.error):
            if time.monotonic() > until:
                raise BadCredentials(f"nobody granted access within {seconds:g} s: run it again")
            self._server.handle_request()
        if self.error:
            raise denied(self.error)
        return self.code

    def close(self) -> None:
        """Stop listening."""
        self._server.server_close()


def read_answer(text: str, state: str) -> str:
    """The code in a pasted address, whose state must be ours, or a code by itself.

    Raises ``BadCredentials``.
    """
    text = text.strip()
    if not text:
        raise BadCredentials("nothing was pasted: run it again, and paste the whole address")
    if "://" not in text and "=" not in text:
        return text
    answer = parse_qs(urlsplit(text).query if "://" in text else text.lstrip("?"))
    if answer.get("error"):
        raise denied(answer["error"][0])
    if not hmac.compare_digest(answer.get("state", [""])[0].encode(), state.encode()):
        raise BadCredentials(
            "this address answers another request (its state is not ours): open the address "
            "that was printed last"
        )
    if not answer.get("code"):
        raise BadCredentials("there is no code in this address: paste the one you were sent to")
    return answer["code"][0]


def denied(error: str) -> BadCredentials:
    """Somebody said no."""
    words = "".join(letter for letter in error if letter.isprintable())[:80]
    return BadCredentials(f"access was not granted ({words}): run it again, and allow it")


def _handler(callback: Callback) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = SILENCE_SECONDS

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            answer = {name: values[0] for name, values in parse_qs(parts.query).items()}
            if parts.path != callback.path:
                self._say(404, b"Not here", b"This page only takes the answer of a CRM.")
            elif not hmac.compare_digest(answer.get("state", "").encode(), callback.state.encode()):
                self._say(400, b"Not ours", b"This answers another request: nothing was done.")
            elif answer.get("code"):
                callback.code = answer["code"]
                self._say(200, b"Done", b"You may close this page.")
            else:
                callback.error = answer.get("error") or "no code"
                self._say(200, b"Not granted", b"Run the command again to have another try.")

        def log_message(self, format: str, *args: object) -> None:
            """Nothing: the address holds the code."""

        def _say(self, status: int, title: bytes, words: bytes) -> None:
            body = _PAGE % (title, words)
            self.send_response(status)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Referrer-Policy", "no-referrer")
            self.end_headers()
            self.wfile.write(body)

    return Handler
