"""
Hypothesis strategies: values of the types of the API (`of`), requests, what these are answered, what is said in live
sessions, and whole interpreters.

Drawn values are valid and settled, and shrink to something small. Needs the extra ``testing``.
"""

from genai_fn.testing.strategies.drawn_interpreters.interpreter import interpreters
from genai_fn.testing.strategies.drawn_interpreters.live_replies import messages
from genai_fn.testing.strategies.registration import register
from genai_fn.testing.strategies.requests import requests
from genai_fn.testing.strategies.responses.http import http_responses
from genai_fn.testing.strategies.responses.replies import chunks, replies
from genai_fn.testing.strategies.values.types import from_type, json, texts

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
