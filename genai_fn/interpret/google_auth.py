"""google-auth's credentials, and whatever looks like them, as a source of tokens: every byte goes over our own HTTP."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import import_module
from inspect import isawaitable
from typing import Any
from urllib.parse import parse_qsl

from genai_fn.backend import Secret
from genai_fn.effects import Lost
from genai_fn.errors import AuthError, GenaiError
from genai_fn.http import HttpRequest
from genai_fn.interpret.grant import PATIENCE, SCOPE, Fetch, Grant, cleaned, faultless, fits, refused, said

__all__ = ["GoogleAuth"]


class GoogleAuth:
    """Tokens of an object that has ``token`` and ``refresh(request)``, and maybe an ``expiry``."""

    def __init__(self, credentials: Any, fetch: Fetch, *, quota: str | None, project: str | None = None) -> None:
        self._credentials = credentials
        self._scoped = False
        self._quota = quota
        self._project = project
        self._fetch = fetch

    def grant(self, now: float, least: float) -> Grant | Lost:
        """Take the token that is there if it lasts, as others may refresh the same credentials; else refresh them."""
        lasts = _lasts(self._credentials, now)
        if lasts <= least:
            failed = self._asked(self._refreshed)
            if isinstance(failed, Lost) and lasts <= 0:
                return failed
        return self._granted()

    def project(self) -> str | Lost | None:
        """Find the project in the file or the object, or by the lookup that workload identity has."""
        own = self._project or getattr(self._credentials, "project_id", None)
        look_up = getattr(self._credentials, "get_project_id", None)
        if own is None and callable(look_up):
            own = self._asked(look_up)
        found = isinstance(own, str) or (isinstance(own, Lost) and not isinstance(own.error, AuthError))
        return own if found else None

    def _asked(self, question: Callable[["_Transport"], Any]) -> Any:
        transport = _Transport(self._fetch)
        try:
            return question(transport)
        except Exception as error:  # noqa: BLE001  # google-auth's own, or of whoever made the credentials
            if transport.fault is not None:
                return Lost(transport.fault)
            return refused(f"no token: {cleaned(said(error), transport.sent)}")

    def _refreshed(self, transport: "_Transport") -> None:
        if not self._scoped:
            scoped = import_module("google.auth.credentials").with_scopes_if_required
            self._credentials = scoped(self._credentials, [SCOPE])
            self._scoped = True
        result = self._credentials.refresh(transport)
        if isawaitable(result):
            asyncio.run(_await(result))

    def _granted(self) -> Grant | Lost:
        token = self._credentials.token
        if not fits(token):
            return refused(f"no token: {type(self._credentials).__name__} has none that fits a header")
        if self._quota is not None and not fits(self._quota):
            return refused("the quota project fits no header")
        return Grant(Secret(token), _ends(self._credentials), self._quota)


def _lasts(credentials: Any, now: float) -> float:
    """Tell for how many seconds more the token of some credentials is good."""
    if not credentials.token:
        return 0.0
    ends = _ends(credentials)
    return float("inf") if ends is None else ends - now


def _ends(credentials: Any) -> float | None:
    expiry = getattr(credentials, "expiry", None)
    if not isinstance(expiry, datetime):
        return None if expiry is None else float(expiry)
    utc = expiry if expiry.tzinfo else expiry.replace(tzinfo=UTC)  # google-auth's are UTC and do not say so
    return utc.timestamp()


async def _await(result: Awaitable[object]) -> None:
    await result


@dataclass
class _Answer:
    """What google-auth reads of a response."""

    status: int
    headers: dict[str, str]
    data: bytes


class _Transport:
    """What google-auth calls to send a request; `fault` is what became of the last one, if it was lost."""

    def __init__(self, fetch: Fetch) -> None:
        self.fault: GenaiError | None = None
        self.sent = ""
        self._fetch = fetch

    def __call__(
        self,
        url: str,
        method: str = "GET",
        body: bytes | str | None = None,
        headers: Mapping[str, Any] | None = None,
        timeout: float | None = None,
        **others: Any,
    ) -> _Answer:
        if others:  # a client certificate: better refused than left out
            raise ValueError(f"not possible for tokens: {', '.join(sorted(others))}")
        content = body.encode() if isinstance(body, str) else body or b""
        lines = tuple((name, _text(value)) for name, value in (headers or {}).items())
        self.sent += " ".join((*_values(content), *(value for _, value in lines), ""))
        request = HttpRequest(method, url, lines, content)
        answer = faultless(self._fetch(request, min(timeout or PATIENCE, PATIENCE)), url)
        if isinstance(answer, Lost):
            self.fault = answer.error
            raise import_module("google.auth.exceptions").TransportError("the token request was lost")
        self.fault = None
        return _Answer(answer.status, dict(answer.headers), answer.body)


def _text(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def _values(content: bytes) -> tuple[str, ...]:
    text = content.decode("utf-8", "replace")
    return tuple(value for name, value in parse_qsl(text) if name != "grant_type") or (text,)
