"""What google-genai 3.6.1 reads from replies: all values that are not empty, under their names in Python."""

import base64
import json
from collections.abc import Iterator
from datetime import datetime
from enum import Enum
from functools import partial
from pathlib import Path
from typing import Any

from exchange import exchange
from google.genai.pagers import Pager
from methods import call
from operations import OPERATIONS, VERTEX_NAMES
from pydantic import BaseModel

__all__ = ["capture_replies"]


def capture_replies(replies: Path) -> Iterator[str]:
    """Yield lines of JSON: operation, backend, reply, and the values that are read."""
    for line in replies.read_text(encoding="utf-8").splitlines():
        operation, backend, reply, *_ = json.loads(line)
        arguments = VERTEX_NAMES.get(operation, OPERATIONS[operation]) if backend == "vertex" else OPERATIONS[operation]
        wires, value = exchange(backend, partial(_call, operation, arguments), reply)
        outcome = {"$raises": type(value).__name__} if isinstance(value, Exception) else _dump(value)
        if wires:
            yield json.dumps([operation, backend, reply, outcome], separators=(",", ":"))


def _call(operation: str, arguments: dict[str, Any], client: Any) -> Any:
    return call(operation, client, arguments)


def _dump(value: Any) -> Any:
    if isinstance(value, Pager):
        return {"page": [_dump(each) for each in value.page]}
    if isinstance(value, BaseModel):
        fields = ((name, getattr(value, name)) for name in type(value).model_fields if name not in _OWN)
        return {name: dumped for name, each in fields if (dumped := _dump(each)) not in (None, [], {})}
    if isinstance(value, dict):
        return {name: dumped for name, each in value.items() if (dumped := _dump(each)) not in (None, [], {})}
    if isinstance(value, list):
        return [_dump(each) for each in value]
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, datetime):
        return value.isoformat()
    return value.value if isinstance(value, Enum) else value


_OWN = ("sdk_http_response", "parsed", "automatic_function_calling_history")
