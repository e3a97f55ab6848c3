"""Cost of decoding responses."""

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from benchmarks import payloads
from benchmarks.cases import Case, Task
from benchmarks.environments import Contestant
from benchmarks.report import Effort, Row
from benchmarks.workers import measure_cases


def measure(contestants: Mapping[str, Contestant], effort: Effort) -> Iterator[Row]:
    """Small and large responses, a page of models, embeddings, an image."""
    yield from measure_cases(sys.modules[__name__], contestants, effort)


def _decode_ours(response_type: str, build: Callable[[], bytes]) -> Callable[[Task], None]:
    def run(task: Task) -> None:
        from genai_fn import Gemini, HttpResponse
        from genai_fn.wire import decode_response

        reader, response = _build_reader(response_type, Gemini()), HttpResponse(200, (), build())
        task.repeat(lambda: decode_response(reader, response).unwrap())

    return run


def _decode_theirs(response_type: str, build: Callable[[], bytes]) -> Callable[[Task], None]:
    """Decode to their public type, as ``generate_content`` does."""

    def run(task: Task) -> None:
        from google.genai import models, types

        kind: Any = getattr(types, response_type)
        convert: Any = vars(models)[f"_{response_type}_from_mldev"]
        body = build()

        def decode() -> Any:
            return kind._from_response(response=convert(json.loads(body.decode())), kwargs={})  # noqa: SLF001  # the path of generate_content

        task.repeat(decode)

    return run


def _decode_raw(response_type: str, build: Callable[[], bytes]) -> Callable[[Task], None]:
    """Let msgspec decode to our types."""

    def run(task: Task) -> None:
        import msgspec

        from genai_fn import Gemini

        decoder = msgspec.json.Decoder(_build_reader(response_type, Gemini()).wire_type, strict=False)
        body = build()
        task.repeat(lambda: decoder.decode(body))

    return run


def _build_reader(response_type: str, backend: Any) -> Any:
    from genai_fn import models, schema
    from genai_fn.request import ResponseReader

    if response_type == "ListModelsResponse":
        operation: Any = models.list().operation
        return operation.gemini(backend).reader
    return ResponseReader(getattr(schema, response_type))


def _build_case(response_type: str, build: Callable[[], bytes], count: int, goal: float | None = None) -> Case:
    run = {
        "ours": _decode_ours(response_type, build),
        "theirs": _decode_theirs(response_type, build),
        "raw": _decode_raw(response_type, build),
    }
    return Case(run, count, goal=goal, raw_goal=1.1, theirs_share=0.05, needs_server=False)


def _decode_array_ours(task: Task) -> None:
    """Decode vectors into one array of float32."""
    from genai_fn import Gemini, HttpResponse, embed
    from genai_fn.wire import decode_response

    body = payloads.build_embeddings()
    request: Any = embed("m", ["a"] * 100, output="numpy")
    reader, response = request.operation.gemini(Gemini()).reader, HttpResponse(200, (), body)
    task.repeat(lambda: decode_response(reader, response).unwrap().values)


def _decode_array_theirs(task: Task) -> None:
    """google-genai returns lists, of which a program would still have to make the array."""
    from google.genai import models, types

    convert: Any = vars(models)["_EmbedContentResponse_from_mldev"]
    body = payloads.build_embeddings()

    def decode() -> Any:
        response = convert(json.loads(body.decode()))
        return types.EmbedContentResponse._from_response(response=response, kwargs={}).embeddings  # noqa: SLF001  # the path of embed_content

    task.repeat(decode)


CASES = {
    "decode 100 vectors of 3,072 into an array": Case(
        {"ours": _decode_array_ours, "theirs": _decode_array_theirs}, 20, goal=0.2, needs_server=False
    ),
    "decode 2 KB": _build_case("GenerateContentResponse", lambda: payloads.SMALL, 5000, 0.018),
    "decode 400 KB, log probabilities": _build_case("GenerateContentResponse", payloads.build_large_response, 100),
    "decode 50 models": _build_case("ListModelsResponse", payloads.build_model_page, 1000),
    "decode 100 vectors of 3,072, tuples": _build_case("EmbedContentResponse", payloads.build_embeddings, 20),
    "decode an 8 MiB image": _build_case("GenerateContentResponse", lambda: payloads.PICTURE, 10),
}
