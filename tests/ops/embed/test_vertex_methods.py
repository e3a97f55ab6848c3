"""``embed`` on Vertex AI: the method by model, with bodies and answers captured from google-genai 3.6.1."""

from collections.abc import Mapping
from typing import Any

import pytest
from returns.result import Failure

from genai_fn import Offline, Vertex
from genai_fn.errors import CountMismatch, Unsupported
from genai_fn.http import HttpResponse
from genai_fn.ops.embed import embed
from genai_fn.ops.embed.many import embed_many
from genai_fn.schema import Content, Part
from genai_fn.wire import decode
from tests.support.google_genai.agreement import decode_ours, encode_ours, get_refused_paths

MODELS = "https://us-central1-aiplatform.googleapis.com/v1beta1/projects/p/locations/us-central1/publishers"
IMAGE = Part.from_bytes(data=b"x", mime_type="image/png")
IMAGE_ON_WIRE = {"inlineData": {"data": "eA==", "mimeType": "image/png"}}
CONFIG = {"task_type": "RETRIEVAL_DOCUMENT", "title": "T", "output_dimensionality": 3, "auto_truncate": True}
CONFIG_ON_WIRE = {"taskType": "RETRIEVAL_DOCUMENT", "title": "T", "outputDimensionality": 3, "autoTruncate": True}


def content(*parts: Mapping[str, Any]) -> dict[str, Any]:
    return {"parts": list(parts), "role": "user"}


A, B = content({"text": "a"}), content({"text": "b"})

CAPTURED: tuple[tuple[str, Any, Mapping[str, Any] | None, str, Mapping[str, Any]], ...] = (
    ("gemini-embedding-001", "a", None, "google/models/gemini-embedding-001:embedContent", {"content": A}),
    ("gemini-embedding-2", ["a"], None, "google/models/gemini-embedding-2:embedContent", {"content": A}),
    (
        "publishers/google/models/gemini-embedding-2",
        Content(parts=(Part(text="a"), IMAGE), role="user"),
        None,
        "google/models/gemini-embedding-2:embedContent",
        {"content": content({"text": "a"}, IMAGE_ON_WIRE)},
    ),
    (
        "gemini-embedding-001",
        {"parts": [{"text": "a"}]},
        None,
        "google/models/gemini-embedding-001:embedContent",
        {"content": {"parts": [{"text": "a"}]}},
    ),
    (
        "gemini-embedding-exp-03-07",
        [["a", IMAGE], "b"],
        None,
        "google/models/gemini-embedding-exp-03-07:batchEmbedContents",
        {"requests": [{"content": content({"text": "a"}, IMAGE_ON_WIRE)}, {"content": B}]},
    ),
    (
        "gemini-embedding-001",
        "a",
        CONFIG,
        "google/models/gemini-embedding-001:embedContent",
        {"content": A, "embedContentConfig": CONFIG_ON_WIRE},
    ),
    (
        "gemini-embedding-001",
        ["a", "b"],
        CONFIG,
        "google/models/gemini-embedding-001:batchEmbedContents",
        {"requests": [{"content": each, "embedContentConfig": CONFIG_ON_WIRE} for each in (A, B)]},
    ),
    (
        "gemini-embedding-001",
        "a",
        {"document_ocr": True, "audio_track_extraction": False},
        "google/models/gemini-embedding-001:embedContent",
        {"content": A, "embedContentConfig": {"documentOcr": True, "audioTrackExtraction": False}},
    ),
    (
        "intfloat/multilingual-e5-large-instruct-maas",
        "a",
        None,
        "intfloat/models/multilingual-e5-large-instruct-maas:embedContent",
        {"content": A},
    ),
    (
        "text-embedding-005",
        ["a", "b"],
        {**CONFIG, "mime_type": "text/plain"},
        "google/models/text-embedding-005:predict",
        {
            "instances": [
                {"content": each, "task_type": "RETRIEVAL_DOCUMENT", "title": "T", "mimeType": "text/plain"}
                for each in "ab"
            ],
            "parameters": {"outputDimensionality": 3, "autoTruncate": True},
        },
    ),
)


@pytest.mark.parametrize(("model", "contents", "config", "path", "body"), CAPTURED)
def test_wire(model: str, contents: Any, config: Any, path: str, body: Any) -> None:
    """The model decides the method; the body is the one that google-genai 3.6.1 sends."""
    assert encode_ours(embed(model, contents, config), "vertex") == ("POST", f"{MODELS}/{path}", body)


def test_one_vector_each() -> None:
    """Each item of a list is a request of its own, where google-genai 3.6.1 merges texts for a multimodal model."""
    _, url, body = encode_ours(embed("gemini-embedding-2", ["a", "b"]), "vertex")
    assert url.endswith("gemini-embedding-2:batchEmbedContents")
    assert body == {"requests": [{"content": A}, {"content": B}]}


