"""
Request handlers: the interface that executes a request including its retries, and its implementation over HTTP.

`HttpHandler` executes a request as a generator of effects: it resolves the credential, encodes, signs, sends, reads,
decodes and retries. A fake implements `RequestHandler` without HTTP.
"""

import functools
from collections.abc import Callable, Iterator
from typing import Any, Protocol, TypeAlias, TypeVar

from msgspec.structs import replace
from returns.result import Failure, Result

from genai_fn.backend import (
    NO_CREDENTIALS_MESSAGE,
    Backend,
    Credential,
    Gemini,
    Vertex,
    build_own_credential,
    complete_project,
    extract_origin,
)
from genai_fn.effects import EffectFailed, Effects, GetRandom, GetTime, GetToken, SendRequest, Sleep
from genai_fn.engine.attempts import (
    AttemptResult,
    CallSettings,
    StreamHandle,
    attempt_stream,
    attempt_whole,
    read_until_item,
)
from genai_fn.engine.call_events import CallEvents
from genai_fn.engine.retry import compute_delay, is_retryable, is_stale_connection, is_unauthenticated
from genai_fn.errors import AuthError, GenaiError
from genai_fn.http import HttpRequest
from genai_fn.options import Options, Retry, Timeouts
from genai_fn.request import Request
from genai_fn.values import Value
from genai_fn.wire import PreparedRequest, apply_address_options, drop_backend, sign_request
from genai_fn.wire.encoding import encode_request
from genai_fn.wire.masking import Masker
from genai_fn.wire.secret_values import find_secrets, hide_credentials

T = TypeVar("T")


class RequestHandler(Protocol):
    """
    Executes single requests and server streams. The handler performs the retries; callers do not retry.

    The methods are generators of effects. `until` is the deadline, in seconds of the clock that `GetTime` reads; it is
    infinite unless a flow has one.
    """

    def handle(self, request: Request[T], until: float) -> Effects[Result[T, GenaiError]]:
        """Run one request to its end."""
        ...

    def open_stream(self, request: Request[Any], until: float) -> Effects[Result[Any, GenaiError]]:
        """Open a server stream, up to its first item; returns an opaque handle for `read_items`."""
        ...

    def read_items(self, handle: Any) -> Effects[tuple[Result[Any, GenaiError], ...]]:
        """Return the next items of a stream; ``()`` at its end. No item follows a Failure."""
        ...


RequestRunner: TypeAlias = Callable[[Request[Any], float], Effects[Result[Any, GenaiError]]]
"""The method `handle` or `open_stream` of a request handler."""


class RefusingHandler(Value, weakref=True):
    """Fails every request with the same error, such as the reason why there is no backend."""

    error: GenaiError

    def handle(self, request: Request[Any], until: float) -> Effects[Result[Any, GenaiError]]:
        """Return the error."""
        yield from ()
        return Failure(self.error)

    def open_stream(self, request: Request[Any], until: float) -> Effects[Result[Any, GenaiError]]:
        """Return the error."""
        yield from ()
        return Failure(self.error)

    def read_items(self, handle: Any) -> Effects[tuple[Result[Any, GenaiError], ...]]:
        """Return ``()``, the end of a stream."""
        yield from ()
        return ()


def find_backend(handler: RequestHandler) -> Backend | None:
    """Return the `backend` of a handler, or of the one that it wraps as its `inner`; None if there is none."""
    backends = (getattr(layer, "backend", None) for layer in iter_layers(handler))
    return next((each for each in backends if isinstance(each, Gemini | Vertex)), None)


def find_refusal(handler: RequestHandler) -> GenaiError | None:
    """Return the error of a handler that refuses all requests, or wraps one that does; None for any other."""
    return next((each.error for each in iter_layers(handler) if isinstance(each, RefusingHandler)), None)


def iter_layers(handler: RequestHandler) -> Iterator[Any]:
    """Yield a handler, the one that it wraps as its `inner`, and so on."""
    layer: Any = handler
    while layer is not None:
        yield layer
        layer = getattr(layer, "inner", None)


