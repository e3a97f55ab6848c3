"""
Hypothesis strategies for API values, requests, replies, Live messages and interpreters. Needs the extra ``testing``.

Drawn values are valid and need no further conversion, and they shrink to small examples.

- ``requests``, ``arguments``: requests of every operation, and the arguments of their builders.
- ``registration``: `register`, which makes ``st.from_type`` draw the types of this library.
- ``deferred``, ``weighted``: helpers that build and combine strategies.
- ``responses/``: replies, streams, errors and HTTP responses.
- ``values/``: values of API types, and JSON.
- ``drawn_interpreters/``: interpreters that answer any request with a drawn reply.
"""

from genai_fn.errors import MissingExtra
from genai_fn.interpreters.extras import install_command

try:
    from genai_fn.testing.strategies.drawn_interpreters.interpreter import interpreters
    from genai_fn.testing.strategies.drawn_interpreters.live_replies import messages
    from genai_fn.testing.strategies.registration import register
    from genai_fn.testing.strategies.requests import requests
    from genai_fn.testing.strategies.responses.http import http_responses
    from genai_fn.testing.strategies.responses.replies import chunks, replies
    from genai_fn.testing.strategies.values.types import from_type, json, texts
except ModuleNotFoundError as error:
    if error.name != "hypothesis":
        raise
    missing = MissingExtra("hypothesis", __name__, install_command("hypothesis"))
    raise ModuleNotFoundError(str(missing), name="hypothesis") from None

__all__ = [
    "chunks",
    "from_type",
    "http_responses",
    "interpreters",
    "json",
    "messages",
    "register",
    "replies",
    "requests",
    "texts",
]
