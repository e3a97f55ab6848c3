"""Batches on both backends: progress, responses, cancellation, deletion."""

import json
from typing import Any

import pytest

from genai_fn import Gemini, Offline, Vertex, batches, embed, files, generate, until_done
from genai_fn.schema import BatchJob, JobState
from tests.support.emulator_requests import GEMINI, PROJECT, VERTEX, JsonClient

MODEL = "gemini-2.5-flash"
QUESTIONS = [generate(MODEL, each) for each in ("Why is the sky blue?", "Why is grass green?")]
GENERATE = f"models/{MODEL}:batchGenerateContent"
VALID_REQUEST = {"contents": [{"parts": [{"text": "hi"}]}]}
INVALID_REQUEST = {"contents": []}


def build_body(*requests: Any, **fields: Any) -> dict[str, Any]:
    """Build the body of a batch."""
    inlined_requests = [{"request": each, "metadata": {"key": str(index)}} for index, each in enumerate(requests)]
    return {"batch": {"inputConfig": {"requests": {"requests": inlined_requests}}, **fields}}


def run_batch(api: JsonClient, path: str, body: Any) -> Any:
    """Create a batch, and poll until it has ended."""
    name = api.request_json("POST", path, body)["name"]
    api.request_json("GET", name)
    return api.request_json("GET", name)


def test_join() -> None:
    """Each response of a batch equals the response to the request alone."""
    run = Offline(Gemini())
    job = run(batches.create(MODEL, QUESTIONS, {"display_name": "Colours"}) | until_done()).unwrap()
    assert (JobState.JOB_STATE_SUCCEEDED, "Colours", f"models/{MODEL}") == (job.state, job.display_name, job.model)
    expected = [run(each).unwrap().text for each in QUESTIONS]
    assert expected == [each.unwrap().text for each in batches.join(QUESTIONS, job)]
    assert job.completion_stats is not None
    assert (2, 0) == (job.completion_stats.successful_count, job.completion_stats.failed_count or 0)


def test_tuned_model() -> None:
    """A batch of a tuned model is answered as its requests alone are, whatever the name of the model."""
    api = JsonClient()
    alone = api.request_json("POST", "tunedModels/gemini-mine:generateContent", VALID_REQUEST)
    batch = run_batch(api, "tunedModels/gemini-mine:batchGenerateContent", build_body(VALID_REQUEST))
    (item,) = batch["response"]["inlinedResponses"]["inlinedResponses"]
    assert item["response"] == alone


def test_file() -> None:
    """A batch from a file produces a file of responses with the keys of their requests."""
    run = Offline(Gemini())
    lines = batches.jsonl(QUESTIONS, Gemini())
    source = run(files.upload(lines, {"mime_type": "application/jsonl"})).unwrap()
    job = run(batches.create(MODEL, str(source.name)) | until_done()).unwrap()
    assert job.dest is not None
    answers = run(files.download(str(job.dest.file_name))).unwrap()
    assert ["0", "1"] == [json.loads(each)["key"] for each in answers.splitlines()]
    expected = [run(each).unwrap().text for each in QUESTIONS]
    assert expected == [each.unwrap().text for each in batches.join(QUESTIONS, answers)]


def test_embeddings() -> None:
    """Each embedding of a batch equals the embedding of the text alone."""
    run = Offline(Gemini())
    texts = ["a blue sky", "bread"]
    src = {"inlined_requests": {"contents": texts, "config": {"output_dimensionality": 16}}}
    job = run(batches.create_embeddings("gemini-embedding-001", src) | until_done()).unwrap()
    assert job.dest is not None
    vectors = [each.response and each.response.embedding for each in job.dest.inlined_embed_content_responses]
    expected = run(embed("gemini-embedding-001", texts, {"output_dimensionality": 16})).unwrap()
    assert list(expected.embeddings) == vectors


