"""``batches.jsonl`` and ``batches.join``: requests as lines, and results in the order of the requests."""

import json
import random
from typing import Any

import pytest
from returns.result import Failure, Success

from genai_fn import schema
from genai_fn.backend import Gemini, Vertex
from genai_fn.errors import CountMismatch, DecodeError, InvalidRequest, OperationFailed, Unsupported
from genai_fn.ops import batches
from genai_fn.ops.generate import generate
from genai_fn.options import Options
from genai_fn.request import Request
from genai_fn.schema import BatchJob, BatchJobDestination, GenerateContentResponse, JobState
from tests.support.google_genai.agreement import decode_ours, encode_ours

REQUESTS = [
    generate("m", "a", {"temperature": 1.0, "cached_content": "c"}),
    generate("m", "b", {"max_output_tokens": 8}),
    generate("m", ["c", {"inline_data": {"data": b"\xfb\xff", "mime_type": "image/png"}}]),
    generate("m", "b", {"max_output_tokens": 8}),
]


def _build_line(text: str) -> Any:
    return {"candidates": [{"content": {"role": "model", "parts": [{"text": text}]}}]}


def _build_lines(*lines: Any) -> bytes:
    return "\n".join(json.dumps(each) for each in lines).encode()


def _get_texts(results: Any) -> list[Any]:
    return [each.unwrap().text if isinstance(each, Success) else type(each.failure()) for each in results]


def test_lines_for_gemini() -> None:
    """A line has a key, and the body of the request alone."""
    lines = [json.loads(each) for each in batches.jsonl(REQUESTS, Gemini("test-key")).splitlines()]
    assert [{"key": str(i), "request": encode_ours(each, "gemini")[2]} for i, each in enumerate(REQUESTS)] == lines


def test_lines_for_vertex() -> None:
    """On Vertex AI a line has the body alone, with full names."""
    lines = [json.loads(each) for each in batches.jsonl(REQUESTS, Vertex("p", "us-central1")).splitlines()]
    assert [{"request": encode_ours(each, "vertex")[2]} for each in REQUESTS] == lines


def test_large_bytes() -> None:
    """Large bytes are written in their own line."""
    request = generate("m", {"inline_data": {"data": b"\n" * 100_000, "mime_type": "image/png"}})
    assert batches.jsonl([request, request], Gemini()).count(b"\n") == 2
    assert batches.jsonl([], Gemini()) == b""


def test_requests_of_a_generator() -> None:
    """Requests may be any iterable, which is read once."""
    lines = batches.jsonl(REQUESTS, Gemini())
    requests: Any = (each for each in REQUESTS)
    assert batches.jsonl(requests, Gemini()) == lines
    results = _build_lines(*({"key": str(index), "response": _build_line("x")} for index in range(4)))
    requests = iter(REQUESTS)
    assert batches.join(requests, results) == batches.join(REQUESTS, results)


def test_model_by_its_long_name() -> None:
    """The short and the long name of a model are the same model, as for ``batches.create``."""
    same = [generate("m", "a"), generate("models/m", "b")]
    assert batches.jsonl(same, Gemini()).count(b"\n") == 2


@pytest.mark.parametrize(
    ("requests", "path"),
    [
        ([REQUESTS[0], generate("other", "a")], "requests[1].model"),
        ([REQUESTS[0], batches.get("5")], "requests[1]"),
        ([1], "requests[0]"),
        (None, "requests"),
        (REQUESTS[0], "requests"),
        ([Request(REQUESTS[0].operation, Options(with_http_response=True))], "requests[0].options"),
    ],
)
def test_no_lines(requests: Any, path: str) -> None:
    """A request that cannot be part of a batch is a mistake at once."""
    with pytest.raises(InvalidRequest) as raised:
        batches.jsonl(requests, Gemini())
    assert path == raised.value.path


def test_unsupported() -> None:
    """Fields that the backend does not have are named with their request."""
    with pytest.raises(Unsupported) as raised:
        batches.jsonl([REQUESTS[1], generate("m", "a", {"audio_timestamp": True})], Gemini())
    assert raised.value.paths == ("requests[1].config.audio_timestamp",)


def test_keyed() -> None:
    """Results are matched by key, in any order."""
    lines = [{"key": str(index), "response": _build_line(str(index))} for index in range(4)]
    random.Random(1).shuffle(lines)
    assert ["0", "1", "2", "3"] == _get_texts(batches.join(REQUESTS, _build_lines(*lines)))


def test_echoed() -> None:
    """Without keys, results are matched by the repeated request; of equal requests, each gets one."""
    lines = [json.loads(each) for each in batches.jsonl(REQUESTS, Vertex("p", "us-central1")).splitlines()]
    result_lines = [{**each, "status": "", "response": _build_line(str(index))} for index, each in enumerate(lines)]
    result_lines[0]["request"]["generationConfig"]["temperature"] = 1
    assert ["0", "3", "2", "1"] == _get_texts(batches.join(REQUESTS, _build_lines(*reversed(result_lines))))


def test_echo_of_another() -> None:
    """A result for another request is ignored."""
    result_lines = {"request": {"contents": [{"parts": [{"text": "z"}]}]}, "response": _build_line("z")}
    assert [OperationFailed] * 4 == _get_texts(batches.join(REQUESTS, _build_lines(result_lines)))


def test_ordered() -> None:
    """Without keys and requests, results are matched by position, if their number is right."""
    result_lines = [{"response": _build_line(str(index))} for index in range(4)]
    assert ["0", "1", "2", "3"] == _get_texts(batches.join(REQUESTS, _build_lines(*result_lines)))
    assert (Failure(CountMismatch(4, 3)),) * 4 == batches.join(REQUESTS, _build_lines(*result_lines[:3]))


