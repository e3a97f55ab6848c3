"""What does it cost to read an answer?"""

import json
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import msgspec
from google.genai import models as theirs_models
from google.genai import types

from benchmarks import material
from benchmarks.report import Effort, Row, compared, cpu, micro
from genai_fn import HttpResponse
from genai_fn.request import ResponseReader
from genai_fn.schema import EmbedContentResponse, GenerateContentResponse, ListModelsResponse
from genai_fn.wire import decode_response


def ask(effort: Effort) -> Iterator[Row]:
    """Answers small and large, a page of a list, vectors, a picture."""
    for question, body, kinds, times, of_theirs in (
        ("2 KB", material.SMALL, _WHOLE, 5000, 0.02),
        ("400 KB, log probabilities", material.large(), _WHOLE, 100, 0.021),
        ("50 models", material.models(), _LISTED, 1000, 0.01),
        ("100 vectors of 3,072", material.vectors(), _VECTORS, 10, 0.33),
        ("an 8 MiB image", material.PICTURE, _WHOLE, 10, 0.32),
    ):
        contestants = _contestants(body, kinds, effort.times(times), effort.times(max(1, times // 20)))
        found = micro(compared(contestants, effort.rounds))
        yield Row(f"decode {question}", "µs of CPU", found, of_theirs, of_limit=1.1)


_Kinds: TypeAlias = tuple[type[Any], type[Any], Callable[[Any], Any]]

# Ours, theirs, and the function that theirs puts every answer through first.
_WHOLE = (
    GenerateContentResponse,
    types.GenerateContentResponse,
    vars(theirs_models)["_GenerateContentResponse_from_mldev"],
)
_VECTORS = (EmbedContentResponse, types.EmbedContentResponse, vars(theirs_models)["_EmbedContentResponse_from_mldev"])
_LISTED = (ListModelsResponse, types.ListModelsResponse, vars(theirs_models)["_ListModelsResponse_from_mldev"])


def _contestants(body: bytes, kinds: _Kinds, times: int, fewer: int) -> dict[str, Callable[[], float]]:
    """Read a body as each does, from bytes to its public type; theirs is what `generate_content` does with a body."""
    ours, theirs, converted = kinds
    answer: ResponseReader[Any] = ResponseReader(ours)
    response, decoder = HttpResponse(200, (), body), msgspec.json.Decoder(ours, strict=False)

    def theirs_read() -> Any:
        return theirs._from_response(response=converted(json.loads(body.decode())), kwargs={})  # noqa: SLF001  # its own path

    return {
        "ours": cpu(lambda: decode_response(answer, response).unwrap(), times),
        "theirs": cpu(theirs_read, fewer),
        "limit": cpu(lambda: decoder.decode(body), times),
    }
