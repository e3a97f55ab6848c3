"""Embeddings on both backends, and their similarity."""

import math
from typing import Any

import pytest

from genai_fn import Gemini, Offline, Vertex, embed, embed_many
from genai_fn.emulator.fake_model.vectors import build_vector
from genai_fn.emulator.fake_model.words import split_words
from genai_fn.schema import Content, Part, UserContent
from tests.support.emulator_requests import PROJECT, VERTEX, JsonClient

MODEL = "gemini-embedding-001"
TEXT_MODEL = "text-embedding-005"
BACKENDS = [Gemini(), Vertex("p", "us-central1")]


def compute_similarity(left: str, right: str, size: int = 768) -> float:
    """Return the cosine similarity of two texts."""
    vectors = (build_vector(UserContent(each), size) for each in (left, right))
    return sum(a * b for a, b in zip(*vectors, strict=True))


def build_content(text: str) -> dict[str, Any]:
    return {"parts": [{"text": text}], "role": "user"}


def build_request(text: str, **fields: Any) -> dict[str, Any]:
    return {"model": f"models/{MODEL}", "content": build_content(text), **fields}


@pytest.mark.parametrize(
    ("text", "closer", "farther"),
    [
        ("Why is the sky blue?", "The blue of the sky", "How to bake bread"),
        ("How to bake bread", "Bread, and how to bake it", "The bread is stale"),
        ("The cat sat on the mat", "A cat on a mat", "The dog lay on the sofa"),
        ("青い空", "空の色", "猫の耳"),
        ("data: 42, 17", "17 of the data", "some 43"),
    ],
)
@pytest.mark.parametrize("size", (64, 768, 3072))
def test_closeness(text: str, closer: str, farther: str, size: int) -> None:
    """Texts that share more words other than stop words are more similar, at any vector length."""
    assert compute_similarity(text, closer, size) > compute_similarity(text, farther, size)


def test_order_and_case() -> None:
    """Word order and case do not matter; texts without common words have almost no similarity."""
    assert compute_similarity("blue SKY", "Sky, blue!") == pytest.approx(1)
    assert abs(compute_similarity("one thing", "another matter")) < 0.2


@pytest.mark.parametrize("size", (1, 2, 128, 3072))
def test_length(size: int) -> None:
    """A vector has the requested size and length 1."""
    embeddings = build_vector(UserContent("Why is the sky blue?"), size)
    assert (len(embeddings), math.hypot(*embeddings)) == (size, pytest.approx(1, abs=1e-5))


def test_media() -> None:
    """Media have deterministic vectors, too."""
    picture = [Content(parts=(Part.from_bytes(data=bytes([each]), mime_type="image/png"),)) for each in (1, 1, 2)]
    assert build_vector(picture[0], 768) == build_vector(picture[1], 768) != build_vector(picture[2], 768)


def test_punctuation() -> None:
    """A text without words counts as one word, so its vector is not zero."""
    assert split_words("?!") == []
    assert math.hypot(*build_vector(UserContent("?!"), 768)) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("backend", BACKENDS, ids=("gemini", "vertex"))
def test_embed(backend: Gemini | Vertex) -> None:
    """Each text gets a vector, in order, the same on both backends and in each call."""
    run = Offline(backend)
    embeddings = run(embed(MODEL, ["a blue sky", "bread"], {"output_dimensionality": 32})).unwrap().embeddings
    assert [build_vector(UserContent(each), 32) for each in ("a blue sky", "bread")] == [
        each.values for each in embeddings
    ]


@pytest.mark.parametrize("backend", BACKENDS, ids=("gemini", "vertex"))
@pytest.mark.parametrize(
    ("model", "size"), [(MODEL, 3072), ("gemini-embedding-2", 3072), (TEXT_MODEL, 768), ("m", 768)]
)
def test_default_size(backend: Gemini | Vertex, model: str, size: int) -> None:
    """Without a size, the vectors of Gemini models have 3,072 numbers, and those of others 768."""
    assert len(Offline(backend)(embed(model, "bread")).unwrap().embeddings[0].values) == size


@pytest.mark.parametrize("backend", BACKENDS, ids=("gemini", "vertex"))
def test_embed_many(backend: Gemini | Vertex) -> None:
    """Texts beyond the limit of one request are sent in batches; a rejected text fails alone."""
    texts = [f"text {each}" for each in range(230)]
    texts[150] = " "
    results = list(Offline(backend).stream(embed_many(MODEL, texts, {"output_dimensionality": 8})))
    assert [150] == [index for index, each in enumerate(results) if each.map(bool).value_or(None) is None]
    assert build_vector(UserContent("text 229"), 8) == results[229].unwrap().values


