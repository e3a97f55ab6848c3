"""Strategies for HTTP error responses and for every error of the library."""

from typing import Any, Final

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from genai_fn import codec
from genai_fn.backend import Gemini, Vertex
from genai_fn.errors import (
    AsyncOnly,
    AuthError,
    BudgetExceeded,
    CertificateError,
    Closed,
    ConnectError,
    CountMismatch,
    DecodeError,
    Disconnected,
    EmbeddingFailed,
    FunctionCallError,
    GenaiError,
    InvalidRequest,
    LiveClosed,
    MissingExtra,
    NoAnswer,
    NoText,
    OperationFailed,
    PageLoop,
    QuotaExceeded,
    TimedOut,
    TimeoutPhase,
    Truncated,
    Unsupported,
)
from genai_fn.http import Headers, HttpResponse
from genai_fn.testing.strategies.values.types import json, texts
from genai_fn.testing.strategies.weighted import WeightedChoices, weighted_choices
from genai_fn.wire import build_api_error

_STATUSES = {
    503: "UNAVAILABLE",
    429: "RESOURCE_EXHAUSTED",
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    500: "INTERNAL",
    504: "DEADLINE_EXCEEDED",
    408: "",
    409: "ABORTED",
    412: "FAILED_PRECONDITION",
    413: "",
    416: "OUT_OF_RANGE",
    499: "CANCELLED",
    501: "UNIMPLEMENTED",
    502: "",
    302: "",
    304: "",
    418: "",
    529: "",
    599: "",
}


@st.composite
def error_responses(draw: DrawFn) -> HttpResponse:
    """Draw responses with a status other than 2xx: errors of the service, and pages of proxies."""
    code = draw(_codes)
    error: dict[str, Any] = {"code": code, "message": draw(texts)}
    if status := _STATUSES.get(code):
        error["status"] = status
    if details := draw(_details):
        error["details"] = details
    tree = draw(st.sampled_from([{"error": error}, [{"error": error}], {"error": error["message"]}]))
    page = draw(_pages)
    media_type = "application/json; charset=UTF-8" if page is None else "text/html"
    headers: Headers = (("content-type", media_type), *draw(_retry_headers))
    return HttpResponse(code, headers, codec.encode(tree) if page is None else page)


_codes = st.sampled_from(list(_STATUSES))

_detail = st.one_of(
    st.fixed_dictionaries(
        {
            "@type": st.just("type.googleapis.com/google.rpc.RetryInfo"),
            "retryDelay": st.one_of(st.integers(0, 60).map("{}s".format), st.just("0.25s"), texts),
        }
    ),
    st.fixed_dictionaries({"@type": st.just("type.googleapis.com/google.rpc.ErrorInfo"), "reason": texts}),
    st.dictionaries(texts, json, max_size=2),
)
_details = st.lists(_detail, max_size=2)

_retry_headers: SearchStrategy[Headers] = st.one_of(
    st.just(()),
    st.integers(0, 60).map(lambda seconds: (("retry-after", str(seconds)),)),
    st.integers(0, 60_000).map(lambda wait: (("retry-after-ms", str(wait)),)),
)


_PAGES = [b"", b"<!DOCTYPE html>\n<title>Error</title>", b"Service Unavailable", b"\xff\xfe"]
_pages: SearchStrategy[bytes | None] = st.sampled_from([None] * 12 + _PAGES)
"""The page of a proxy, or, three times as often, None."""


STREAM_ERRORS: Final[SearchStrategy[GenaiError]] = st.one_of(
    st.builds(Disconnected, st.just("reading the answer"), st.sampled_from(["the peer closed", "reset by peer"])),
    st.builds(TimedOut, st.just("idle"), st.just("reading the answer"), st.just(value=True)),
    st.builds(DecodeError, st.just("JSON"), st.just(""), texts),
    error_responses().map(build_api_error),
)
"""Errors that can end a stream after it has begun."""

_PHASES: list[TimeoutPhase] = ["connect", "headers", "idle", "total", "poll"]

_network_errors: SearchStrategy[GenaiError] = st.one_of(
    st.builds(TimedOut, st.sampled_from(_PHASES), texts, st.booleans()),
    st.builds(CertificateError, st.just("the TLS handshake"), texts),
    st.builds(ConnectError, st.sampled_from(["resolving the name", "connecting", "the TLS handshake"]), texts),
    st.builds(Disconnected, st.just("waiting for the answer"), texts, st.booleans()),
    st.builds(Closed),
)

_rare_errors: SearchStrategy[GenaiError] = st.one_of(
    st.builds(AuthError, texts),
    st.builds(
        Unsupported, st.sampled_from([Gemini.title, Vertex.title]), st.lists(texts, min_size=1, max_size=2).map(tuple)
    ),
    st.builds(InvalidRequest, texts, json, texts),
    st.builds(AsyncOnly, texts),
    st.builds(MissingExtra, texts, texts, texts),
    st.builds(Truncated, texts, st.none() | texts),
    st.builds(NoText, st.none() | texts, st.none() | texts),
    st.builds(OperationFailed, texts, st.none() | st.integers(0, 16), texts),
    st.builds(FunctionCallError, texts, texts),
    st.builds(BudgetExceeded, st.floats(0, 99), st.floats(0, 99), st.sampled_from(("USD", "tokens"))),
    st.builds(
        QuotaExceeded,
        st.sampled_from(("requests per day", "requests per minute")),
        st.integers(1, 99),
        st.none() | st.floats(0, 99),
    ),
    st.builds(CountMismatch, st.integers(0, 99), st.integers(0, 99)),
    st.builds(EmbeddingFailed, st.integers(0, 99), texts, _network_errors),
    st.builds(PageLoop, texts),
    st.builds(LiveClosed, st.integers(1000, 4999), texts),
    st.builds(NoAnswer, st.none()),
)

_error_choices: WeightedChoices = {
    "an error response": (6, error_responses().map(build_api_error)),
    "a network error": (4, _network_errors),
    "an unreadable response": (2, st.builds(DecodeError, texts, texts, texts)),
    "a rare error": (3, _rare_errors),
}


@st.composite
def broken_sequences(draw: DrawFn, whole: SearchStrategy[Any], errors: SearchStrategy[Any]) -> list[Any]:
    """Draw lists of some first items of a sequence, and an error as the last item."""
    items = draw(whole)
    return [*items[: draw(st.integers(0, len(items)))], draw(errors)]


def errors() -> SearchStrategy[GenaiError]:
    """Draw errors of every class; errors of the service and the network are more frequent."""
    return weighted_choices(_error_choices)
