"""Errors on the paths for clients of OpenAI's API: the same ones as elsewhere, in a list with one element."""

import re

from genai_fn.http import HttpResponse


def is_openai_path(path: str) -> bool:
    """
    Whether a path is one for clients of OpenAI's API.

    >>> is_openai_path("/v1beta/openai/models"), is_openai_path("/v1/publishers/openai/models/m:generateContent")
    (True, False)
    """
    return _OPENAI_PATH_PATTERN.search(path) is not None


_OPENAI_PATH_PATTERN = re.compile(r"(?<!/publishers)/openai/|/endpoints/openapi/|/chat/completions\Z")


def format_error_response(path: str, response: HttpResponse) -> HttpResponse:
    """Return an error response in the form of its path: as it is, or in a list with one element. Others stay."""
    if not is_openai_path(path) or not response.body.startswith(b'{"error"'):
        return response
    return HttpResponse(response.status, response.headers, b"[" + response.body + b"]")