class HttpHandler(Value, kw_only=True, dict=True, weakref=True):
    """
    Executes requests over HTTP on a backend.

    `timeouts` and `retry` apply to requests that set none; `has_listener` turns on events (`Notify`). `is_emulated`:
    the emulator answers, and not the API, so that nothing stores its answers as answers of the API. Requests may set
    another backend; `adapt_backend` adds to it the headers of the interpreter, or the key of an `Offline`.
    """

    backend: Backend
    timeouts: Timeouts = Timeouts()
    retry: Retry = Retry()
    max_response_bytes: int = 256 * 1024 * 1024
    has_listener: bool = False
    is_emulated: bool = False
    adapt_backend: Callable[[Backend], Backend] | None = None

    @property
    def own_credential(self) -> Credential | None:
        """The credential that the backend itself contains."""
        return self._own_account.credential

    @functools.cached_property
    def _own_account(self) -> "Account":
        return _build_account(self.backend)

    @functools.cached_property
    def _other_accounts(self) -> dict[Backend, "Account"]:
        return {}

    def get_account(self, options: Options) -> "Account":
        """Return the account of a request: that of its own backend, which is cached, or of the interpreter's."""
        if options.backend is None:
            return self._own_account
        accounts = self._other_accounts
        account = accounts.get(options.backend)
        if account is None:
            backend = options.backend if self.adapt_backend is None else self.adapt_backend(options.backend)
            account = _build_account(backend, token_backend=backend)
            if len(accounts) >= _MAX_ACCOUNTS:
                accounts.clear()
            accounts[options.backend] = account
        return account

    def handle(self, request: Request[T], until: float) -> Effects[Result[T, GenaiError]]:
        """Run one request to its end."""
        return self._run_attempts(request, until, attempt_whole)

    def open_stream(self, request: Request[Any], until: float) -> Effects[Result[Any, GenaiError]]:
        """Open a server stream, up to its first item."""
        return self._run_attempts(request, until, attempt_stream)

    def read_items(self, handle: StreamHandle) -> Effects[tuple[Result[Any, GenaiError], ...]]:
        """Return the next items of a stream."""
        if not handle.pending_items and not handle.is_over:
            yield from read_until_item(handle, handle.settings.until, handle.settings.timeouts.idle)
        items, handle.pending_items = handle.pending_items, []
        if items and isinstance(items[-1], Failure):  # only the last item can be one
            items[-1] = handle.masker.mask_result(items[-1])
        if handle.settings.events is not None:
            yield from handle.settings.events.follow_items(items)
        return tuple(items)

    def _run_attempts(
        self, request: Request[Any], until: float, run_attempt: "_AttemptRunner"
    ) -> Effects[Result[Any, GenaiError]]:
        settings = self._build_call_settings(request, (yield GetTime()), until)
        account, request = self.get_account(request.options), drop_backend(request)
        # It gets a new connection: a reused one that breaks does not tell whether the server received the request.
        is_unique = not (settings.repeatable or request.operation.resumable)
        attempt, needs_new_connection = 1, is_unique
        while True:
            send = _AttemptSettings(run_attempt, account, attempt, needs_new_connection)
            outcome = yield from self._run_attempt(request, settings, send)
            if outcome.is_success:
                return outcome.result
            error = outcome.result.failure()
            if not needs_new_connection and is_stale_connection(
                error, reused=outcome.was_reused, repeatable=settings.repeatable
            ):
                needs_new_connection = True
                continue
            wait = yield from _compute_retry_wait(outcome, attempt, settings)
            if settings.events is not None:
                yield from settings.events.end_attempt(error, wait)
            if wait is None:
                return outcome.result
            yield Sleep(wait)
            attempt, needs_new_connection = attempt + 1, is_unique

    def _run_attempt(
        self, request: Request[Any], settings: CallSettings, send: "_AttemptSettings"
    ) -> Effects[AttemptResult]:
        """Send a request; if the server refuses its OAuth token, once more with a new one."""
        refused: Credential | None = None
        while True:
            ready = yield from _prepare_signed_request(request, settings, send.account, refused)
            if isinstance(ready, GenaiError):
                return AttemptResult(Failure(ready))
            prepared, signed, token = ready
            if settings.events is not None:
                shown = hide_credentials(prepared.http, request.operation)
                yield from settings.events.start_attempt(shown, send.number)
            effect = SendRequest(signed, settings.deadline, settings.timeouts.connect, send.needs_new_connection)
            outcome = yield from send.run(prepared, effect, settings)
            if outcome.is_success:
                return outcome
            outcome = outcome.mask(Masker(signed.headers, find_secrets(request.operation)))
            error = outcome.result.failure()
            if token is None or refused is not None or not is_unauthenticated(error):
                return outcome
            if settings.events is not None:
                yield from settings.events.end_attempt(error, 0.0)
            refused = token

    def _build_call_settings(self, request: Request[Any], now: float, until: float) -> CallSettings:
        options = request.options
        timeouts = options.timeouts or self.timeouts
        until = until if options.deadline is None else min(until, now + options.deadline)
        return CallSettings(
            timeouts=timeouts,
            retry=options.retry or self.retry,
            deadline=min(until, now + timeouts.total),
            until=until,
            repeatable=request.operation.repeatable,
            max_response_bytes=self.max_response_bytes,
            is_final=options.is_final,
            events=CallEvents(request.operation, now) if self.has_listener else None,
        )


