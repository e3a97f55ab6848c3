"""Batches, on both backends: begun, looked at until they have ended, answered, stopped, deleted."""

import json
from typing import Any

import pytest

from genai_fn import Gemini, Offline, Vertex, batches, embed, files, generate, until_done
from genai_fn.schema import BatchJob, JobState
from tests.support.emulator_requests import GEMINI, PROJECT, VERTEX, Api

MODEL = "gemini-2.5-flash"
QUESTIONS = [generate(MODEL, each) for each in ("Why is the sky blue?", "Why is grass green?")]
ASKED = {"contents": [{"parts": [{"text": "hi"}]}]}
EMPTY = {"contents": []}


def inlined(*requests: Any, **beside: Any) -> dict[str, Any]:
    """Give the body of a batch."""
    made = [{"request": each, "metadata": {"key": str(index)}} for index, each in enumerate(requests)]
    return {"batch": {"inputConfig": {"requests": {"requests": made}}, **beside}}


def ended(api: Api, path: str, body: Any) -> Any:
    """Begin a batch, and look until it has ended."""
    name = api.told("POST", path, body)["name"]
    api.told("GET", name)
    return api.told("GET", name)


# Through the client


def test_join() -> None:
    """A batch of requests answers each as it would be answered alone."""
    run = Offline(Gemini())
    job = run(batches.create(MODEL, QUESTIONS, {"display_name": "Colours"}) | until_done()).unwrap()
    assert (JobState.JOB_STATE_SUCCEEDED, "Colours", f"models/{MODEL}") == (job.state, job.display_name, job.model)
    alone = [run(each).unwrap().text for each in QUESTIONS]
    assert alone == [each.unwrap().text for each in batches.join(QUESTIONS, job)]
    assert job.completion_stats is not None
    assert (2, 0) == (job.completion_stats.successful_count, job.completion_stats.failed_count or 0)


def test_file() -> None:
    """A file of requests becomes a file of answers, whose keys say whose they are."""
    run = Offline(Gemini())
    lines = batches.jsonl(QUESTIONS, Gemini())
    source = run(files.upload(lines, {"mime_type": "application/jsonl"})).unwrap()
    job = run(batches.create(MODEL, str(source.name)) | until_done()).unwrap()
    assert job.dest is not None
    answers = run(files.download(str(job.dest.file_name))).unwrap()
    assert ["0", "1"] == [json.loads(each)["key"] for each in answers.splitlines()]
    alone = [run(each).unwrap().text for each in QUESTIONS]
    assert alone == [each.unwrap().text for each in batches.join(QUESTIONS, answers)]


def test_embeddings() -> None:
    """A batch of vectors has those that each text has alone."""
    run = Offline(Gemini())
    texts = ["a blue sky", "bread"]
    src = {"inlined_requests": {"contents": texts, "config": {"output_dimensionality": 16}}}
    job = run(batches.create_embeddings("gemini-embedding-001", src) | until_done()).unwrap()
    assert job.dest is not None
    vectors = [each.response and each.response.embedding for each in job.dest.inlined_embed_content_responses]
    alone = run(embed("gemini-embedding-001", texts, {"output_dimensionality": 16})).unwrap()
    assert list(alone.embeddings) == vectors


def test_vertex() -> None:
    """On Vertex AI a batch comes to its end, and says where its answers are."""
    run = Offline(Vertex("p", "us-central1"))
    job = run(batches.create(MODEL, "gs://b/in.jsonl", {"display_name": "Colours"})).unwrap()
    seen = [job, *(run(batches.get(str(job.name))).unwrap() for _ in range(3))]
    assert ["PENDING", "RUNNING", "SUCCEEDED", "SUCCEEDED"] == [_state(each) for each in seen]
    last = seen[-1]
    assert last.src is not None
    assert last.dest is not None
    assert (("gs://b/in.jsonl",), "gs://b/in/dest") == (last.src.gcs_uri, last.dest.gcs_uri)
    assert last.start_time is not None
    assert run(batches.get(str(last.name).rpartition("/")[2])).unwrap() == last


def test_bigquery() -> None:
    """A table is as good a source as a file."""
    run = Offline(Vertex("p", "us-central1"))
    job = run(batches.create(MODEL, "bq://p.d.t", {"dest": "bq://p.d.answers"}) | until_done()).unwrap()
    assert job.dest is not None
    assert "bq://p.d.answers" == job.dest.bigquery_uri


def _state(job: BatchJob) -> str:
    return str(job.state).removeprefix("JOB_STATE_")