def test_vertex() -> None:
    """On Vertex AI a batch succeeds, and contains the location of its responses."""
    run = Offline(Vertex("p", "us-central1"))
    job = run(batches.create(MODEL, "gs://b/in.jsonl", {"display_name": "Colours"})).unwrap()
    polls = [job, *(run(batches.get(str(job.name))).unwrap() for _ in range(3))]
    assert ["PENDING", "RUNNING", "SUCCEEDED", "SUCCEEDED"] == [_get_state(each) for each in polls]
    last = polls[-1]
    assert last.src is not None
    assert last.dest is not None
    assert (("gs://b/in.jsonl",), "gs://b/in/dest") == (last.src.gcs_uri, last.dest.gcs_uri)
    assert last.start_time is not None
    assert run(batches.get(str(last.name).rpartition("/")[2])).unwrap() == last


def test_bigquery() -> None:
    """A BigQuery table can be the source."""
    run = Offline(Vertex("p", "us-central1"))
    job = run(batches.create(MODEL, "bq://p.d.t", {"dest": "bq://p.d.answers"}) | until_done()).unwrap()
    assert job.dest is not None
    assert "bq://p.d.answers" == job.dest.bigquery_uri


def _get_state(job: BatchJob) -> str:
    return str(job.state).removeprefix("JOB_STATE_")


@pytest.mark.parametrize(
    ("run", "src"), [(Offline(Gemini()), QUESTIONS), (Offline(Vertex("p", "l")), "gs://b/in.jsonl")], ids=range(2)
)
def test_cancelled(run: Offline, src: Any) -> None:
    """A cancelled batch can be deleted; a batch that has ended cannot be cancelled."""
    name = str(run(batches.create(MODEL, src)).unwrap().name)
    assert run(batches.cancel(name)).unwrap() is None
    assert "CANCELLED" == _get_state(run(batches.get(name)).unwrap())
    assert run(batches.cancel(name)).unwrap() is None
    assert "CANCELLED" == _get_state(run(batches.get(name)).unwrap())
    assert [name] == [each.name for each in run(batches.list()).unwrap()]
    run(batches.delete(name)).unwrap()
    assert [] == list(run(batches.list()).unwrap())
    assert 404 == run(batches.get(name)).failure().code  # type: ignore[attr-defined]  # an APIError has one


def test_operation() -> None:
    """The operation contains the batch in its metadata, and its counts and responses at the end."""
    api = JsonClient()
    started = api.request_json(
        "POST", f"models/{MODEL}:batchGenerateContent", build_body(VALID_REQUEST, INVALID_REQUEST, displayName="Two")
    )
    metadata = {
        "@type": "type.googleapis.com/google.ai.generativelanguage.v1main.GenerateContentBatch",
        "name": "batches/batch1",
        "model": f"models/{MODEL}",
        "state": "BATCH_STATE_PENDING",
        "createTime": "2026-01-01T00:00:00Z",
        "updateTime": "2026-01-01T00:00:00Z",
        "displayName": "Two",
        "batchStats": {"requestCount": "2", "pendingRequestCount": "2"},
    }
    assert {"name": "batches/batch1", "metadata": metadata} == started
    api.advance_clock(60)
    running = api.request_json("GET", "batches/batch1")
    assert "BATCH_STATE_RUNNING" == running["metadata"]["state"]
    api.advance_clock(60)
    last = api.request_json("GET", "batches/batch1")
    assert api.request_json("GET", "batches/batch1") == last
    assert last["done"] is True
    assert last["response"] == last["metadata"]["output"]
    assert "2026-01-01T00:02:00Z" == last["metadata"]["endTime"]
    stats = {"requestCount": "2", "successfulRequestCount": "1", "failedRequestCount": "1"}
    assert stats == last["metadata"]["batchStats"]


