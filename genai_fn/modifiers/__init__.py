"""
What stands after a ``|``: how a description is shaped, streamed, read, run.

A modifier that shapes the request applies to the request at the root, however many others stand between; the subclasses
of `Modifier` here say to type checkers what each makes of what.
"""

from genai_fn.modifiers.function_calling import calling
from genai_fn.modifiers.request_config import with_config, with_options, with_system, with_tools
from genai_fn.modifiers.results import returning, text, with_http_response
from genai_fn.modifiers.streaming import collected, each, items, joined, pages, streamed

__all__ = [
    "calling",
    "collected",
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
