"""The address of each kind of backend is that of google-genai 3.6.1, except for listed differences."""

from collections.abc import Mapping
from typing import Any

import pytest

from genai_fn.backend import Backend, Gemini, Vertex
from genai_fn.ops.generate import generate
from genai_fn.request import Request
from genai_fn.wire import encode
from tests.support.google_genai_3_6_1.captured import read_json

ADDRESSES: Mapping[str, Any] = read_json("addresses.json")["addresses"]

DIFFERENCES: Mapping[str, tuple[str, str]] = {
    "gemini": (
        "preview features exist in v1beta only",
        "https://generativelanguage.googleapis.com/v1beta/models/m:generateContent",
    ),
    "gemini-elsewhere": (
        "preview features exist in v1beta only",
        "https://gate.test/way/v1beta/models/m:generateContent",
    ),
    "gateway": (
        "the gateway has to know the method",
        "https://gate.test/way/publishers/google/models/m:generateContent",
    ),
    "project-without-location": (
        "what was set is used, in the location global",
        "https://gate.test/v1beta1/projects/p/locations/global/publishers/google/models/m:generateContent",
    ),
}
"""Backends that have another address on purpose: why, and which."""


@pytest.mark.parametrize("name", ADDRESSES)
def test_addresses(name: str) -> None:
    """A request, and its stream, go to the address of google-genai, or to another for a listed reason."""
    request = generate("m", "hi")
    stream = Request(request.operation.get_streaming_operation())  # type: ignore[attr-defined]  # generate has one
    at = _build_backend(ADDRESSES[name]["backend"])
    ours = [encode(each, at).unwrap().url for each in (request, stream)]
    if name in DIFFERENCES:
        assert ADDRESSES[name]["urls"][0] != ours[0]
        assert DIFFERENCES[name][1] == ours[0]
    else:
        assert ADDRESSES[name]["urls"] == ours


def _build_backend(given: Mapping[str, Any]) -> Backend:
    fields = {name: value for name, value in given.items() if name != "vertexai"}
    return Vertex(**fields) if "vertexai" in given else Gemini(**fields)
