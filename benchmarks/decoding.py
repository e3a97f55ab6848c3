"""Cost of decoding responses."""

import json
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias, cast

import msgspec
from google.genai import models as theirs_models, types

from benchmarks import payloads
from benchmarks.report import Effort, Row, compare, sample_cpu_time, to_micro
from genai_fn import Gemini, HttpResponse, models
from genai_fn.request import Call, ResponseReader
from genai_fn.schema import EmbedContentResponse, GenerateContentResponse
from genai_fn.wire import decode_response


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
