"""Writes recorded requests, responses and messages as text: masked, indented and shortened."""

import json
from collections.abc import Iterable, Iterator
from http import HTTPStatus
from itertools import groupby
from typing import Any, TypeGuard, cast

from docs.site_pages.wire.recording import Exchange, Record, SessionMessage
from genai_fn.http import Body, FileSlice, Headers, HttpRequest, HttpResponse, mask_headers, mask_json_fields, mask_url
from genai_fn.interpreters.live.sockets import CloseStatus
from genai_fn.wire.sse import EventParser

__all__ = ["RULE", "format_records"]

_MAX_TEXT = 300
_KEPT_TEXT = 60
_MAX_ITEMS = 4
_KEPT_ITEMS = 2
_LINE_LENGTH = 70

RULE = f"""\
JSON is indented, with short values on one line. Texts of more than {_MAX_TEXT} characters are cut after {_KEPT_TEXT},
lists of more than {_MAX_ITEMS} items after {_KEPT_ITEMS}. Of streams and answers in sessions with more than
{_MAX_ITEMS} parts, the first {_KEPT_ITEMS} and the last are shown. `…` and a number stand for the rest. Credentials are
`***`. Headers that are the same in every request are left out. In a session, `→` is before what the client sends, `←`
before what the server sends."""
"""How these texts differ from what goes over the wire, in Markdown."""

_LEFT_OUT = ("accept", "accept-encoding", "user-agent", "x-goog-api-client")


def format_records(records: Iterable[Record]) -> Iterator[str]:
    """Write each request, each response and each session as one text."""
    for is_message, group in groupby(records, key=lambda each: isinstance(each, SessionMessage)):
        if is_message:
            yield "\n".join(_format_messages([each for each in group if isinstance(each, SessionMessage)]))
        else:
            yield from (text for each in group if isinstance(each, Exchange) for text in _format_exchange(each))


def _format_exchange(exchange: Exchange) -> Iterator[str]:
    yield _format_request(exchange.request)
    if exchange.response is not None:
        yield _format_response(exchange.response)


def _format_messages(messages: list[SessionMessage]) -> Iterator[str]:
    """Write the messages; of an answer in many, the first ones and the last."""
    for is_sent, group in groupby(messages, key=lambda each: each.is_sent):
        texts = [f"{'→' if is_sent else '←'} {_format_message(each)}" for each in group]
        if len(texts) > _MAX_ITEMS:
            texts[_KEPT_ITEMS:-1] = [f"… {len(texts) - _KEPT_ITEMS - 1} more"]
        yield from texts


def _format_request(request: HttpRequest) -> str:
    return _join(f"{request.method} {mask_url(request.url)} HTTP/1.1", request.headers, _format_body(request.body))


def _format_response(response: HttpResponse) -> str:
    phrase = HTTPStatus(response.status).phrase
    is_stream = (response.get_header("content-type") or "").startswith("text/event-stream")
    body = _format_events(response.body) if is_stream else _format_body(response.body)
    return _join(f"HTTP/1.1 {response.status} {phrase}", response.headers, body)


def _join(start: str, headers: Headers, body: str) -> str:
    shown = [f"{name}: {mask_url(value)}" for name, value in mask_headers(headers) if name.lower() not in _LEFT_OUT]
    return "\n".join((start, *shown, *(("", body) if body else ())))


def _format_body(body: Body) -> str:
    if isinstance(body, FileSlice):
        return f"… {body.size} bytes of a file"
    whole = body if isinstance(body, bytes) else b"".join(body)
    try:
        return _format_json(whole)
    except ValueError:  # no JSON, or no text
        return _format_plain(whole)


def _format_plain(body: bytes) -> str:
    text = body.decode("utf-8", "replace")
    return _shorten_text(text) if text.isprintable() else f"… {len(body)} bytes"


def _format_json(text: bytes) -> str:
    shown = _dump(_shorten(json.loads(text)), "")
    return mask_json_fields(shown.encode()).decode()


def _dump(value: Any, margin: str) -> str:
    """Write a JSON tree, on one line if it is short."""
    line = json.dumps(value, ensure_ascii=False)
    if len(margin) + len(line) <= _LINE_LENGTH:
        return line
    inner = f"{margin}  "
    if _is_list(value):
        return _join_items("[", [_dump(each, inner) for each in value], "]", margin)
    if isinstance(value, dict):
        pairs = cast("dict[str, Any]", value).items()
        return _join_items("{", [f"{json.dumps(name)}: {_dump(each, inner)}" for name, each in pairs], "}", margin)
    return line


def _join_items(start: str, items: list[str], end: str, margin: str) -> str:
    separator = f",\n{margin}  "
    return f"{start}\n{margin}  {separator.join(items)}\n{margin}{end}"


def _format_events(body: bytes) -> str:
    texts = [f"data: {_format_json(each)}" for each in EventParser().feed(body)]
    if len(texts) > _MAX_ITEMS:
        texts[_KEPT_ITEMS:-1] = [f"… {len(texts) - _KEPT_ITEMS - 1} more"]
    return "\n\n".join(texts)


def _format_message(message: SessionMessage) -> str:
    if isinstance(message.content, CloseStatus):
        return f"close {message.content.code} {message.content.reason}".rstrip()
    return _format_json(message.content)


def _shorten(value: Any) -> Any:
    """Shorten the long texts and lists in a JSON tree."""
    if isinstance(value, str):
        return _shorten_text(value)
    if _is_list(value):
        if len(value) > _MAX_ITEMS:
            return [*map(_shorten, value[:_KEPT_ITEMS]), f"… {len(value) - _KEPT_ITEMS} more"]
        return [*map(_shorten, value)]
    if isinstance(value, dict):
        return {name: _shorten(each) for name, each in cast("dict[str, Any]", value).items()}
    return value


def _is_list(value: object) -> TypeGuard[list[Any]]:
    return isinstance(value, list)


def _shorten_text(text: str) -> str:
    return text if len(text) <= _MAX_TEXT else f"{text[:_KEPT_TEXT]}… {len(text) - _KEPT_TEXT} more characters"
