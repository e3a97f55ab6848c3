"""Compares what google-genai 3.6.1 read from replies, as it was captured, with ours."""

import base64
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any

import msgspec

from genai_fn.http import HttpResponse
from genai_fn.results import Failure
from genai_fn.testing.strategies.arguments import BUILDERS
from genai_fn.wire import decode
from tests.support.google_genai.agreement import BACKENDS
from tests.support.google_genai_3_6_1.captured import CASES
from tests.support.google_genai_3_6_1.operations import OPERATIONS, VERTEX_NAMES

__all__ = ["CapturedReply", "list_gained_paths", "list_lost_paths", "read_replies"]


@dataclass(frozen=True)
class CapturedReply:
    """A reply, and what was read from it."""

    operation: str
    backend: str
    reply: Any
    outcome: Any

    @property
    def is_no_value(self) -> bool:
        """Whether google-genai cannot read the reply."""
        return isinstance(self.outcome, dict) and "$raises" in self.outcome


def read_replies() -> Iterator[CapturedReply]:
    """Yield every captured reply."""
    for line in (CASES / "replies.jsonl").read_text(encoding="utf-8").splitlines():
        yield CapturedReply(*json.loads(line))


def list_lost_paths(captured: CapturedReply) -> list[str]:
    """Return the paths of values that are read differently here, or not at all; or the failure, as ``failure: …``."""
    return _compare_values(captured, lost=True)


def list_gained_paths(captured: CapturedReply) -> list[str]:
    """Return the paths of values that are read here, and that google-genai reads differently, or not at all."""
    return _compare_values(captured, lost=False)


def _compare_values(captured: CapturedReply, *, lost: bool) -> list[str]:
    arguments = OPERATIONS[captured.operation]
    if captured.backend == "vertex":
        arguments = VERTEX_NAMES.get(captured.operation, arguments)
    request = BUILDERS[captured.operation][0](**arguments)
    response = HttpResponse(200, (), json.dumps(captured.reply).encode())
    decoded = decode(request, response, BACKENDS[captured.backend][1])
    if isinstance(decoded, Failure):
        return [f"failure: {type(decoded.failure()).__name__}"]
    value, theirs = decoded.unwrap(), captured.outcome
    if isinstance(theirs, dict) and "page" in theirs:
        theirs = {type(value).__struct_fields__[-1]: theirs["page"]} if theirs["page"] else {}
    ours = _dump(value)
    return list(_list_lost(theirs, ours, "") if lost else _list_lost(ours, theirs, ""))


def _list_lost(theirs: Any, ours: Any, path: str) -> Iterator[str]:
    if isinstance(theirs, dict) and isinstance(ours, dict):
        for name, value in theirs.items():
            yield from _list_lost(value, ours.get(name), f"{path}.{name}".lstrip("."))
    elif isinstance(theirs, list) and isinstance(ours, list) and len(theirs) == len(ours):
        for one, other in zip(theirs, ours, strict=True):
            yield from _list_lost(one, other, f"{path}[]")
    elif theirs != ours and not (theirs in (None, {}, []) and ours in (None, {}, [])):
        yield path


def _dump(value: Any, name: str = "") -> Any:
    """Convert a value to JSON, without empty values: bytes in base64, times as texts."""
    if isinstance(value, msgspec.Struct):
        return _dump({each: getattr(value, each) for each in value.__struct_fields__})
    if isinstance(value, Mapping):
        filled = {str(key): _dump(each, str(key)) for key, each in value.items()}
        return {key: each for key, each in filled.items() if each not in (None, [], {})}
    if isinstance(value, list | tuple):
        return [_dump(each) for each in value]
    if name == "thought_signature" and isinstance(value, str):
        return value.translate(str.maketrans("-_", "+/"))
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, datetime):
        return value.isoformat()
    return value.value if isinstance(value, Enum) else value