def test_statistics() -> None:
    """Vertex AI returns token counts, and truncates long texts unless ``auto_truncate`` is off."""
    run = Offline(Vertex("p", "us-central1"))
    long = "word " * 2999 + "end"
    answer = run(embed(TEXT_MODEL, ["Why blue?", long])).unwrap()
    response = [each.statistics for each in answer.embeddings]
    assert [(3, False), (2048, True)] == [(each.token_count, each.truncated) for each in response if each]
    assert answer.embeddings[1].values == build_vector(UserContent("word " * 2048), 768)
    assert answer.metadata is not None
    assert answer.metadata.billable_character_count == 9 + 14998
    failed = run(embed(TEXT_MODEL, long, {"auto_truncate": False})).failure()
    assert "3000 tokens" in str(failed)


def test_one() -> None:
    """``embedContent`` returns one vector."""
    response = JsonClient().request_json(
        "POST", f"models/{MODEL}:embedContent", {"content": build_content("hi"), "outputDimensionality": 4}
    )
    assert {"embedding": {"values": list(build_vector(UserContent("hi"), 4))}} == response


def test_title() -> None:
    """The title is part of the embedded text."""
    plain_vector, titled_vector = (
        JsonClient().request_json("POST", f"models/{MODEL}:embedContent", {"content": build_content("hi"), **fields})
        for fields in ({}, {"taskType": "RETRIEVAL_DOCUMENT", "title": "Greetings"})
    )
    assert plain_vector != titled_vector


REFUSED_BODIES: list[tuple[dict[str, Any], str]] = [
    ({"requests": []}, "from 1 to 100"),
    ({"requests": [build_request("hi")] * 101}, "from 1 to 100"),
    ({"requests": [build_request("hi"), {"content": build_content("hi")}]}, "requests[1].model"),
    ({"requests": [build_request("hi"), build_request("hi", model="models/other")]}, "requests[1].model"),
    ({"requests": [{"model": f"models/{MODEL}"}]}, "requests[0].content"),
    ({"requests": [build_request("hi", content={"parts": []})]}, "requests[0].content"),
    ({"requests": [build_request("hi"), build_request(" ")]}, "requests[1].content"),
    ({"requests": [build_request("hi", outputDimensionality=0)]}, "0 is not from 1"),
    ({"requests": [build_request("hi", outputDimensionality=4000)]}, "4000 is not from 1"),
    ({"requests": [build_request("hi", taskType="GUESSING")]}, "GUESSING"),
    ({"requests": [build_request("hi", title="A title")]}, "RETRIEVAL_DOCUMENT"),
    ({"requests": [build_request("hi", autoTruncate=True)]}, "autoTruncate"),
]


@pytest.mark.parametrize(("body", "expected"), REFUSED_BODIES, ids=range(len(REFUSED_BODIES)))
def test_refused(body: dict[str, Any], expected: str) -> None:
    """An invalid request of the Developer API is rejected with the path of the error."""
    code, status, message = JsonClient().request_fault("POST", f"models/{MODEL}:batchEmbedContents", body)
    assert (400, "INVALID_ARGUMENT") == (code, status)
    assert expected in message


REFUSED_BY_VERTEX: list[tuple[dict[str, Any], str]] = [
    ({"instances": [{"content": "hi"}] * 251}, "251 instance"),
    ({"instances": [{"content": "hi"}, {"content": ""}]}, "instance 1 is empty"),
    ({"instances": [{"content": "hi", "task_type": "GUESSING"}]}, "GUESSING"),
    ({"instances": [{"content": "hi"}], "parameters": {"outputDimensionality": -1}}, "-1 is not from 1"),
    ({"instances": [{"content": "hi", "mood": "good"}]}, "mood"),
]


@pytest.mark.parametrize(("body", "expected"), REFUSED_BY_VERTEX, ids=range(len(REFUSED_BY_VERTEX)))
def test_refused_by_vertex(body: dict[str, Any], expected: str) -> None:
    """An invalid request of Vertex AI is rejected with the index of the instance."""
    path = f"{PROJECT}/publishers/google/models/{MODEL}:predict"
    code, status, message = JsonClient(VERTEX).request_fault("POST", path, body)
    assert (400, "INVALID_ARGUMENT") == (code, status)
    assert expected in message
