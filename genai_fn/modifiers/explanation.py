"""The modifier ``explained``: returns the request that would be sent, as a curl command."""

from typing import TYPE_CHECKING, Any

from genai_fn.flows.explaining import run_explained
from genai_fn.request import Description, Flow, Modifier, Request, Stream

__all__ = ["ExplainedModifier", "explained"]


class ExplainedModifier(Modifier):
    """An action or a stream sends nothing, and returns its first HTTP request as a curl command."""

    if TYPE_CHECKING:  # `Modifier.__call__` has a hint for a call without arguments

        def __call__(self, description: Request[Any] | Flow[Any] | Stream[Any]) -> Flow[str]: ...


def _apply_explained(description: Description) -> Flow[str]:
    return Flow(run_explained, description)


explained = ExplainedModifier(_apply_explained)
r"""
Return the HTTP request that would be sent as a curl command, with masked credentials; nothing is sent.

It is the request for the interpreter's backend. An interpreter without a backend writes it for the Gemini Developer
API, or for Vertex AI if only Vertex AI has the operation. A flow or a stream runs up to its first request: it skips
sleeps, and calls the functions that come before the request. See `to_curl`.

Fails with `Unsupported` if the backend does not have the operation or a field, and with `InvalidRequest` if the action
sends no request.

>>> from genai_fn import Offline, explained, models
>>> print(Offline()(models.get("gemini-2.5-flash") | explained).unwrap())  # doctest: +ELLIPSIS
curl 'https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-flash' \
  ...
"""
