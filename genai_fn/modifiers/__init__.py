"""
Modifiers: the right side of ``|``. Each returns a new request, flow or stream.

Modifiers that configure the request apply to the request at the root, however many modifiers are between. The
subclasses of `Modifier` state the types of input and output for type checkers.

- `continuation`: ``continued``, which completes responses that the service has cut.
- `function_calling`: ``calling``, the function-calling loop.
- `request_config`: ``with_config``, ``with_options``, ``with_system``, ``with_tools``.
- `results`: ``text``, ``returning``, ``with_http_response``.
- `streaming`: ``streamed``, ``pages``, ``items``, ``each``, ``joined``, ``collected``.
"""

from genai_fn.modifiers.continuation import continued
from genai_fn.modifiers.function_calling import calling
from genai_fn.modifiers.request_config import with_config, with_options, with_system, with_tools
from genai_fn.modifiers.results import returning, text, with_http_response
from genai_fn.modifiers.streaming import collected, each, items, joined, pages, streamed

__all__ = [
    "calling",
    "collected",
    "continued",
    "each",
    "items",
    "joined",
    "pages",
    "returning",
    "streamed",
    "text",
    "with_config",
    "with_http_response",
    "with_options",
    "with_system",
    "with_tools",
]
