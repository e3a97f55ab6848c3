"""Unknown fields of objects on the wire that no public type has, such as the wrapper of a long-running operation."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from genai_fn.ops import batches, operations, tunings
from genai_fn.request import Request
from genai_fn.schema import BatchJobDestination, BatchJobSource, GenerateVideosOperation
from tests.support.google_genai.agreement import decode_ours, encode_ours

NEW: Mapping[str, Any] = {"fieldOfNextYear": {"deep": [1, None]}}
OTHER: Mapping[str, Any] = {"otherField": "x"}

READ_CASES: Mapping[str, tuple[Request[Any], str, Mapping[str, Any], Callable[[Any], Any], Mapping[str, Any]]] = {
    "the operation of a batch": (
        batches.get(name="batches/b"),
        "gemini",
        {"name": "batches/b", "done": True, "metadata": {"state": "BATCH_STATE_RUNNING", **OTHER}, **NEW},
        lambda job: job.extra,
        {**NEW, **OTHER},
    ),
    "a batch without metadata": (
        batches.get(name="batches/b"),
        "gemini",
        {"name": "batches/b", **NEW},
        lambda job: job.extra,
        NEW,
    ),
    "the list of inlined responses": (
        batches.get(name="batches/b"),
        "gemini",
        {"response": {"inlinedResponses": {"inlinedResponses": [], **NEW}, **OTHER}},
        lambda job: job.dest.extra,
        {**NEW, **OTHER},
    ),
    "the operation of a deletion": (
        batches.delete(name="1"),
        "vertex",
        {"name": "n", "done": True, **NEW},
        lambda job: job.extra,
        NEW,
    ),
    "the operation of a started tuning": (
        tunings.tune("m", {}),
        "gemini",
        {"name": "tunedModels/t/operations/1", "done": False, "metadata": {"@type": "t", "totalSteps": 5}, **NEW},
        lambda job: job.extra,
        {**NEW, "metadata": {"totalSteps": 5}},
    ),
    "the tuning task": (
        tunings.get(name="tunedModels/t"),
        "gemini",
        {
            "name": "tunedModels/t",
            "tuningTask": {"startTime": "2025-01-02T03:04:07Z", "hyperparameters": {"epochCount": 3}},
            **NEW,
        },
        lambda job: job.extra,
        {**NEW, "tuningTask": {"hyperparameters": {"epochCount": 3}}},
    ),
    "the response of a video generation": (
        operations.get("models/m/operations/1", GenerateVideosOperation),
        "gemini",
        {"response": {"generateVideoResponse": {"raiMediaFilteredCount": 1, **OTHER}, **NEW}},
        lambda operation: operation.response.extra,
        {**NEW, **OTHER},
    ),
}


@pytest.mark.parametrize("name", READ_CASES)
def test_read(name: str) -> None:
    """Unknown fields of such an object are in the `extra` of the value that contains its other fields."""
    request, backend, reply, get_extra, expected = READ_CASES[name]
    assert get_extra(decode_ours(request, backend, reply)) == expected


def test_inner_field_kept() -> None:
    """If wrapper and message have an unknown field of one name, the message's is kept."""
    reply = {"metadata": {"fieldOfNextYear": 2}, "fieldOfNextYear": 1}
    assert decode_ours(batches.get(name="batches/b"), "gemini", reply).extra == {"fieldOfNextYear": 2}


SOURCE = {
    "gcsSource": {"uris": ["gs://b/i.jsonl"], **NEW},
    "bigquerySource": {"inputUri": "bq://p.d.t", **OTHER},
    "vertexMultimodalDatasetSource": {"datasetName": "d", **NEW},
    "instancesFormat": "jsonl",
    **OTHER,
}
DESTINATION = {
    "gcsDestination": {"outputUriPrefix": "gs://b/o", **NEW},
    "bigqueryDestination": {"outputUri": "bq://p.d.o", **OTHER},
    "predictionsFormat": "jsonl",
    **OTHER,
}


def _read_job() -> Any:
    reply = {"name": "n", "inputConfig": SOURCE, "outputConfig": DESTINATION}
    return decode_ours(batches.get(name="1"), "vertex", reply)


def test_batch_places_read() -> None:
    """Unknown fields of the source and the destination of a batch are under the JSON name of their object."""
    job = _read_job()
    assert job.src.extra == {
        **OTHER,
        "gcsSource": NEW,
        "bigquerySource": OTHER,
        "vertexMultimodalDatasetSource": NEW,
    }
    assert job.dest.extra == {**OTHER, "gcsDestination": NEW, "bigqueryDestination": OTHER}


def _strip(extra: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in extra.items() if name not in names}


def test_batch_places_sent() -> None:
    """A source and a destination that were read are sent as they were."""
    job = _read_job()
    source = BatchJobSource(format="jsonl", gcs_uri=job.src.gcs_uri, extra=_strip(job.src.extra, "bigquerySource"))
    dest = BatchJobDestination(format="jsonl", gcs_uri=job.dest.gcs_uri, extra=job.dest.extra)
    body = encode_ours(batches.create("m", source, {"dest": dest}), "vertex")[2]
    assert body["inputConfig"]["gcsSource"] == SOURCE["gcsSource"]
    assert body["outputConfig"]["gcsDestination"] == DESTINATION["gcsDestination"]
    assert body["outputConfig"]["bigqueryDestination"] == OTHER
    assert (body["inputConfig"]["otherField"], body["outputConfig"]["otherField"]) == ("x", "x")


def test_whole_object_sent() -> None:
    """An `extra` that has a text in place of such an object is sent as it is."""
    source = BatchJobSource(format="jsonl", gcs_uri=("gs://b/i.jsonl",), extra={"gcsSource": "next year's text"})
    body = encode_ours(batches.create("m", source, {"dest": "gs://b/o"}), "vertex")[2]
    assert body["inputConfig"]["gcsSource"] == "next year's text"
