"""What does it cost to build a request and write it as bytes?"""

import json
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pybase64
from google.genai import Client, types

from benchmarks.material import CONFIG, IMAGE, MODEL, QUESTION
from benchmarks.report import Effort, Row, compared, cpu, micro, milli
from genai_fn import Gemini, encode, generate
from genai_fn.schema import Blob, Content, GenerateContentConfig, Part
from genai_fn.schema.convert import as_struct

_BACKEND = Gemini(api_key="test-key")


def ask(effort: Effort) -> Iterator[Row]:
    """A config with nearly everything set, and a picture of megabytes."""
    found = micro(compared(_full(effort), effort.rounds))
    yield Row("build + encode, full config", "µs of CPU", found, of_theirs=0.0125, of_limit=1.1)
    yield Row("the same, config as a dict", "µs of CPU", micro(compared(_mapping(effort), effort.rounds)))
    yield Row("build + encode, text alone", "µs of CPU", micro(compared(_text(effort), effort.rounds)))
    found = milli(compared(_image(effort), effort.rounds))
    yield Row("encode an 8 MiB image", "ms of CPU", found, of_theirs=0.01, of_limit=1.1)


def _full(effort: Effort) -> dict[str, Callable[[], float]]:
    ours, theirs = as_struct(GenerateContentConfig, CONFIG, "config"), types.GenerateContentConfig(**CONFIG)
    client, raw = _Writing(), _raw(generate(MODEL, QUESTION, CONFIG))
    encoder = msgspec.json.Encoder()
    return {
        "ours": cpu(lambda: encode(generate(MODEL, QUESTION, ours), _BACKEND).unwrap(), effort.times(2000)),
        "theirs": cpu(lambda: client.write(QUESTION, theirs), effort.times(200)),
        "limit": cpu(lambda: encoder.encode(raw), effort.times(5000)),
    }


def _mapping(effort: Effort) -> dict[str, Callable[[], float]]:
    client = _Writing()
    return {
        "ours": cpu(lambda: encode(generate(MODEL, QUESTION, CONFIG), _BACKEND).unwrap(), effort.times(1000)),
        "theirs": cpu(lambda: client.write(QUESTION, dict(CONFIG)), effort.times(200)),
    }


def _text(effort: Effort) -> dict[str, Callable[[], float]]:
    client, raw, encoder = _Writing(), _raw(generate(MODEL, QUESTION)), msgspec.json.Encoder()
    return {
        "ours": cpu(lambda: encode(generate(MODEL, QUESTION), _BACKEND).unwrap(), effort.times(4000)),
        "theirs": cpu(lambda: client.write(QUESTION, None), effort.times(400)),
        "limit": cpu(lambda: encoder.encode(raw), effort.times(10000)),
    }


def _image(effort: Effort) -> dict[str, Callable[[], float]]:
    client = _Writing()
    ours = Content(role="user", parts=(Part(inline_data=Blob(mime_type="image/png", data=IMAGE)),))
    theirs = types.Content(role="user", parts=[types.Part(inline_data=types.Blob(mime_type="image/png", data=IMAGE))])
    return {
        "ours": cpu(lambda: encode(generate(MODEL, ours), _BACKEND).unwrap(), effort.times(30)),
        "theirs": cpu(lambda: client.write(theirs, None), effort.times(5)),
        "limit": cpu(lambda: pybase64.b64encode(IMAGE), effort.times(30)),
    }


def _raw(request: Any) -> Any:
    """Take the body as msgspec gets it."""
    return request.operation.gemini(_BACKEND).body


class _Writing:
    """google-genai up to where the bytes are ready: its own path, cut off where httpx would take over."""

    def __init__(self) -> None:
        self._client = Client(api_key="test-key")
        vars(self._client)["_api_client"]._request = self._written  # noqa: SLF001  # its last step before the network

    def write(self, contents: Any, config: Any) -> None:
        try:
            self._client.models._generate_content(model=MODEL, contents=contents, config=config)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]  # without the loop around it
        except _WrittenError:
            return
        raise AssertionError("nothing was written")

    def _written(self, request: Any, options: object = None, stream: bool = False) -> Any:
        json.dumps(request.data)
        raise _WrittenError


class _WrittenError(Exception):
    pass