@pytest.mark.parametrize(
    ("run", "src"), [(Offline(Gemini()), QUESTIONS), (Offline(Vertex("p", "l")), "gs://b/in.jsonl")], ids=range(2)
)
def test_stopped(run: Offline, src: Any) -> None:
    """A batch that is stopped ends so, and can then be deleted; one that has ended stays as it is."""
    name = str(run(batches.create(MODEL, src)).unwrap().name)
    assert run(batches.cancel(name)).unwrap() is None
    assert "CANCELLED" == _state(run(batches.get(name)).unwrap())
    assert run(batches.cancel(name)).unwrap() is None
    assert "CANCELLED" == _state(run(batches.get(name)).unwrap())
    assert [name] == [each.name for each in run(batches.list()).unwrap()]
    run(batches.delete(name)).unwrap()
    assert [] == list(run(batches.list()).unwrap())
    assert 404 == run(batches.get(name)).failure().code  # type: ignore[attr-defined]  # an APIError has one


# On the wire


def test_told() -> None:
    """An operation with the batch in its metadata: pending, running, then with counts, times and the answers."""
    api = Api()
    begun = api.told("POST", f"models/{MODEL}:batchGenerateContent", inlined(ASKED, EMPTY, displayName="Two"))
    told = {
        "@type": "type.googleapis.com/google.ai.generativelanguage.v1main.GenerateContentBatch",
        "name": "batches/batch1",
        "model": f"models/{MODEL}",
        "state": "BATCH_STATE_PENDING",
        "createTime": "2026-01-01T00:00:00Z",
        "updateTime": "2026-01-01T00:00:00Z",
        "displayName": "Two",
        "batchStats": {"requestCount": "2", "pendingRequestCount": "2"},
    }
    assert {"name": "batches/batch1", "metadata": told} == begun
    api.wait(60)
    running = api.told("GET", "batches/batch1")
    assert "BATCH_STATE_RUNNING" == running["metadata"]["state"]
    api.wait(60)
    last = api.told("GET", "batches/batch1")
    assert api.told("GET", "batches/batch1") == last
    assert last["done"] is True
    assert last["response"] == last["metadata"]["output"]
    assert "2026-01-01T00:02:00Z" == last["metadata"]["endTime"]
    stats = {"requestCount": "2", "successfulRequestCount": "1", "failedRequestCount": "1"}
    assert stats == last["metadata"]["batchStats"]


def test_one_fails() -> None:
    """A request that makes no sense fails alone, under its own metadata."""
    last = ended(Api(), f"models/{MODEL}:batchGenerateContent", inlined(EMPTY, ASKED))
    bad, good = last["response"]["inlinedResponses"]["inlinedResponses"]
    assert {"error", "metadata"} == bad.keys()
    assert (3, {"key": "0"}) == (bad["error"]["code"], bad["metadata"])
    assert {"response", "metadata"} == good.keys()


def test_lines() -> None:
    """In a file, too, a line that cannot be read fails alone."""
    lines = [
        b'{"key": "a", "request": %s}' % json.dumps(ASKED).encode(),
        b"{oops",
        b'{"key": "c", "request": {"x": 1}}',
    ]
    api = _filed(b"\n".join(lines))
    last = ended(api, f"models/{MODEL}:batchGenerateContent", {"batch": {"input_config": {"file_name": "files/f"}}})
    answers = api("GET", f"{last['response']['responsesFile']}:download?alt=media").body.splitlines()
    assert [("a", "response"), (None, "error"), ("c", "error")] == [
        (each.get("key"), "response" if "response" in each else "error") for each in map(json.loads, answers)
    ]


def test_lines_of_vectors() -> None:
    """A file may ask for vectors, in either spelling of names."""
    line = {"key": "a", "request": {"content": {"parts": [{"text": "hi"}]}, "output_dimensionality": 2}}
    api = _filed(json.dumps(line).encode())
    body = {"batch": {"inputConfig": {"fileName": "files/f"}}}
    last = ended(api, "models/gemini-embedding-001:asyncBatchEmbedContent", body)
    assert last["metadata"]["@type"].endswith("EmbedContentBatch")
    (answer,) = api("GET", f"{last['response']['responsesFile']}:download?alt=media").body.splitlines()
    said = json.loads(answer)
    assert ("a", 2, 1) == (said["key"], len(said["response"]["embedding"]["values"]), said["response"]["tokenCount"])


def _filed(data: bytes) -> Api:
    """Give an emulator with a file in it."""
    api = Api()
    begun = (
        ("x-goog-upload-protocol", "resumable"),
        ("x-goog-upload-command", "start"),
        ("x-goog-upload-header-content-type", "application/jsonl"),
    )
    url = GEMINI.replace("/v1beta", "/upload/v1beta/files")
    session = api("POST", url, {"file": {"name": "files/f"}}, begun).get_header("x-goog-upload-url") or ""
    sent = api("POST", session, data, (("x-goog-upload-command", "upload, finalize"), ("x-goog-upload-offset", "0")))
    assert sent.status == 200
    return api


