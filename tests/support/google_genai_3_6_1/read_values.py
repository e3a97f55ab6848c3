"""Compares what google-genai 3.6.1 read from replies, as it was captured, with ours."""

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from genai_fn.http import HttpResponse
from genai_fn.results import Failure
from genai_fn.testing.strategies.arguments import BUILDERS
from genai_fn.wire import decode
from tests.support.drawn_replies import to_plain_data
from tests.support.google_genai.agreement import PLACES
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
    decoded = decode(request, response, PLACES[captured.backend][1])
    if isinstance(decoded, Failure):
        return [f"failure: {type(decoded.failure()).__name__}"]
    value, theirs = decoded.unwrap(), captured.outcome
    if isinstance(theirs, dict) and "page" in theirs:
        theirs = {type(value).__struct_fields__[-1]: theirs["page"]} if theirs["page"] else {}
    ours = _dump(to_plain_data(value))
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


def _dump(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _dump(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_dump(each) for each in value]
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return value.isoformat() if isinstance(value, datetime) else value
