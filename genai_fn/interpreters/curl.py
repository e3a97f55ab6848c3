"""The function `to_curl`: what an action would send to a backend, as a curl command."""

from typing import Any

from returns.result import Result

from genai_fn.backend import Backend, Gemini, Vertex
from genai_fn.engine.handler import HttpHandler
from genai_fn.errors import GenaiError, InvalidRequest
from genai_fn.interpreters.in_process import make_memory_executor
from genai_fn.interpreters.runner import RunnerParts
from genai_fn.modifiers.explanation import explained
from genai_fn.request import Flow, Request, Stream

__all__ = ["to_curl"]


def to_curl(description: Request[Any] | Flow[Any] | Stream[Any], backend: Backend) -> Result[str, GenaiError]:
    r"""
    Write the HTTP request that an action would send to a backend as a curl command for a POSIX shell.

    The command sends the same method, URL, headers and body, byte by byte. Only credentials are replaced, by ``***``,
    in headers, in the URL and in secret fields. Nothing is sent. ``request | explained`` is the same for the backend of
    the interpreter that runs it.

    Args:
        description: A request; or a flow or stream, which runs up to its first request, without its sleeps: functions
            that it calls before that are called, and files that it uploads are measured.

        backend: ``Gemini`` or ``Vertex``.

    Returns:
        ``Success`` with the command, or the failure that the action would have before its first request.

    Raises:
        InvalidRequest: If ``description`` is a session or anything else, or ``backend`` is no backend.

    Fails with:
        Unsupported: If a field is set that the backend does not have; the error lists the paths.

        AuthError: On Vertex AI, if the backend has no project; the one of the credentials is not looked up.

        InvalidRequest: If the action ends without a request.

    >>> from genai_fn import Gemini, generate
    >>> print(to_curl(generate("gemini-2.5-flash", "What's up?"), Gemini("key")).unwrap())  # doctest: +ELLIPSIS
    curl -X POST 'https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-flash:generateContent' \
      --compressed \
      ...
      -H 'x-goog-api-key: ***' \
      --data-binary '{"contents":[{"parts":[{"text":"What'\''s up?"}],"role":"user"}]}'
    """
    if not isinstance(description, Request | Flow | Stream):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers may not be type-checked
        raise InvalidRequest("description", description, "a Request, a Flow or a Stream")
    if not isinstance(backend, Gemini | Vertex):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers may not be type-checked
        raise InvalidRequest("backend", backend, "a Gemini or a Vertex")
    effects = RunnerParts(handler=HttpHandler(backend=backend)).build_effects(description | explained)
    text: Result[str, GenaiError] = make_memory_executor().run(effects)
    return text