def test_one_fails() -> None:
    """An invalid request fails alone, with its own metadata."""
    last = run_batch(JsonClient(), f"models/{MODEL}:batchGenerateContent", build_body(INVALID_REQUEST, VALID_REQUEST))
    bad, good = last["response"]["inlinedResponses"]["inlinedResponses"]
    assert {"error", "metadata"} == bad.keys()
    assert (3, {"key": "0"}) == (bad["error"]["code"], bad["metadata"])
    assert {"response", "metadata"} == good.keys()


def test_lines() -> None:
    """In a file, an invalid line fails alone."""
    lines = [
        b'{"key": "a", "request": %s}' % json.dumps(VALID_REQUEST).encode(),
        b"{oops",
        b'{"key": "c", "request": {"x": 1}}',
    ]
    api = _store_file(b"\n".join(lines))
    last = run_batch(api, f"models/{MODEL}:batchGenerateContent", {"batch": {"input_config": {"file_name": "files/f"}}})
    answers = api("GET", f"{last['response']['responsesFile']}:download?alt=media").body.splitlines()
    assert [("a", "response"), (None, "error"), ("c", "error")] == [
        (each.get("key"), "response" if "response" in each else "error") for each in map(json.loads, answers)
    ]


def test_lines_of_vectors() -> None:
    """A file may contain embedding requests, in snake_case, too."""
    line = {"key": "a", "request": {"content": {"parts": [{"text": "hi"}]}, "output_dimensionality": 2}}
    api = _store_file(json.dumps(line).encode())
    body = {"batch": {"inputConfig": {"fileName": "files/f"}}}
    last = run_batch(api, "models/gemini-embedding-001:asyncBatchEmbedContent", body)
    assert last["metadata"]["@type"].endswith("EmbedContentBatch")
    (answer,) = api("GET", f"{last['response']['responsesFile']}:download?alt=media").body.splitlines()
    response = json.loads(answer)
    assert ("a", 2, 1) == (
        response["key"],
        len(response["response"]["embedding"]["values"]),
        response["response"]["tokenCount"],
    )


def _store_file(data: bytes) -> JsonClient:
    """Return a client of an emulator that has stored a file."""
    api = JsonClient()
    started = (
        ("x-goog-upload-protocol", "resumable"),
        ("x-goog-upload-command", "start"),
        ("x-goog-upload-header-content-type", "application/jsonl"),
    )
    url = GEMINI.replace("/v1beta", "/upload/v1beta/files")
    session = api("POST", url, {"file": {"name": "files/f"}}, started).get_header("x-goog-upload-url") or ""
    finished = api(
        "POST", session, data, (("x-goog-upload-command", "upload, finalize"), ("x-goog-upload-offset", "0"))
    )
    assert finished.status == 200
    return api


JOBS = f"{PROJECT}/batchPredictionJobs"
VALID_JOB: dict[str, Any] = {
    "displayName": "j",
    "model": f"publishers/google/models/{MODEL}",
    "inputConfig": {"instancesFormat": "jsonl", "gcsSource": {"uris": ["gs://b/i.jsonl"]}},
    "outputConfig": {"predictionsFormat": "jsonl", "gcsDestination": {"outputUriPrefix": "gs://b/o"}},
}

