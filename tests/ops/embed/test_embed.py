"""``embed``: requests and responses compared with google-genai 1.51.0, with one vector for each item."""

import pickle
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
from google.genai import types
from hypothesis import given, strategies as st
from returns.result import Failure

from genai_fn import schema
from genai_fn.errors import CountMismatch, InvalidRequest
from genai_fn.http import HttpResponse
from genai_fn.ops.embed import embed
from genai_fn.wire import decode
from tests.support.google_genai.agreement import (
    BACKENDS,
    check_same_request,
    check_same_response,
    decode_ours,
    encode_ours,
    get_refused_paths,
)

both_backends = pytest.mark.parametrize("backend", BACKENDS)
MODELS = ("m", "models/m", "tunedModels/x", "publishers/google/models/m", "projects/q/locations/l/models/7", "a/b", "")

CONTENTS: Mapping[str, Callable[[Any], Any]] = {
    "text": lambda k: "hi",
    "texts": lambda k: ["a", "b", "a"],
    "tuple": lambda k: ("a", "b"),
    "content": lambda k: k.Content(parts=[k.Part(text="x")], role="user"),
    "content-without-role": lambda k: {"parts": [{"text": "x"}]},
    "contents": lambda k: [k.Content(parts=[k.Part(text="x")]), {"role": "user", "parts": [{"text": "y"}]}],
    "part": lambda k: k.Part(text="z"),
    "part-dict": lambda k: {"text": "z"},
    "mixed": lambda k: ["a", k.Part(text="b"), {"text": "c"}, {"parts": [{"text": "d"}]}],
    "inner-list": lambda k: ["a", ["b"]],
    "none-within": lambda k: ["a", None],
    "number": lambda k: 3,
}
ONLY_GEMINI: Mapping[str, tuple[Callable[[Any], Any], tuple[str, ...]]] = {
    "two-parts": (lambda k: {"parts": [{"text": "x"}, {"text": "y"}]}, ("contents[0].parts",)),
    "inner-list-of-two": (lambda k: ["a", ["b", "c"]], ("contents[1].parts",)),
    "no-parts": (lambda k: ["a", k.Content()], ("contents[1].parts",)),
    "no-parts-at-all": (lambda k: {"parts": []}, ("contents[0].parts",)),
    "file": (lambda k: k.File(uri="u", mime_type="a/b"), ("contents[0].parts[0].file_data",)),
    "bytes": (
        lambda k: ["a", k.Part(inline_data=k.Blob(data=b"x", mime_type="a/b"))],
        ("contents[1].parts[0].inline_data",),
    ),
    "call": (
        lambda k: [k.Part(function_call=k.FunctionCall(name="f"))],
        ("contents[0].role", "contents[0].parts[0].function_call"),
    ),
    "thought": (lambda k: {"parts": [{"text": "x", "thought": True}]}, ("contents[0].parts[0].thought",)),
    "model-role": (lambda k: [{"parts": [{"text": "x"}], "role": "model"}, "b"], ("contents[0].role",)),
}
"""Content that Vertex AI cannot embed as one vector: 1.51.0 silently splits it, or drops it or parts of it."""

CONFIGS: tuple[Mapping[str, Any] | None, ...] = (
    None,
    {},
    {"task_type": "RETRIEVAL_QUERY"},
    {"task_type": ""},
    {"title": "t"},
    {"output_dimensionality": 64},
    {"output_dimensionality": 0},
    {"mime_type": "text/plain"},
    {"auto_truncate": False},
    {"auto_truncate": True},
    {"taskType": "RETRIEVAL_DOCUMENT", "title": "t", "outputDimensionality": 3},
    {"task_type": "X", "title": "t", "output_dimensionality": 3, "mime_type": "a/b", "auto_truncate": True},
    {"temperature": 1},
    {"output_dimensionality": "many"},
)

DIFFERENCES: Mapping[str, str] = {
    "no-contents": "empty contents are a mistake; 1.51.0 sends an empty list, or no request",
    "empty-text": "an empty text is sent; on Vertex AI 1.51.0 omits it, and later vectors move up",
    "only-gemini": "Vertex AI embeds one text of the user; other content is refused, 1.51.0 splits or drops it",
    "mismatch": "a wrong number of vectors is a CountMismatch; 1.51.0 returns them",
}
"""Deliberate differences; a test of the resource asserts each."""


@both_backends
@pytest.mark.parametrize("name", CONTENTS)
def test_contents(name: str, backend: str) -> None:
    """Contents are sent as by google-genai, on Vertex AI with the same spelling."""
    check_same_request(
        lambda: embed("m", CONTENTS[name](schema)),
        lambda client: client.models.embed_content(model="m", contents=CONTENTS[name](types)),
        backend,
        exact_names=backend == "vertex",
    )


@both_backends
@pytest.mark.parametrize("model", MODELS)
def test_models(model: str, backend: str) -> None:
    """The model is part of the path, and on Gemini of every request."""
    check_same_request(
        lambda: embed(model, ["a", "b"]),
        lambda client: client.models.embed_content(model=model, contents=["a", "b"]),
        backend,
    )


