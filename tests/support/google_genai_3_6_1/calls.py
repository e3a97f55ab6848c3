"""What google-genai 3.6.1 sends for each call, on both backends."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from addresses import HEADERS, PREFIXES, SESSION, SOCKETS
from arguments import dump_value, load_value
from chosen import list_chosen
from exchange import send
from fields import list_fields
from google.genai import types
from methods import call
from sessions import list_sessions, send_in_session

__all__ = ["capture_calls"]

_LONGEST_MESSAGE = 80


def capture_calls(calls: Path) -> Iterator[str]:
    """Yield lines of JSON: operation, arguments, outcome on Gemini and on Vertex AI; the last two are new."""
    exported = (json.loads(line)[:2] for line in calls.read_text(encoding="utf-8").splitlines())
    generated = ([name, dump_value(given)] for name, given in (*list_chosen(), *list_fields(), *list_sessions()))
    for line in dict.fromkeys(_write(each) for each in (*exported, *generated)):
        operation, given = json.loads(line)
        gemini, vertex = (_capture(backend, operation, given) for backend in PREFIXES)
        if "body" in gemini and gemini["body"] == vertex.get("body"):
            vertex["body"] = "same"
        yield _write([operation, given, gemini, vertex])


def _capture(backend: str, operation: str, given: Any) -> dict[str, Any]:
    if operation.startswith("live."):
        wire = send_in_session(backend, operation, load_value(given, types))
    else:
        wire = send(backend, lambda client: call(operation, client, load_value(given, types)))
    if "error" in wire:
        return {**wire, "message": _mask_clock(wire["message"][:_LONGEST_MESSAGE])}
    url = SESSION if wire["url"] == SOCKETS[backend] else wire["url"].removeprefix(PREFIXES[backend])
    headers = {name: value for name, value in wire["headers"].items() if HEADERS[backend].get(name) != value}
    headers.pop("content-type", None)
    outcome = {"call": f"{wire['method']} {url}"} | ({"headers": headers} if headers else {})
    return {**outcome, "body": _mask_clock(wire["body"])} if "body" in wire else outcome


def _mask_clock(value: Any) -> Any:
    """Mask the names that google-genai makes from the clock."""
    return json.loads(re.sub(r"(genai_batch_job|_dest)_\d{14}_\w+", r"\1_…", json.dumps(value)))


def _write(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))