GENERATE = f"models/{MODEL}:batchGenerateContent"
JOBS = f"{PROJECT}/batchPredictionJobs"
JOB: dict[str, Any] = {
    "displayName": "j",
    "model": f"publishers/google/models/{MODEL}",
    "inputConfig": {"instancesFormat": "jsonl", "gcsSource": {"uris": ["gs://b/i.jsonl"]}},
    "outputConfig": {"predictionsFormat": "jsonl", "gcsDestination": {"outputUriPrefix": "gs://b/o"}},
}

REFUSED: list[tuple[str, str, str, Any, int, str]] = [
    (GEMINI, "POST", GENERATE, {}, 400, "either requests or file_name"),
    (GEMINI, "POST", GENERATE, inlined(), 400, "at least one request"),
    (GEMINI, "POST", GENERATE, inlined({"mood": "good"}), 400, "mood"),
    (GEMINI, "POST", GENERATE, {"batch": {"mood": "good"}}, 400, "mood"),
    (GEMINI, "POST", GENERATE, {"batch": {"inputConfig": {"fileName": "files/none"}}}, 403, "none"),
    (GEMINI, "GET", "batches/none", None, 404, "batches/none"),
    (GEMINI, "POST", "batches/none:cancel", None, 404, "batches/none"),
    (GEMINI, "DELETE", "batches/none", None, 404, "batches/none"),
    (VERTEX, "POST", JOBS, {**JOB, "displayName": None}, 400, "display_name"),
    (VERTEX, "POST", JOBS, {**JOB, "model": ""}, 400, "model"),
    (VERTEX, "POST", JOBS, {**JOB, "inputConfig": {}}, 400, "input_config"),
    (VERTEX, "POST", JOBS, {**JOB, "inputConfig": {"gcsSource": {"uris": ["s3://b"]}}}, 400, "s3://b"),
    (VERTEX, "POST", JOBS, {**JOB, "outputConfig": {}}, 400, "output_config"),
    (VERTEX, "POST", JOBS, {**JOB, "mood": "good"}, 400, "mood"),
    (VERTEX, "GET", f"{JOBS}/1", None, 404, f"{JOBS}/1"),
    (VERTEX, "POST", f"{JOBS}/1:cancel", None, 404, f"{JOBS}/1"),
    (VERTEX, "DELETE", f"{JOBS}/1", None, 404, f"{JOBS}/1"),
    (VERTEX, "GET", f"{JOBS}?filter=mood+is+good", None, 400, "mood is good"),
]


@pytest.mark.parametrize(("base", "verb", "path", "body", "code", "why"), REFUSED, ids=range(len(REFUSED)))
def test_refused(base: str, verb: str, path: str, body: Any, code: int, why: str) -> None:
    """What makes no sense as a whole, or is not there, is refused by name."""
    told = Api(base).fault(verb, path, body)
    assert code == told[0]
    assert why in told[2]


def test_only_what_has_ended() -> None:
    """Vertex AI deletes no job that is under way, and an operation tells of the deletion of one that is not."""
    api = Api(VERTEX)
    name = api.told("POST", JOBS, JOB)["name"]
    assert "FAILED_PRECONDITION" == api.fault("DELETE", name)[1]
    last = [api.told("GET", name) for _ in range(2)][-1]
    assert {"gcsOutputDirectory": "gs://b/o/prediction-model-1"} == last["outputInfo"]
    operation = api.told("DELETE", name)
    assert operation["done"] is True
    assert api.told("GET", operation["name"]) == operation
    assert 404 == api.fault("GET", name)[0]


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
    """Jobs of Vertex AI are listed by what is so of them."""
    api = Api(VERTEX)
    api.told("POST", JOBS, {**JOB, "displayName": "a"})
    api.told("GET", api.told("POST", JOBS, {**JOB, "displayName": "b", "labels": {"kind": "big"}})["name"])
    query = filter.replace(" ", "%20").replace("=", "%3D")
    listed = api.told("GET", f"{JOBS}?filter={query}").get("batchPredictionJobs", [])
    assert sorted(found) == sorted(each["name"].rpartition("/")[2] for each in listed)


def test_pages() -> None:
    """Batches are listed a page at a time, the last first."""
    run = Offline(Gemini())
    names = [run(batches.create(MODEL, QUESTIONS)).unwrap().name for _ in range(3)]
    first = run(batches.list({"page_size": 2})).unwrap()
    second = run(batches.list({"page_size": 2, "page_token": first.next_page_token})).unwrap()
    assert names[::-1] == [each.name for each in (*first, *second)]
    assert second.next_page_token is None
