"""Cost of decoding responses."""

import json
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any, TypeAlias, cast

import msgspec
import numpy as np
from google.genai import models as theirs_models, types

from benchmarks import payloads
from benchmarks.report import Effort, Row, compare, sample_cpu_time, to_micro
from genai_fn import Gemini, HttpResponse, embed, models
from genai_fn.request import Call, ResponseReader
from genai_fn.schema import EmbedContentResponse, GenerateContentResponse
from genai_fn.wire import decode_response

try:
    simdjson: Any = import_module("simdjson")
except ImportError:  # optional, also for the package
    simdjson = None


def measure(effort: Effort) -> Iterator[Row]:
    """Small and large responses, a page of models, embeddings, an image."""
    for name, body, types_and_converter, times, of_theirs in (
        ("2 KB", payloads.SMALL, _GENERATE, 5000, 0.02),
        ("400 KB, log probabilities", payloads.build_large_response(), _GENERATE, 100, 0.021),
        ("50 models", payloads.build_model_page(), _LIST_MODELS, 1000, 0.01),
        ("100 vectors of 3,072", payloads.build_embeddings(), _EMBED, 10, 0.33),
        ("an 8 MiB image", payloads.PICTURE, _GENERATE, 10, 0.32),
    ):
        contestants = _build_contestants(
            body, types_and_converter, effort.scale_count(times), effort.scale_count(max(1, times // 20))
        )
        results = to_micro(compare(contestants, effort.rounds))
        yield Row(f"decode {name}", "µs of CPU", results, of_theirs, of_limit=1.1)
    arrays = compare(_build_array_contestants(effort.scale_count(10)), effort.rounds)
    yield Row("decode 100 vectors of 3,072 into an array", "µs of CPU", to_micro(arrays), 0.2, of_limit=1.1)


_TypesAndConverter: TypeAlias = tuple[ResponseReader[Any], type[Any], Callable[[Any], Any]]

# Our reader, their type, and the conversion that google-genai applies to every response first.
_MODELS_READER = cast("Call[Any]", models.list().operation.gemini(Gemini())).reader
_GENERATE = (
    ResponseReader(GenerateContentResponse),
    types.GenerateContentResponse,
    vars(theirs_models)["_GenerateContentResponse_from_mldev"],
)
_EMBED = (
    ResponseReader(EmbedContentResponse),
    types.EmbedContentResponse,
    vars(theirs_models)["_EmbedContentResponse_from_mldev"],
)
_LIST_MODELS = (_MODELS_READER, types.ListModelsResponse, vars(theirs_models)["_ListModelsResponse_from_mldev"])


def _build_contestants(
    body: bytes, types_and_converter: _TypesAndConverter, times: int, fewer: int
) -> dict[str, Callable[[], float]]:
    """Decode a body to the public type of each contestant; theirs does what `generate_content` does."""
    reader, theirs, convert = types_and_converter
    response, decoder = HttpResponse(200, (), body), msgspec.json.Decoder(reader.wire_type, strict=False)

    def decode_theirs() -> Any:
        return theirs._from_response(response=convert(json.loads(body.decode())), kwargs={})  # noqa: SLF001  # the path of generate_content

    return {
        "ours": sample_cpu_time(lambda: decode_response(reader, response).unwrap(), times),
        "theirs": sample_cpu_time(decode_theirs, fewer),
        "limit": sample_cpu_time(lambda: decoder.decode(body), times),
    }


def _build_array_contestants(times: int) -> dict[str, Callable[[], float]]:
    """Decode vectors into one array of float32; theirs returns lists, of which the program makes the array."""
    body = payloads.build_embeddings()
    response, count = HttpResponse(200, (), body), len(json.loads(body)["embeddings"])
    call = cast("Call[Any]", embed("m", ["a"] * count, output="numpy").operation.gemini(Gemini()))  # type: ignore[attr-defined]  # an operation of the Gemini API
    _, theirs, convert = _EMBED
    decoder = msgspec.json.Decoder(_Embeddings)

    def decode_theirs() -> Any:
        decoded = theirs._from_response(response=convert(json.loads(body.decode())), kwargs={})  # noqa: SLF001  # the path of embed_content
        return np.array([each.values for each in decoded.embeddings], np.float32)

    return {
        "ours": sample_cpu_time(lambda: decode_response(call.reader, response).unwrap().values, times),
        "theirs": sample_cpu_time(decode_theirs, max(1, times // 5)),
        "limit": sample_cpu_time(lambda: _decode_by_hand(decoder, body), times),
    }


class _Embedding(msgspec.Struct):
    values: list[float]


class _Embeddings(msgspec.Struct):
    embeddings: list[_Embedding]


def _decode_by_hand(decoder: msgspec.json.Decoder[_Embeddings], body: bytes) -> Any:
    """Decode with simdjson, if it is installed, or with msgspec."""
    if simdjson is None:
        return np.array([each.values for each in decoder.decode(body).embeddings], np.float32)
    vectors = (each["values"].as_buffer(of_type="d") for each in simdjson.Parser().parse(body)["embeddings"])
    return np.array([np.frombuffer(each) for each in vectors], np.float32)