REFUSED_REQUESTS: list[tuple[str, str, str, Any, int, str]] = [
    (GEMINI, "POST", GENERATE, {}, 400, "either requests or file_name"),
    (GEMINI, "POST", GENERATE, build_body(), 400, "at least one request"),
    (GEMINI, "POST", GENERATE, build_body({"mood": "good"}), 400, "mood"),
    (GEMINI, "POST", GENERATE, {"batch": {"mood": "good"}}, 400, "mood"),
    (GEMINI, "POST", GENERATE, {"batch": {"inputConfig": {"fileName": "files/none"}}}, 403, "none"),
    (GEMINI, "GET", "batches/none", None, 404, "batches/none"),
    (GEMINI, "POST", "batches/none:cancel", None, 404, "batches/none"),
    (GEMINI, "DELETE", "batches/none", None, 404, "batches/none"),
    (VERTEX, "POST", JOBS, {**VALID_JOB, "displayName": None}, 400, "display_name"),
    (VERTEX, "POST", JOBS, {**VALID_JOB, "model": ""}, 400, "model"),
    (VERTEX, "POST", JOBS, {**VALID_JOB, "inputConfig": {}}, 400, "input_config"),
    (VERTEX, "POST", JOBS, {**VALID_JOB, "inputConfig": {"gcsSource": {"uris": ["s3://b"]}}}, 400, "s3://b"),
    (VERTEX, "POST", JOBS, {**VALID_JOB, "outputConfig": {}}, 400, "output_config"),
    (VERTEX, "POST", JOBS, {**VALID_JOB, "mood": "good"}, 400, "mood"),
    (VERTEX, "GET", f"{JOBS}/1", None, 404, f"{JOBS}/1"),
    (VERTEX, "POST", f"{JOBS}/1:cancel", None, 404, f"{JOBS}/1"),
    (VERTEX, "DELETE", f"{JOBS}/1", None, 404, f"{JOBS}/1"),
    (VERTEX, "GET", f"{JOBS}?filter=mood+is+good", None, 400, "mood is good"),
]


@pytest.mark.parametrize(
    ("base", "verb", "path", "body", "code", "message"), REFUSED_REQUESTS, ids=range(len(REFUSED_REQUESTS))
)
def test_refused(base: str, verb: str, path: str, body: Any, code: int, message: str) -> None:
    """An invalid batch and an unknown resource are rejected by name."""
    metadata = JsonClient(base).request_fault(verb, path, body)
    assert code == metadata[0]
    assert message in metadata[2]


def test_delete_running() -> None:
    """Vertex AI does not delete a running job; a deletion returns an operation."""
    api = JsonClient(VERTEX)
    name = api.request_json("POST", JOBS, VALID_JOB)["name"]
    assert "FAILED_PRECONDITION" == api.request_fault("DELETE", name)[1]
    last = [api.request_json("GET", name) for _ in range(2)][-1]
    assert {"gcsOutputDirectory": "gs://b/o/prediction-model-1"} == last["outputInfo"]
    operation = api.request_json("DELETE", name)
    assert operation["done"] is True
    assert api.request_json("GET", operation["name"]) == operation
    assert 404 == api.request_fault("GET", name)[0]


@pytest.mark.parametrize(
    ("filter", "found"),
    [
        ("", ["2", "1"]),
        ('displayName="a"', ["1"]),
        ('display_name = "b" AND state = JOB_STATE_RUNNING', ["2"]),
        ("display_name=a OR display_name=b", ["1", "2"]),
        ("labels.kind:*", ["2"]),
        ("labels.kind!=big", []),
    ],
)
def test_filter(filter: str, found: list[str]) -> None:
    """Jobs of Vertex AI are listed by a filter."""
    api = JsonClient(VERTEX)
    api.request_json("POST", JOBS, {**VALID_JOB, "displayName": "a"})
    api.request_json(
        "GET", api.request_json("POST", JOBS, {**VALID_JOB, "displayName": "b", "labels": {"kind": "big"}})["name"]
    )
    query = filter.replace(" ", "%20").replace("=", "%3D")
    jobs = api.request_json("GET", f"{JOBS}?filter={query}").get("batchPredictionJobs", [])
    assert sorted(found) == sorted(each["name"].rpartition("/")[2] for each in jobs)


def test_pages() -> None:
    """Batches are listed in pages, the newest first."""
    run = Offline(Gemini())
    names = [run(batches.create(MODEL, QUESTIONS)).unwrap().name for _ in range(3)]
    first = run(batches.list({"page_size": 2})).unwrap()
    second = run(batches.list({"page_size": 2, "page_token": first.next_page_token})).unwrap()
    assert names[::-1] == [each.name for each in (*first, *second)]
    assert second.next_page_token is None
