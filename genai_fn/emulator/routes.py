"""Which method of the API a request means, by its address: the one table of the emulator."""

import re
from collections.abc import Callable
from typing import TypeAlias
from urllib.parse import parse_qsl, unquote, urlsplit

from genai_fn.emulator.faults import Fault, refused
from genai_fn.emulator.generating import generated, streamed
from genai_fn.emulator.reading import Asked
from genai_fn.http import HttpRequest, HttpResponse

__all__ = ["answer"]


def answer(request: HttpRequest) -> HttpResponse:
    """
    Answer a request as the API would, made-up words apart; the same request always gets the same answer.

    >>> answer(HttpRequest("GET", "https://generativelanguage.googleapis.com/v1beta/moods")).status
    404
    """
    try:
        method, asked = _found(request)
        return method(asked)
    except Fault as fault:
        return refused(fault)


_Method: TypeAlias = Callable[[Asked], HttpResponse]

_ROUTES: tuple[tuple[str, str, _Method], ...] = (
    ("POST", "models/{model}:generateContent", generated),
    ("POST", "tunedModels/{model}:generateContent", generated),
    ("POST", "publishers/*/models/{model}:generateContent", generated),
    ("POST", "projects/*/locations/*/publishers/*/models/{model}:generateContent", generated),
    ("POST", "projects/*/locations/*/models/{model}:generateContent", generated),
    ("POST", "projects/*/locations/*/endpoints/{model}:generateContent", generated),
    ("POST", "models/{model}:streamGenerateContent", streamed),
    ("POST", "tunedModels/{model}:streamGenerateContent", streamed),
    ("POST", "publishers/*/models/{model}:streamGenerateContent", streamed),
    ("POST", "projects/*/locations/*/publishers/*/models/{model}:streamGenerateContent", streamed),
    ("POST", "projects/*/locations/*/models/{model}:streamGenerateContent", streamed),
    ("POST", "projects/*/locations/*/endpoints/{model}:streamGenerateContent", streamed),
)


def _found(request: HttpRequest) -> tuple[_Method, Asked]:
    address = urlsplit(request.url)
    for verb, pattern, method in _TABLE:
        match = pattern.fullmatch(address.path)
        if verb == request.method and match is not None:
            names = {name: unquote(value) for name, value in match.groupdict().items()}
            return method, Asked(address.path, names, dict(parse_qsl(address.query)), request.body)
    raise Fault(404, "NOT_FOUND", f"{request.method} {address.path} is no method of the API that is emulated.")


def _pattern(path: str) -> re.Pattern[str]:
    """Let a path follow the version, or, as gateways have it, any path without one."""
    literal = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/:]+)", path.replace("*", "[^/:]+"))
    return re.compile(rf"(?:(?:/[^/]+)*?/v[0-9]\w*|(?:/(?!v[0-9]\w*/)[^/]+)*)/{literal}")


_TABLE = tuple((verb, _pattern(path), method) for verb, path, method in _ROUTES)
