"""Properties of responses: as in google-genai, without warnings."""

import json
import warnings
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from google.genai import types

from genai_fn import schema
from genai_fn.errors import InvalidRequest
from genai_fn.schema import (
    BatchJob,
    BatchJobDestination,
    BatchJobSource,
    Citation,
    CitationMetadata,
    GenerateContentResponse,
    GenerateImagesResponse,
    InlinedRequest,
    JobState,
    LiveServerMessage,
    TuningJob,
)
from genai_fn.schema.convert import as_struct


def read_both(ours: type, theirs: Any, response: Any, read: Callable[[Any], Any]) -> tuple[Any, Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return read(msgspec.json.decode(json.dumps(response), type=ours)), read(
            theirs.model_validate_json(json.dumps(response))
        )


TURNS: dict[str, list[dict[str, Any]]] = {
    "text": [{"text": "a"}],
    "texts": [{"text": "a"}, {"text": "b"}],
    "empty text": [{"text": ""}],
    "thought": [{"text": "hm", "thought": True}, {"text": "a", "thought": False}],
    "only a thought": [{"text": "hm", "thought": True}],
    "call": [{"functionCall": {"name": "f", "args": {"x": 1}}}],
    "text and calls": [{"text": "a"}, {"functionCall": {"name": "f"}}, {"functionCall": {"name": "g"}}, {"text": "b"}],
    "code": [
        {"executableCode": {"code": "1", "language": "PYTHON"}},
        {"executableCode": {"code": "2"}},
        {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "3"}},
    ],
    "bytes": [
        {"inlineData": {"data": "eA==", "mimeType": "audio/pcm"}},
        {"text": "a"},
        {"inlineData": {"data": "eQ=="}},
    ],
    "signature": [{"text": "a", "thoughtSignature": "AB+/"}],
    "nothing": [],
}
each_turn = pytest.mark.parametrize("parts", TURNS.values(), ids=TURNS)


@each_turn
@pytest.mark.parametrize("name", ["text", "executable_code", "code_execution_result"])
def test_properties(name: str, parts: Any) -> None:
    """The properties for text and code are those of google-genai."""
    response = {"candidates": [{"content": {"parts": parts}}, {"content": {"parts": [{"text": "another"}]}}]}
    kinds = GenerateContentResponse, types.GenerateContentResponse
    ours, theirs = read_both(*kinds, response, lambda answer: getattr(answer, name))
    assert ours == theirs


@each_turn
def test_function_calls(parts: Any) -> None:
    """`function_calls` is an empty tuple, not None, if there are none."""
    response = {"candidates": [{"content": {"parts": parts}}]}
    kinds = GenerateContentResponse, types.GenerateContentResponse
    ours, theirs = read_both(*kinds, response, lambda answer: tuple(each.name for each in answer.function_calls or ()))
    assert ours == theirs


@pytest.mark.parametrize("response", [{}, {"candidates": []}, {"candidates": [{}]}, {"candidates": [{"content": {}}]}])
def test_empty_responses(response: Any) -> None:
    """The properties of a response without candidates, content or parts are empty."""
    answer = msgspec.json.decode(json.dumps(response), type=GenerateContentResponse)
    assert (answer.text, answer.parts, answer.function_calls) == (None, (), ())
    assert (answer.executable_code, answer.code_execution_result) == (None, None)


def test_no_warning() -> None:
    """The properties cause no warnings; warnings are errors here."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        answer = GenerateContentResponse(candidates=(schema.Candidate(content=schema.ModelContent("a")),) * 2)
        assert (answer.text, len(answer.parts)) == ("a", 1)


@each_turn
@pytest.mark.parametrize("name", ["text", "data"])
def test_live_properties(name: str, parts: Any) -> None:
    """`text` and `data` of a Live message are those of google-genai."""
    response = {"serverContent": {"modelTurn": {"parts": parts}}}
    ours, theirs = read_both(
        LiveServerMessage, types.LiveServerMessage, response, lambda message: getattr(message, name)
    )
    assert ours == theirs


@pytest.mark.parametrize(
    "response", [{}, {"serverContent": {}}, {"serverContent": {"modelTurn": {}}}, {"setupComplete": {}}]
)
def test_empty_live_messages(response: Any) -> None:
    """`text` and `data` of a message without a turn are None."""
    message = msgspec.json.decode(json.dumps(response), type=LiveServerMessage)
    assert (message.text, message.data) == (None, None)


CITATION = Citation(start_index=1, end_index=2, uri="https://example.com")


@pytest.mark.parametrize("key", ["citations", "citationSources"])
def test_citations(key: str) -> None:
    """Citations are in one field, whatever name the backend uses, and are encoded under one name."""
    response = json.dumps({key: [msgspec.to_builtins(CITATION)]})
    assert msgspec.json.decode(response, type=CitationMetadata) == CitationMetadata(citations=(CITATION,))
    assert b"citations" in msgspec.json.encode(msgspec.json.decode(response, type=CitationMetadata))


def test_images() -> None:
    """`images` has None for each image that was filtered."""
    response = {"generatedImages": [{"raiFilteredReason": "no"}, {"image": {"gcsUri": "gs://b/o"}}]}
    kinds = GenerateImagesResponse, types.GenerateImagesResponse
    ours, theirs = read_both(*kinds, response, lambda answer: [each and each.gcs_uri for each in answer.images])
    assert ours == theirs == [None, "gs://b/o"]


@pytest.mark.parametrize("state", [None, *JobState, JobState("JOB_STATE_OF_NEXT_YEAR")])
def test_jobs(state: JobState | None) -> None:
    """A job has ended in the states of google-genai, and if it has partially succeeded."""
    theirs = None if state is None else types.JobState(state.value) if state in list(JobState) else None
    has_ended = types.BatchJob(state=theirs).done or state == JobState.JOB_STATE_PARTIALLY_SUCCEEDED
    ours = TuningJob(state=state)
    assert (ours.has_ended, BatchJob(state=state).done) == (has_ended, has_ended)
    assert ours.has_succeeded == types.TuningJob(state=theirs).has_succeeded


@pytest.mark.parametrize(
    ("value", "source"),
    [
        ("gs://b/o.jsonl", BatchJobSource(gcs_uri=("gs://b/o.jsonl",), format="jsonl")),
        ("bq://p.d.t", BatchJobSource(bigquery_uri="bq://p.d.t", format="bigquery")),
        ("files/x", BatchJobSource(file_name="files/x")),
        ([], BatchJobSource(inlined_requests=())),
        ([{"model": "m"}], BatchJobSource(inlined_requests=(InlinedRequest(model="m"),))),
        ({"file_name": "files/x"}, BatchJobSource(file_name="files/x")),
    ],
)
def test_batch_source(value: Any, source: BatchJobSource) -> None:
    """A URI or a list of requests is accepted as a batch source."""
    assert as_struct(BatchJobSource, value) == source


@pytest.mark.parametrize(
    ("value", "destination"),
    [
        ("gs://b/o", BatchJobDestination(gcs_uri="gs://b/o", format="jsonl")),
        ("bq://p.d.t", BatchJobDestination(bigquery_uri="bq://p.d.t", format="bigquery")),
    ],
)
def test_batch_destination(value: str, destination: BatchJobDestination) -> None:
    """A URI is accepted as a batch destination."""
    assert as_struct(schema.CreateBatchJobConfig, {"dest": value}).dest == destination


def test_no_batch_source() -> None:
    """Other values are refused as a batch source."""
    with pytest.raises(InvalidRequest):
        as_struct(BatchJobSource, 5)
    with pytest.raises(InvalidRequest):
        as_struct(BatchJobDestination, 5)