def test_failed_lines() -> None:
    """A failed or missing result is a failure; the others are kept."""
    result_lines = _build_lines(
        {"key": "3", "response": _build_line("3")},
        {"key": "0", "error": {"code": 3, "message": "no", "details": [{"@type": "t"}]}},
        {"key": "1", "status": "Bad Request", "response": {}},
        {"key": "9", "response": _build_line("9")},
        {"key": "3", "response": _build_line("again")},
    )
    results = batches.join(REQUESTS, result_lines + b"\n\n")
    assert (
        Failure(OperationFailed("request 0", 3, "no")),
        Failure(OperationFailed("request 1", None, "Bad Request")),
        Failure(OperationFailed("request 2", None, "the batch has no result for it")),
        Success(decode_ours(REQUESTS[3], "gemini", _build_line("3"))),
    ) == results


@pytest.mark.parametrize(
    ("line", "error"),
    [
        (b"}garbage", DecodeError),
        (b"[]", DecodeError),
        (b"\xff\xfe", DecodeError),
        (b'{"key":"0","response":5}', DecodeError),
        (b'{"key":"0"}', OperationFailed),
        (b'{"key":"0","response":null}', OperationFailed),
        (b'{"key":null,"request":null,"response":null}', OperationFailed),
        (b"", CountMismatch),
    ],
)
def test_garbage(line: bytes, error: type[Exception]) -> None:
    """An invalid line is a failure of its request, and raises nothing."""
    assert [error] == _get_texts(batches.join(REQUESTS[:1], line))


def test_one_bad_line() -> None:
    """An invalid line does not affect others; requests without a result get its failure."""
    result_lines = b"\n".join([b"{cut", *_build_lines({"key": "1", "response": _build_line("1")}).splitlines()])
    assert [DecodeError, "1"] == _get_texts(batches.join(REQUESTS[:2], result_lines))


def _build_job(*responses: Any, state: str = "BATCH_STATE_SUCCEEDED") -> BatchJob:
    output = {"inlinedResponses": {"inlinedResponses": list(responses)}}
    job: BatchJob = decode_ours(
        batches.get("batches/x"), "gemini", {"name": "batches/x", "metadata": {"state": state, "output": output}}
    )
    return job


def test_job() -> None:
    """The results in a job are matched by key, too."""
    job = _build_job(
        {"metadata": {"key": "1"}, "response": _build_line("1")},
        {"metadata": {"key": "0"}, "error": {"code": 3, "message": "no"}},
    )
    failed = Failure(OperationFailed("request 0", 3, "no"))
    assert [failed, "1"] == [batches.join(REQUESTS[:2], job)[0], *_get_texts(batches.join(REQUESTS[:2], job)[1:])]
    assert OperationFailed == _get_texts(batches.join(REQUESTS[:3], job))[2]


def test_job_without_keys() -> None:
    """Without keys, the results in a job are in the order of the requests."""
    job = _build_job({"response": _build_line("0")}, {"error": {"code": 3}})
    assert ["0", OperationFailed] == _get_texts(batches.join(REQUESTS[:2], job))
    assert [CountMismatch] * 3 == _get_texts(batches.join(REQUESTS[:3], job))


@pytest.mark.parametrize("results", [None, "{}", Success(BatchJob())])
def test_results_of_a_wrong_type(results: Any) -> None:
    """Results that are neither a job nor bytes are a mistake at once."""
    with pytest.raises(InvalidRequest) as raised:
        batches.join(REQUESTS, results)
    assert raised.value.path == "job_or_bytes"


@pytest.mark.parametrize("key", [0, [0], {"a": 1}])
def test_job_with_keys_that_are_no_text(key: Any) -> None:
    """A key that is not a text is none: the service may return any metadata."""
    job = _build_job({"response": _build_line("0"), "metadata": {"key": key}})
    assert ["0"] == _get_texts(batches.join(REQUESTS[:1], job))


@pytest.mark.parametrize(
    ("job", "code", "message"),
    [
        (BatchJob(name="n", error=schema.JobError(code=3, message="broken")), 3, "broken"),
        (BatchJob(name="n", state=JobState.JOB_STATE_RUNNING), None, "no results: JOB_STATE_RUNNING"),
        (BatchJob(name="n"), None, "no results: unknown state"),
    ],
)
def test_job_without_answers(job: BatchJob, code: int | None, message: str) -> None:
    """A job without results is a failure with the reason for every request."""
    assert (Failure(OperationFailed("n", code, message)),) * 2 == batches.join(REQUESTS[:2], job)


def test_job_with_a_file() -> None:
    """A job whose results are in a file has not failed: the error names what to pass in its place."""
    dest = BatchJobDestination(gcs_uri="gs://b/o", format="jsonl")
    job = BatchJob(name="n", state=JobState.JOB_STATE_SUCCEEDED, dest=dest)
    [result] = batches.join(REQUESTS[:1], job)
    assert result == Failure(
        InvalidRequest("job_or_bytes", "n", "the content of gs://b/o, which has the results of the job")
    )


def test_no_requests() -> None:
    """No requests have no results, and a result has the type of its request."""
    assert batches.join([], b"") == ()
    [result] = batches.join(REQUESTS[:1], _build_lines({"key": "0", "response": _build_line("x")}))
    assert isinstance(result.unwrap(), GenerateContentResponse)
