"""Cost of building a request and encoding it as bytes."""

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from benchmarks.cases import Case, Task
from benchmarks.environments import Contestant
from benchmarks.payloads import CONFIG, IMAGE, MODEL, PROMPT, build_history
from benchmarks.report import Effort, Row
from benchmarks.workers import measure_cases

_TURNS = 400


def measure(contestants: Mapping[str, Contestant], effort: Effort) -> Iterator[Row]:
    """A config with nearly every field set, a request without config, a long history, and an image of 8 MiB."""
    yield from measure_cases(sys.modules[__name__], contestants, effort)


def _encode_ours(build: Callable[[], tuple[Any, Any]]) -> Callable[[Task], None]:
    """Repeat building and encoding a request of the contents and config that `build` prepares."""

    def run(task: Task) -> None:
        from genai_fn import Gemini, encode, generate

        backend = Gemini(api_key="test-key")
        contents, config = build()
        task.repeat(lambda: encode(generate(MODEL, contents, config), backend).unwrap())

    return run


def _encode_theirs(build: Callable[[], tuple[Any, Any]]) -> Callable[[Task], None]:
    def run(task: Task) -> None:
        encode = _build_encoder_of_google_genai()
        contents, config = build()
        task.repeat(lambda: encode(contents, dict(config) if isinstance(config, dict) else config))

    return run


def _encode_raw(build: Callable[[], tuple[Any, Any]]) -> Callable[[Task], None]:
    """Let msgspec encode the finished body."""

    def run(task: Task) -> None:
        import msgspec

        from genai_fn import Gemini, generate

        contents, config = build()
        request: Any = generate(MODEL, contents, config)
        body, encoder = request.operation.gemini(Gemini()).body, msgspec.json.Encoder()
        task.repeat(lambda: encoder.encode(body))

    return run


def _encode_image(task: Task) -> None:
    """Let pybase64 encode the image."""
    import pybase64

    task.repeat(lambda: pybase64.b64encode(IMAGE))


def _build_encoder_of_google_genai() -> Callable[[Any, Any], None]:
    """google-genai up to the encoded body: its request method is replaced by one that raises before calling HTTP."""
    from google.genai import Client

    class EncodedError(Exception):
        pass

    def encode_and_stop(request: Any, *_: object, **__: object) -> Any:
        json.dumps(request.data)
        raise EncodedError

    client = Client(api_key="test-key")
    vars(client)["_api_client"]._request = encode_and_stop  # noqa: SLF001  # its last step before the network

    def encode(contents: Any, config: Any) -> None:
        try:
            client.models._generate_content(model=MODEL, contents=contents, config=config)  # noqa: SLF001  # without its loop for function calls
        except EncodedError:
            return
        raise AssertionError("nothing was encoded")

    return encode


# What is encoded; as objects, each library has its own


def _build_our_config() -> tuple[Any, Any]:
    from genai_fn.schema import GenerateContentConfig
    from genai_fn.schema.convert import as_struct

    return PROMPT, as_struct(GenerateContentConfig, CONFIG, "config")


def _build_their_config() -> tuple[Any, Any]:
    from google.genai import types

    return PROMPT, types.GenerateContentConfig(**CONFIG)


def _build_dict_config() -> tuple[Any, Any]:
    return PROMPT, CONFIG


def _build_text() -> tuple[Any, Any]:
    return PROMPT, None


def _build_our_history() -> tuple[Any, Any]:
    from genai_fn.schema import Content, Part

    turns = build_history(_TURNS)
    return tuple(Content(role=each["role"], parts=(Part(text=each["parts"][0]["text"]),)) for each in turns), None


def _build_their_history() -> tuple[Any, Any]:
    from google.genai import types

    return [types.Content(**each) for each in build_history(_TURNS)], None


def _build_dict_history() -> tuple[Any, Any]:
    return build_history(_TURNS), None


def _build_our_image() -> tuple[Any, Any]:
    from genai_fn.schema import Blob, Content, Part

    return Content(role="user", parts=(Part(inline_data=Blob(mime_type="image/png", data=IMAGE)),)), None


def _build_their_image() -> tuple[Any, Any]:
    from google.genai import types

    blob = types.Blob(mime_type="image/png", data=IMAGE)
    return types.Content(role="user", parts=[types.Part(inline_data=blob)]), None


def _build_case(ours: Callable[..., Any], theirs: Callable[..., Any], count: int, **fields: Any) -> Case:
    run = {"ours": _encode_ours(ours), "theirs": _encode_theirs(theirs), "raw": _encode_raw(ours)}
    return Case(run, count, needs_server=False, **fields)


CASES = {
    "build + encode, full config, used again": _build_case(_build_our_config, _build_their_config, 2000, goal=0.02),
    "build + encode, config as a dict": _build_case(_build_dict_config, _build_dict_config, 1000, goal=0.12),
    "build + encode, text alone": _build_case(_build_text, _build_text, 4000, goal=0.09),
    "build + encode, 400 turns as objects": _build_case(_build_our_history, _build_their_history, 100, goal=0.0038),
    "build + encode, 400 turns as dicts": _build_case(_build_dict_history, _build_dict_history, 100, goal=0.03),
    "encode an 8 MiB image": Case(
        {
            "ours": _encode_ours(_build_our_image),
            "theirs": _encode_theirs(_build_their_image),
            "raw": _encode_image,
        },
        30,
        needs_server=False,
        raw_goal=1.1,
        unit="ms",
    ),
}
