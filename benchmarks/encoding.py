"""Cost of building a request and encoding it as bytes."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pybase64
from google.genai import Client, types

from benchmarks.payloads import CONFIG, IMAGE, MODEL, PROMPT
from benchmarks.report import Effort, Row, compare, sample_cpu_time, to_micro, to_milli
from genai_fn import Gemini, encode, generate
from genai_fn.schema import Blob, Content, GenerateContentConfig, Part
from genai_fn.schema.convert import as_struct

_BACKEND = Gemini(api_key="test-key")


def measure(effort: Effort) -> Iterator[Row]:
    """A config with nearly every field set, a request without config, and an image of 8 MiB."""
    results = to_micro(compare(_build_full_config(effort), effort.rounds))
    yield Row("build + encode, full config", "µs of CPU", results, of_theirs=0.0125, of_limit=1.1)
    yield Row(
        "build + encode, config as a dict", "µs of CPU", to_micro(compare(_build_dict_config(effort), effort.rounds))
    )
    yield Row("build + encode, no config", "µs of CPU", to_micro(compare(_build_text_only(effort), effort.rounds)))
    results = to_milli(compare(_build_image(effort), effort.rounds))
    yield Row("encode an 8 MiB image", "ms of CPU", results, of_theirs=0.01, of_limit=1.1)


def _build_full_config(effort: Effort) -> dict[str, Callable[[], float]]:
    ours, theirs = as_struct(GenerateContentConfig, CONFIG, "config"), types.GenerateContentConfig(**CONFIG)
    client, wire_body = _GoogleGenai(), _get_wire_body(generate(MODEL, PROMPT, CONFIG))
    encoder = msgspec.json.Encoder()
    return {
        "ours": sample_cpu_time(
            lambda: encode(generate(MODEL, PROMPT, ours), _BACKEND).unwrap(), effort.scale_count(2000)
        ),
        "theirs": sample_cpu_time(lambda: client.encode(PROMPT, theirs), effort.scale_count(200)),
        "limit": sample_cpu_time(lambda: encoder.encode(wire_body), effort.scale_count(5000)),
    }


def _build_dict_config(effort: Effort) -> dict[str, Callable[[], float]]:
    client = _GoogleGenai()
    return {
        "ours": sample_cpu_time(
            lambda: encode(generate(MODEL, PROMPT, CONFIG), _BACKEND).unwrap(), effort.scale_count(1000)
        ),
        "theirs": sample_cpu_time(lambda: client.encode(PROMPT, dict(CONFIG)), effort.scale_count(200)),
    }


def _build_text_only(effort: Effort) -> dict[str, Callable[[], float]]:
    client, wire_body, encoder = _GoogleGenai(), _get_wire_body(generate(MODEL, PROMPT)), msgspec.json.Encoder()
    return {
        "ours": sample_cpu_time(lambda: encode(generate(MODEL, PROMPT), _BACKEND).unwrap(), effort.scale_count(4000)),
        "theirs": sample_cpu_time(lambda: client.encode(PROMPT, None), effort.scale_count(400)),
        "limit": sample_cpu_time(lambda: encoder.encode(wire_body), effort.scale_count(10000)),
    }


def _build_image(effort: Effort) -> dict[str, Callable[[], float]]:
    client = _GoogleGenai()
    ours = Content(role="user", parts=(Part(inline_data=Blob(mime_type="image/png", data=IMAGE)),))
    theirs = types.Content(role="user", parts=[types.Part(inline_data=types.Blob(mime_type="image/png", data=IMAGE))])
    return {
        "ours": sample_cpu_time(lambda: encode(generate(MODEL, ours), _BACKEND).unwrap(), effort.scale_count(30)),
        "theirs": sample_cpu_time(lambda: client.encode(theirs, None), effort.scale_count(5)),
        "limit": sample_cpu_time(lambda: pybase64.b64encode(IMAGE), effort.scale_count(30)),
    }


def _get_wire_body(request: Any) -> Any:
    """Return the Struct that msgspec encodes as the body."""
    return request.operation.gemini(_BACKEND).body


class _GoogleGenai:
    """google-genai up to the encoded body: its request method is replaced by one that raises before calling httpx."""

    def __init__(self) -> None:
        self._client = Client(api_key="test-key")
        vars(self._client)["_api_client"]._request = self._encode_and_stop  # noqa: SLF001  # its last step before the network

    def encode(self, contents: Any, config: Any) -> None:
        try:
            self._client.models._generate_content(model=MODEL, contents=contents, config=config)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]  # without its loop for function calls
        except _EncodedError:
            return
        raise AssertionError("nothing was encoded")

    def _encode_and_stop(self, request: Any, options: object = None, stream: bool = False) -> Any:
        json.dumps(request.data)
        raise _EncodedError


class _EncodedError(Exception):
    pass
