"""The modifier ``explained``: the request that would be sent, as a command of curl."""

from typing import Any

from genai_fn.flows.explaining import run_explained
from genai_fn.request import Description, Flow, Modifier, Request, Stream

__all__ = ["ExplainedModifier", "explained"]


class ExplainedModifier(Modifier):
    """An action or a stream returns its first HTTP request as a text, and sends nothing."""

    def __call__(self, description: Request[Any] | Flow[Any] | Stream[Any]) -> Flow[str]:
        return super().__call__(description)  # type: ignore[no-any-return]  # `_apply_explained` returns a Flow


def _apply_explained(description: Description) -> Flow[str]:
    return Flow(run_explained, description)


explained = ExplainedModifier(_apply_explained)
r"""
Return the HTTP request that would be sent as a command of curl, with masked credentials; nothing is sent.

It is that of the interpreter's backend, or of the Gemini Developer API if it has none. A flow or a stream runs up to
its first request, without its sleeps, so functions that it calls before that one are called. See `to_curl`.

>>> from genai_fn import Offline, explained, models
>>> print(Offline()(models.get("gemini-2.5-flash") | explained).unwrap())  # doctest: +ELLIPSIS
curl 'https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-flash' \
  ...
"""