@pytest.mark.parametrize(
    ("model", "contents", "config", "paths"),
    [
        ("gemini-embedding-2", "a", {"mime_type": "text/plain"}, ("config.mime_type",)),
        ("e5-maas", ["a", "b"], None, ("contents",)),
        (
            "text-embedding-005",
            "a",
            {"document_ocr": True, "audio_track_extraction": True},
            ("config.document_ocr", "config.audio_track_extraction"),
        ),
    ],
)
def test_refused(model: str, contents: Any, config: Any, paths: tuple[str, ...]) -> None:
    """What the method of a model lacks is refused by name."""
    assert get_refused_paths(embed(model, contents, config), "vertex") == paths


@pytest.mark.parametrize("name", ["document_ocr", "audio_track_extraction"])
def test_refused_on_gemini(name: str) -> None:
    """The Developer API takes no options for media, as in google-genai 3.6.1."""
    assert get_refused_paths(embed("gemini-embedding-2", "a", {name: True}), "gemini") == (f"config.{name}",)


USAGE = {
    "promptTokenCount": 3,
    "totalTokenCount": 3,
    "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 3}],
}


def test_one_answer() -> None:
    """The usage and the truncation of a single answer are the statistics of its vector, as in google-genai 3.6.1."""
    reply = {"embedding": {"values": [1, 2]}, "usageMetadata": USAGE, "truncated": True}
    answer = decode_ours(embed("gemini-embedding-2", "a"), "vertex", reply)
    [vector] = answer.embeddings
    assert vector.values == (1.0, 2.0)
    assert (vector.statistics.truncated, vector.statistics.token_count) == (True, 3)
    assert [(each.modality, each.token_count) for each in vector.statistics.tokens_details] == [("TEXT", 3)]
    assert (answer.truncated, answer.usage_metadata.prompt_token_count) == (True, 3)


@pytest.mark.parametrize(
    ("contents", "vectors"), [("a", {"embedding": {"values": [1]}}), (["a", "b"], {"embeddings": [{}, {}]})]
)
def test_unknown_fields(contents: Any, vectors: Any) -> None:
    """Fields that no type defines are kept."""
    answer = decode_ours(embed("gemini-embedding-2", contents), "vertex", {**vectors, "mood": "calm"})
    assert answer.extra == {"mood": "calm"}


def test_no_statistics() -> None:
    """An answer without usage has a vector without statistics."""
    [vector] = decode_ours(embed("gemini-embedding-2", "a"), "vertex", {"embedding": {"values": [1]}}).embeddings
    assert vector.statistics is None


def test_several_answers() -> None:
    """Several vectors come in the order of the contents, with their own statistics."""
    statistics = {"token_count": 3, "truncated": True}
    reply = {
        "embeddings": [{"values": [1, 2]}, {"values": [3], "statistics": statistics}],
        "usageMetadata": USAGE,
        "metadata": {"billableCharacterCount": 4},
    }
    answer = decode_ours(embed("gemini-embedding-001", ["a", "b"]), "vertex", reply)
    one, two = answer.embeddings
    assert (one.values, one.statistics, two.values, two.statistics.token_count) == ((1.0, 2.0), None, (3.0,), 3)
    assert (answer.usage_metadata.total_token_count, answer.metadata.billable_character_count) == (3, 4)


@pytest.mark.parametrize(("contents", "count"), [("a", 1), (["a", "b"], 2)])
def test_mismatch(contents: Any, count: int) -> None:
    """An answer without a vector for each content is a failure with both numbers."""
    found = decode(embed("gemini-embedding-2", contents), HttpResponse(200, (), b"{}"), Vertex("p", "us-central1"))
    assert found == Failure(CountMismatch(count, 0))


RUN = Offline(Vertex("p", "us-central1"))


def test_emulated() -> None:
    """The emulator embeds media, and refuses ``:predict`` for a model that the service no longer takes there."""
    answer = RUN(embed("gemini-embedding-2", [["a", IMAGE], "a"], {"output_dimensionality": 8})).unwrap()
    one, two = answer.embeddings
    assert len(one.values) == len(two.values) == 8
    assert one.values != two.values
    assert answer.usage_metadata is not None
    [alone] = RUN(embed("gemini-embedding-2", "a", {"output_dimensionality": 8})).unwrap().embeddings
    assert alone.values == two.values
    assert alone.statistics is not None


def test_many() -> None:
    """``embed_many`` sends texts one by one to a model that embeds one content at a time."""
    results = list(RUN.stream(embed_many("e5-maas", ["a", "b", "c"], {"output_dimensionality": 4})))
    assert [len(each.unwrap().values) for each in results] == [4, 4, 4]


def test_many_refused() -> None:
    """A field that the method lacks ends the stream at its first text."""
    [result] = RUN.stream(embed_many("gemini-embedding-2", ["a", "b"], {"mime_type": "text/plain"}))
    assert isinstance(result.failure().error, Unsupported)
