"""Batches of multimodal datasets, and what batches have beyond google-genai 1.51.0, as 3.6.1 sends and reads it."""

from typing import Any

import pytest

from genai_fn import batches
from genai_fn.errors import InvalidRequest
from genai_fn.schema import VertexMultimodalDatasetDestination
from tests.support.google_genai.agreement import decode_ours, encode_ours, get_refused_paths

DATASET = "projects/p/locations/l/datasets/1"
OUTPUT = {"format": "vertex-dataset", "vertex_dataset": {"bigquery_destination": "bq://p.d.t", "display_name": "x"}}
BODY = {
    "model": "publishers/google/models/m",
    "displayName": "d",
    "inputConfig": {
        "instancesFormat": "vertex-dataset",
        "vertexMultimodalDatasetSource": {"datasetName": DATASET},
    },
    "outputConfig": {
        "predictionsFormat": "vertex-dataset",
        "vertexMultimodalDatasetDestination": {
            "bigqueryDestination": {"outputUri": "bq://p.d.t"},
            "displayName": "x",
        },
    },
}


@pytest.mark.parametrize("src", [DATASET, {"vertex_dataset_name": DATASET, "format": "vertex-dataset"}])
def test_dataset(src: Any) -> None:
    """A dataset is a source by its name, and a new one a destination."""
    request = batches.create("m", src, {"display_name": "d", "dest": OUTPUT})
    assert encode_ours(request, "vertex")[2] == BODY


def test_no_destination() -> None:
    """No destination is derived from a dataset, as in google-genai."""
    body = encode_ours(batches.create("m", DATASET, {"display_name": "d"}), "vertex")[2]
    assert "outputConfig" not in body


def test_refused_on_gemini() -> None:
    """Gemini has no datasets."""
    paths = get_refused_paths(batches.create("m", DATASET, {"dest": OUTPUT}), "gemini")
    assert {"src.vertex_dataset_name", "src.format", "config.dest"} == set(paths)


def test_two_sources() -> None:
    """A dataset beside another source is a mistake at once."""
    with pytest.raises(InvalidRequest):
        batches.create("m", {"vertex_dataset_name": DATASET, "gcs_uri": ["gs://b/i.jsonl"]})


def test_read() -> None:
    """Source, destination and the location of the responses are decoded."""
    job = decode_ours(batches.get("1"), "vertex", {**BODY, "outputInfo": {"vertexMultimodalDatasetName": "n"}})
    assert (job.src.vertex_dataset_name, job.src.format) == (DATASET, "vertex-dataset")
    dataset = VertexMultimodalDatasetDestination(bigquery_destination="bq://p.d.t", display_name="x")
    assert job.dest.vertex_dataset == dataset
    assert job.output_info.vertex_multimodal_dataset_name == "n"


def test_webhook() -> None:
    """A webhook is part of the batch on Gemini, and refused on Vertex AI."""
    config = {"webhook_config": {"uris": ["https://h"], "user_metadata": {"a_b": 1}}}
    body = encode_ours(batches.create("m", "files/x", config), "gemini")[2]
    webhook = {"uris": ["https://h"], "userMetadata": {"a_b": 1}}
    assert body == {"batch": {"inputConfig": {"fileName": "files/x"}, "webhookConfig": webhook}}
    assert get_refused_paths(batches.create("m", "gs://b/i.jsonl", config), "vertex") == ("config.webhook_config",)


def test_metadata() -> None:
    """The metadata of requests are read from responses, of embeddings, too."""
    items = [{"metadata": {"key": "1"}, "response": {"embedding": {"values": [0.5]}}}]
    reply = {"metadata": {"output": {"inlinedEmbedContentResponses": {"inlinedResponses": items}}}}
    job = decode_ours(batches.get("batches/1"), "gemini", reply)
    [embedded] = job.dest.inlined_embed_content_responses
    assert embedded.metadata == {"key": "1"}
