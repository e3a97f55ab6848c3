"""
Modifiers: the right side of ``|``. Each returns a new request, flow or stream.

Modifiers that configure the request apply to the request at the root, however many modifiers are between. The
subclasses of `Modifier` state the types of input and output for type checkers.

- `batching`: ``batched``, which runs a `gather` through the Batch API; this package does not load it.
- `continuation`: ``continued``, which completes responses that the service has cut.
- `explanation`: ``explained``, which returns the request instead of sending it.
- `function_calling`: ``calling``, the function-calling loop.
- `partial_results`: ``partial``, which streams a value of a type while it arrives.
- `request_config`: ``with_config``, ``with_model``, ``with_options``, ``with_system``, ``with_tools``.
- `results`: ``text``, ``returning``, ``with_http_response``.
- `streaming`: ``streamed``, ``pages``, ``items``, ``each``, ``joined``, ``collected``.
- `validation`: ``retry_invalid``, which sends invalid answers back to the model.
"""

from genai_fn.modifiers.continuation import continued
from genai_fn.modifiers.explanation import explained
from genai_fn.modifiers.function_calling import calling
from genai_fn.modifiers.partial_results import partial
from genai_fn.modifiers.request_config import with_config, with_model, with_options, with_system, with_tools
from genai_fn.modifiers.results import returning, text, with_http_response
from genai_fn.modifiers.streaming import collected, each, items, joined, pages, streamed
from genai_fn.modifiers.validation import retry_invalid

__all__ = [
    "calling",
    "collected",
    "continued",
    "each",
    "explained",
    "items",
    "joined",
    "pages",
    "partial",
    "retry_invalid",
    "returning",
    "streamed",
    "text",
    "with_config",
    "with_http_response",
    "with_model",
    "with_options",
    "with_system",
    "with_tools",
]