class Account(Value):
    """
    A backend, and its own credential if it contains one, or why it can have none.

    OAuth tokens are requested for `token_backend`; None is the backend of the interpreter.
    """

    backend: Backend
    credential: Credential | None
    problem: AuthError | None
    token_backend: Backend | None


def _build_account(backend: Backend, token_backend: Backend | None = None) -> Account:
    return Account(backend, build_own_credential(backend), find_credential_problem(backend), token_backend)


_MAX_ACCOUNTS = 256
"""Maximum number of cached accounts of the backends that requests set."""


def _prepare_signed_request(
    request: Request[T], settings: CallSettings, account: "Account", refused: Credential | None
) -> Effects[tuple[PreparedRequest[T], HttpRequest, Credential | None] | GenaiError]:
    """
    Resolve the credential, then encode and sign the request. Encoding may need the project of the credential.

    The last value is the OAuth credential, or None if none was needed. One that the server `refused` is renewed.
    """
    backend, options = account.backend, request.options
    if account.problem is not None:
        return account.problem
    addressed = apply_address_options(backend, options)
    credential = account.credential if addressed is backend else build_own_credential(addressed)
    token: Credential | None = None
    if credential is None:
        answer: Credential | EffectFailed = yield GetToken(settings.deadline, refused, account.token_backend)
        if isinstance(answer, EffectFailed):
            return answer.error
        token = answer
        completed = complete_project(backend, token)
        if isinstance(completed, Failure):
            failed: GenaiError = completed.failure()
            return failed
        backend = completed.unwrap()
        credential = replace(token, origin=extract_origin(apply_address_options(backend, options).root))
    try:
        prepared = encode_request(request, backend)
    except GenaiError as error:
        return error
    return prepared, sign_request(prepared.http, credential), token


_AttemptRunner: TypeAlias = Callable[[PreparedRequest[Any], SendRequest, CallSettings], Effects[AttemptResult]]


class _AttemptSettings(Value):
    """How to run an attempt, with which account, its number from 1, and whether it needs a new connection."""

    run: _AttemptRunner
    account: Account
    number: int
    needs_new_connection: bool


def find_credential_problem(backend: Backend) -> AuthError | None:
    """
    Return an error if a `Gemini` backend has neither an API key nor headers, or has an ephemeral token.

    Ephemeral tokens are valid for Live sessions only.
    """
    if not isinstance(backend, Gemini):
        return None
    if backend.api_key is None:
        return None if backend.headers else AuthError(NO_CREDENTIALS_MESSAGE)
    if backend.is_ephemeral:
        return AuthError(
            "an ephemeral token (auth_tokens/…) opens Live sessions and nothing else; give an API key, or use Offline()"
        )
    return None


def _compute_retry_wait(outcome: AttemptResult, attempt: int, settings: CallSettings) -> Effects[float | None]:
    """Return the seconds until the next attempt; None if there is none, or if it would start after the deadline."""
    error = outcome.result.failure()
    if outcome.has_started or not is_retryable(error, settings.retry, repeatable=settings.repeatable):
        return None
    if settings.is_final is not None and settings.is_final(error):
        return None
    seconds = compute_delay(error, attempt, settings.retry, (yield GetRandom()))
    now: float = yield GetTime()
    return None if seconds is None or now + seconds >= settings.deadline else seconds
