"""Explains what an action or a stream would send first, without sending it."""

from typing import Any

from returns.result import Result

from genai_fn.effects import Explain
from genai_fn.errors import GenaiError
from genai_fn.request import Description, FlowGenerator, flow


@flow
def run_explained(source: Description) -> FlowGenerator[Result[str, GenaiError]]:
    """Return the first request of an action or a stream as a curl command."""
    text: Result[str, Any] = yield Explain(source)
    return text
