"""Vectors that are made of words: on the wire of both backends, and what they are worth."""

import math
from typing import Any

import pytest

from genai_fn import Gemini, Offline, Vertex, embed, embed_many
from genai_fn.emulator.fake_model.vectors import build_vector
from genai_fn.emulator.fake_model.words import split_words
from genai_fn.schema import Content, Part, UserContent
from tests.support.emulator_requests import PROJECT, VERTEX, Api

MODEL = "gemini-embedding-001"
BACKENDS = [Gemini(), Vertex("p", "us-central1")]


def near(one: str, other: str, size: int = 768) -> float:
    """Measure how close two texts are: 1 is the same."""
    vectors = (build_vector(UserContent(each), size) for each in (one, other))
    return sum(a * b for a, b in zip(*vectors, strict=True))


def content(text: str) -> dict[str, Any]:
    return {"parts": [{"text": text}], "role": "user"}


def request(text: str, **beside: Any) -> dict[str, Any]:
    return {"model": f"models/{MODEL}", "content": content(text), **beside}


# What they are worth


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
    """Texts that share more and longer words lie closer together, at any length of vectors."""
    assert near(text, closer, size) > near(text, farther, size)


def test_order_and_case() -> None:
    """Neither the order of words nor their case matters; no shared word means next to nothing in common."""
    assert near("blue SKY", "Sky, blue!") == pytest.approx(1)
    assert abs(near("one thing", "another matter")) < 0.2


@pytest.mark.parametrize("size", (1, 2, 128, 3072))
def test_length(size: int) -> None:
    """A vector is of the size that is asked for, and 1 long."""
    made = build_vector(UserContent("Why is the sky blue?"), size)
    assert (len(made), math.hypot(*made)) == (size, pytest.approx(1, abs=1e-5))


def test_media() -> None:
    """What is no text has a place of its own, the same each time."""
    picture = [Content(parts=(Part.from_bytes(data=bytes([each]), mime_type="image/png"),)) for each in (1, 1, 2)]
    assert build_vector(picture[0], 768) == build_vector(picture[1], 768) != build_vector(picture[2], 768)


def test_signs() -> None:
    """A text of signs alone is one word; so no vector is without a direction."""
    assert split_words("?!") == []
    assert math.hypot(*build_vector(UserContent("?!"), 768)) == pytest.approx(1, abs=1e-5)


# Through the client


@pytest.mark.parametrize("backend", BACKENDS, ids=("gemini", "vertex"))
def test_embed(backend: Gemini | Vertex) -> None:
    """Each text gets a vector, in order and the same on both backends; repeated, the same again."""
    run = Offline(backend)
    made = run(embed(MODEL, ["a blue sky", "bread"], {"output_dimensionality": 32})).unwrap().embeddings
    assert [build_vector(UserContent(each), 32) for each in ("a blue sky", "bread")] == [each.values for each in made]
    assert len(run(embed(MODEL, "bread")).unwrap().embeddings[0].values) == 768


@pytest.mark.parametrize("backend", BACKENDS, ids=("gemini", "vertex"))
def test_embed_many(backend: Gemini | Vertex) -> None:
    """More texts than one request takes come in batches; one that is refused fails alone."""
    texts = [f"text {each}" for each in range(230)]
    texts[150] = " "
    results = list(Offline(backend).stream(embed_many(MODEL, texts, {"output_dimensionality": 8})))
    assert [150] == [index for index, each in enumerate(results) if each.map(bool).value_or(None) is None]
    assert build_vector(UserContent("text 229"), 8) == results[229].unwrap().values


def test_statistics() -> None:
    """Vertex AI says of how many tokens a vector is made, and cuts what is too long, unless it must not."""
    run = Offline(Vertex("p", "us-central1"))
    long = "word " * 2999 + "end"
    answer = run(embed(MODEL, ["Why blue?", long])).unwrap()
    told = [each.statistics for each in answer.embeddings]
    assert [(3, False), (2048, True)] == [(each.token_count, each.truncated) for each in told if each]
    assert answer.embeddings[1].values == build_vector(UserContent("word " * 2048), 768)
    assert answer.metadata is not None
    assert answer.metadata.billable_character_count == 9 + 14998
    failed = run(embed(MODEL, long, {"auto_truncate": False})).failure()
    assert "3000 tokens" in str(failed)


# On the wire


def test_one() -> None:
    """``embedContent`` answers one vector."""
    told = Api().told("POST", f"models/{MODEL}:embedContent", {"content": content("hi"), "outputDimensionality": 4})
    assert {"embedding": {"values": list(build_vector(UserContent("hi"), 4))}} == told


def test_title() -> None:
    """A title counts among the words of a document."""
    plain, titled = (
        Api().told("POST", f"models/{MODEL}:embedContent", {"content": content("hi"), **more})
        for more in ({}, {"taskType": "RETRIEVAL_DOCUMENT", "title": "Greetings"})
    )
    assert plain != titled


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"requests": []}, "from 1 to 100"),
    ({"requests": [request("hi")] * 101}, "from 1 to 100"),
    ({"requests": [request("hi"), {"content": content("hi")}]}, "requests[1].model"),
    ({"requests": [request("hi"), request("hi", model="models/other")]}, "requests[1].model"),
    ({"requests": [{"model": f"models/{MODEL}"}]}, "requests[0].content"),
    ({"requests": [request("hi", content={"parts": []})]}, "requests[0].content"),
    ({"requests": [request("hi"), request(" ")]}, "requests[1].content"),
    ({"requests": [request("hi", outputDimensionality=0)]}, "0 is not from 1"),
    ({"requests": [request("hi", outputDimensionality=4000)]}, "4000 is not from 1"),
    ({"requests": [request("hi", taskType="GUESSING")]}, "GUESSING"),
    ({"requests": [request("hi", title="A title")]}, "RETRIEVAL_DOCUMENT"),
    ({"requests": [request("hi", autoTruncate=True)]}, "autoTruncate"),
]


@pytest.mark.parametrize(("body", "why"), REFUSED, ids=range(len(REFUSED)))
def test_refused(body: dict[str, Any], why: str) -> None:
    """What the Developer API refuses is refused with its path."""
    code, status, message = Api().fault("POST", f"models/{MODEL}:batchEmbedContents", body)
    assert (400, "INVALID_ARGUMENT") == (code, status)
    assert why in message


REFUSED_BY_VERTEX: list[tuple[dict[str, Any], str]] = [
    ({"instances": [{"content": "hi"}] * 251}, "251 instance"),
    ({"instances": [{"content": "hi"}, {"content": ""}]}, "instance 1 is empty"),
    ({"instances": [{"content": "hi", "task_type": "GUESSING"}]}, "GUESSING"),
    ({"instances": [{"content": "hi"}], "parameters": {"outputDimensionality": -1}}, "-1 is not from 1"),
    ({"instances": [{"content": "hi", "mood": "good"}]}, "mood"),
]


@pytest.mark.parametrize(("body", "why"), REFUSED_BY_VERTEX, ids=range(len(REFUSED_BY_VERTEX)))
def test_refused_by_vertex(body: dict[str, Any], why: str) -> None:
    """What Vertex AI refuses is refused with the instance that it is about."""
    path = f"{PROJECT}/publishers/google/models/{MODEL}:predict"
    code, status, message = Api(VERTEX).fault("POST", path, body)
    assert (400, "INVALID_ARGUMENT") == (code, status)
    assert why in message