@both_backends
@pytest.mark.parametrize("config", CONFIGS)
def test_configs(config: dict[str, Any] | None, backend: str) -> None:
    """The config is part of each request or instance, on Vertex AI of the parameters, or is refused by name."""
    check_same_request(
        lambda: embed("m", ["a", "b"], config),
        lambda client: client.models.embed_content(
            model="m",
            contents=["a", "b"],
            config=None if config is None else {**config},  # type: ignore[arg-type]  # its own dict
        ),
        backend,
        exact_names=backend == "vertex",
    )


@pytest.mark.parametrize("name", ONLY_GEMINI)
def test_more_than_text(name: str) -> None:
    """Content beside a text is embedded on Gemini, and refused on Vertex AI with its path."""
    contents, paths = ONLY_GEMINI[name]
    check_same_request(
        lambda: embed("m", contents(schema)),
        lambda client: client.models.embed_content(model="m", contents=contents(types)),
        "gemini",
    )
    assert get_refused_paths(embed("m", contents(schema)), "vertex") == paths


def test_differences() -> None:
    """Each difference from google-genai 1.51.0 is as the table states."""
    assert set(DIFFERENCES) == {"no-contents", "empty-text", "only-gemini", "mismatch"}
    for empty in (None, [], (), [[]]):
        with pytest.raises(InvalidRequest):
            embed("m", empty)  # type: ignore[arg-type]  # that is the point
    _, _, body = encode_ours(embed("m", ["", "a"]), "vertex")
    assert body == {"instances": [{"content": ""}, {"content": "a"}]}


@pytest.mark.parametrize(
    ("contents", "path"),
    [
        ([], "contents"),
        ([3], "contents[0]"),
        (["a", {"txt": "b"}], "contents[1].txt"),
        (["a", {"parts": [{}]}], "contents[1].parts[0]"),
        (["a", ["b", {"parts": [{"text": "c"}]}]], "contents[1][1].parts"),
    ],
)
def test_mistakes(contents: Any, path: str) -> None:
    """Invalid contents are a mistake with their path."""
    with pytest.raises(InvalidRequest) as raised:
        embed("m", contents)
    assert raised.value.path == path


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=1, max_size=5))
def test_one_each(texts: Sequence[str]) -> None:
    """Each item of a list is a request or an instance, in order, on both backends."""
    request = embed("m", list(texts))
    gemini, vertex = (encode_ours(request, backend)[2] for backend in BACKENDS)
    assert list(texts) == [each["content"]["parts"][0]["text"] for each in gemini["requests"]]
    assert list(texts) == [each["content"] for each in vertex["instances"]]


# Responses

GEMINI_VECTOR = {"values": [0.25, -1, 3e-05]}
VERTEX_VECTOR = {"embeddings": {"values": [0.25, -1], "statistics": {"token_count": 4, "truncated": False}}}
REPLIES: Sequence[tuple[str, int, Mapping[str, Any]]] = (
    ("gemini", 1, {"embeddings": [GEMINI_VECTOR]}),
    ("gemini", 2, {"embeddings": [GEMINI_VECTOR, {"values": []}]}),
    ("gemini", 1, {"embeddings": [{"values": [1], "statistics": {"tokenCount": 3, "truncated": True}}]}),
    ("gemini", 1, {"embeddings": [{"values": None}], "metadata": {"billableCharacterCount": 3}}),
    ("vertex", 1, {"predictions": [VERTEX_VECTOR]}),
    ("vertex", 2, {"predictions": [VERTEX_VECTOR, {"embeddings": {"values": []}}], "metadata": {}}),
    ("vertex", 1, {"predictions": [VERTEX_VECTOR], "metadata": {"billableCharacterCount": 11}, "modelVersionId": "1"}),
    ("vertex", 1, {"predictions": [{"embeddings": {"values": [1], "statistics": None}}]}),
)


@pytest.mark.parametrize(("backend", "count", "reply"), REPLIES)
def test_same_answer(backend: str, count: int, reply: Any) -> None:
    """Vectors decode as with google-genai, on Vertex AI from predictions."""
    contents = ["a"] * count
    check_same_response(
        lambda: embed("m", contents),
        lambda client: client.models.embed_content(model="m", contents=list(contents)),
        backend,
        reply,
    )


@pytest.mark.parametrize(
    ("backend", "reply", "received"),
    [
        ("gemini", b'{"embeddings": [{"values": [1]}]}', 1),
        ("gemini", b"{}", 0),
        ("vertex", b'{"predictions": [{"embeddings": {}}, {"embeddings": {}}, {"embeddings": {}}]}', 3),
        ("vertex", b"{}", 0),
    ],
)
def test_mismatch(backend: str, reply: bytes, received: int) -> None:
    """More or fewer vectors than contents are a failure with both numbers."""
    request = embed("m", ["a", "b"])
    assert decode(request, HttpResponse(200, (), reply), BACKENDS[backend][1]) == Failure(CountMismatch(2, received))


@both_backends
def test_values(backend: str) -> None:
    """The decoder of a response compares and pickles, as the request does."""
    request, backend_value = embed("m", ["a"]), BACKENDS[backend][1]
    operation: Any = request.operation
    call = operation.gemini(backend_value) if backend == "gemini" else operation.vertex(backend_value)
    assert pickle.loads(pickle.dumps((request, call))) == (request, call)
    assert decode_ours(request, backend, {"embeddings": [{}], "predictions": [{"embeddings": {}}]}).embeddings == (
        schema.ContentEmbedding(),
    )
