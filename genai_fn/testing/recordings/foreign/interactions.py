"""One recorded HTTP request with its response, and the comparison of requests."""

import re
from collections.abc import Iterable
from typing import Any, Final, cast
from urllib.parse import unquote

from genai_fn import codec
from genai_fn.http import Headers, HttpResponse, mask_url
from genai_fn.values import Value
from genai_fn.wire.masking import extract_secrets

ANY_BODY: Final[Any] = object()
"""The body of a recorded request that is not known: it matches every body."""

UPLOAD_URL: Final = ""
"""The URL of the data of an upload in google-genai's files."""


class Interaction(Value):
    """
    A recorded request with its response.

    Args:
        where: Number of the interaction, file and line, for messages.

        method: HTTP method, in upper case.

        url: URL as `normalize_url` returns it.

        body: Body of the request as `normalize_body` returns it, or `ANY_BODY`.

        response: The response.

        is_api_call: Whether the host is that of the API; if not, it is one that tokens come from, for instance.
    """

    where: str
    method: str
    url: str
    body: Any
    response: HttpResponse
    is_api_call: bool = True


class Recording(Value):
    """
    The interactions of a file, in order.

    Args:
        name: Name of the file.

        interactions: The interactions.

        urls: Their URLs as they were recorded, which show the backend.

        secrets: The credentials that the recorded requests contain, to be masked.

        is_above_retry: Whether it has the final response of each request, after all retries, and not every attempt.
    """

    name: str
    interactions: tuple[Interaction, ...]
    urls: tuple[str, ...]
    secrets: frozenset[str]
    is_above_retry: bool

    def __repr__(self) -> str:
        return f"Recording({self.name!r}, {len(self.interactions)} interactions)"


# URLs


def normalize_url(url: str) -> str:
    """
    Return the part of a URL that identifies what is requested: without host, API version, project, location, and keys.

    >>> normalize_url("https://generativelanguage.googleapis.com/v1beta/models/m:streamGenerateContent?alt=sse&key=k")
    'models/m:streamGenerateContent?alt=sse'
    >>> normalize_url("{VERTEX_URL_PREFIX}/publishers/google/models/m:generateContent")
    'publishers/google/models/m:generateContent'
    """
    place, _, query = url.partition("#")[0].partition("?")
    path = _PREFIX.sub("", place, count=1)
    path = _PROJECT.sub("", path, count=1)
    path = _VERSION.sub("", path, count=1)
    kept = sorted(_normalize_pair(each) for each in query.split("&") if each and not _is_secret_pair(each))
    return unquote(path).strip("/") + (f"?{'&'.join(kept)}" if kept else "")


_PREFIX = re.compile(r"\A(?:[a-z]+://[^/]*|\{[A-Z_]+_URL_PREFIX\})", re.IGNORECASE)
_PROJECT = re.compile(r"\A.*?/projects/[^/]+/locations/[^/]+(?=/)")
_VERSION = re.compile(r"\A(?:.*?/)?v\d+(?:(?:alpha|beta)\d*)?(?=/)")


def _normalize_pair(pair: str) -> str:
    name, _, value = unquote(pair).partition("=")
    return f"{name}={value.lower() if value in ('True', 'False') else value}"


def _is_secret_pair(pair: str) -> bool:
    return mask_url(f"?{pair}") != f"?{pair}" or pair.endswith("=***")


def is_api_url(url: str) -> bool:
    """Whether a URL is one of the API."""
    return url == UPLOAD_URL or _API_URL.search(url) is not None


_API_URL = re.compile(r"generativelanguage|aiplatform|\A\{[A-Z_]+_URL_PREFIX\}")


# Bodies


def parse_body(data: bytes) -> Any:
    """Return the normalized JSON of a body, or its bytes if it is not JSON; None if it is empty."""
    if not data:
        return None
    try:
        return normalize_body(codec.decode(data))
    except ValueError:
        return data


def normalize_body(tree: Any) -> Any:
    """
    Return JSON without what differs from program to program, and from project to project.

    These are the spelling of keys (``topK`` or ``top_k``), null, the two alphabets of base64, the project and location
    in names, and UUIDs. google-genai does not compare the last two either.

    >>> normalize_body({"generationConfig": {}, "contents": [{"parts": [{"inlineData": {"data": "-_8="}}]}]})
    {'contents': [{'parts': [{'inline_data': {'data': '+/8='}}]}]}
    """
    normalized = _normalize_tree(tree)
    return None if normalized == {} else normalized


def _normalize_tree(tree: Any) -> Any:
    if isinstance(tree, dict):
        members = [(_to_snake_case(name), _normalize_tree(each)) for name, each in cast("dict[str, Any]", tree).items()]
        return {
            name: each
            for name, each in members
            if each is not None and not (name == "generation_config" and each == {})
        }
    if isinstance(tree, list | tuple):
        return [_normalize_tree(each) for each in cast("Any", tree)]
    return _normalize_text(tree) if isinstance(tree, str) else tree


def _to_snake_case(name: str) -> str:
    return _WORD_START.sub(r"_\1", name).lower()


_WORD_START = re.compile(r"(?<=[a-z0-9])([A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def _normalize_text(text: str) -> str:
    if "projects/" in text:
        text = _NAMED_PROJECT.sub("{PROJECT_AND_LOCATION_PATH}/", text)
    if text.count("-") >= _UUID_HYPHENS:
        text = _UUID.sub("{UUID}", text)
    if ("-" in text or "_" in text) and len(text) % 4 == 0 and _BASE64URL.fullmatch(text):
        text = text.translate(_TO_BASE64)
    return text


_NAMED_PROJECT = re.compile(r"projects/[^/]+/locations/[^/]+/")
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_UUID_HYPHENS = 4
_BASE64URL = re.compile(r"[A-Za-z0-9_-]+={0,2}")
_TO_BASE64 = str.maketrans("-_", "+/")


def matches_body(recorded: Any, actual: Any) -> bool:
    """
    Whether a normalized body is the recorded one. ``{REDACTED}`` in the recording stands for any value.

    >>> matches_body({"contents": ["{REDACTED}"]}, {"contents": ["hi"]})
    True
    """
    if recorded is ANY_BODY or recorded == REDACTED:
        return True
    if all(isinstance(each, dict) for each in (recorded, actual)):
        return recorded.keys() == actual.keys() and all(matches_body(recorded[name], actual[name]) for name in recorded)
    if all(isinstance(each, list) for each in (recorded, actual)):
        return len(recorded) == len(actual) and all(map(matches_body, recorded, actual))
    return isinstance(recorded, bool) == isinstance(actual, bool) and bool(recorded == actual)


REDACTED: Final = "{REDACTED}"


# Secrets


def find_recorded_secrets(headers: Headers, urls: Iterable[str]) -> frozenset[str]:
    """Return the credentials in recorded headers and URLs, without placeholders that replace them."""
    pairs = (pair for url in urls for pair in url.partition("?")[2].split("&") if _is_secret_pair(pair))
    found = {*extract_secrets(headers), *(form for pair in pairs for form in _list_forms(pair.partition("=")[2]))}
    return frozenset(each for each in found if each and not _PLACEHOLDER.fullmatch(each))


def _list_forms(value: str) -> tuple[str, str]:
    return value, unquote(value)


_PLACEHOLDER = re.compile(r"(?:Bearer )?(?:\*+|[\[{<]*(?:redacted|scrubbed|filtered|dummy)[\]}>]*)", re.IGNORECASE)
