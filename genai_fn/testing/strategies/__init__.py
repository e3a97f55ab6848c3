"""
Hypothesis strategies: values of the types of the API (`of`), requests, what these are answered, what is said in live
sessions, and whole interpreters.

Drawn values are valid and settled, and shrink to something small. Needs the extra ``testing``.
"""

from genai_fn.testing.strategies.http import http_responses
from genai_fn.testing.strategies.interpreters import interpreters
from genai_fn.testing.strategies.registering import register
from genai_fn.testing.strategies.replies import chunks, replies
from genai_fn.testing.strategies.requests import requests
from genai_fn.testing.strategies.sessions import messages
from genai_fn.testing.strategies.types import json, of, texts

__all__ = [
    "chunks",
    "http_responses",
    "interpreters",
    "json",
    "messages",
    "of",
    "register",
    "replies",
    "requests",
    "texts",
]
