"""``batches``: requests and responses compared with google-genai 1.51.0, on both backends."""

import pickle
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from google.genai import types
from returns.result import Failure

from genai_fn import schema
from genai_fn.backend import Vertex
from genai_fn.errors import InvalidRequest, Unsupported
from genai_fn.ops import batches
from genai_fn.ops.embed import embed
from genai_fn.ops.generate import generate
from genai_fn.options import Options
from genai_fn.request import Request
from genai_fn.wire import encode
from tests.cases.differences_by_resource import BATCH_DIFFERENCES, GENERATE_DIFFERENCES
from tests.cases.generate_requests import CASES, Case
from tests.support.google_genai import oracle
from tests.support.google_genai.agreement import (
    BACKENDS,
    check_same_request,
    check_same_response,
    decode_ours,
    encode_ours,
    get_refused_paths,
    to_plain,
)

G = "https://generativelanguage.googleapis.com/v1beta"
V = "https://us-central1-aiplatform.googleapis.com/v1beta1"


CallPair = tuple[Callable[[], Request[Any]], oracle.Call]


def build_create_pair(src: Any, config: Any = None, model: str = "m") -> CallPair:
    return (
        lambda: batches.create(model, src, config),
        lambda client: client.batches.create(model=model, src=copy_value(src), config=config),
    )


def build_embed_pair(src: Any, config: Any = None, model: str = "m") -> CallPair:
    return (
        lambda: batches.create_embeddings(model, src, config),
        lambda client: client.batches.create_embeddings(model=model, src=src, config=config),
    )


def copy_value(src: Any) -> Any:
    """Return a new value, as google-genai 1.51.0 modifies its arguments."""
    return pickle.loads(pickle.dumps(src))


HI = {"contents": "hi"}
CONFIG = {"temperature": 0.5, "system_instruction": "s", "tools": [{"google_search": {}}], "cached_content": "c"}
FULL_REQUEST = {"contents": ["a", "b"], "model": "m2", "metadata": {"snake_case": "x"}, "config": CONFIG}

CREATE_CALLS: Mapping[str, tuple[CallPair, str]] = {
    "file": (build_create_pair("files/x"), "gemini"),
    "file-struct": (build_create_pair({"file_name": "files/x"}, {"display_name": "d"}), "gemini"),
    "file-camel": (build_create_pair({"fileName": "files/x"}, {"displayName": "d"}), "gemini"),
    "file-empty-name": (build_create_pair("files/x", {"display_name": ""}), "gemini"),
    "file-dest": (build_create_pair("files/x", {"dest": "gs://b/o"}), "gemini"),
    "format-on-gemini": (build_create_pair({"file_name": "files/x", "format": "jsonl"}), "gemini"),
    "model-whole": (build_create_pair("files/x", model="models/m"), "gemini"),
    "model-tuned": (build_create_pair("files/x", model="tunedModels/m"), "gemini"),
    "model-empty": (build_create_pair("files/x", model=""), "gemini"),
    "model-climbs": (build_create_pair("files/x", model="a/../b"), "gemini"),
    "inlined": (build_create_pair([HI]), "gemini"),
    "inlined-tuple": (build_create_pair({"inlined_requests": [HI, HI]}), "gemini"),
    "inlined-in-camel": (build_create_pair({"inlinedRequests": [HI]}), "gemini"),
    "inlined-none": (build_create_pair([]), "gemini"),
    "inlined-all": (build_create_pair([FULL_REQUEST, HI], {"display_name": "d"}), "gemini"),
    "inlined-camel": (build_create_pair([{"contents": [{"parts": [{"text": "x"}]}], "config": {"topK": 1}}]), "gemini"),
    "inlined-labels": (build_create_pair([{**HI, "config": {"labels": {"a": "b"}}}]), "gemini"),
    "inlined-safety-method": (
        build_create_pair([{**HI, "config": {"safety_settings": [{"method": "SEVERITY", "threshold": "OFF"}]}}]),
        "gemini",
    ),
    "inlined-bad-model": (build_create_pair([{**HI, "model": "a?b"}]), "gemini"),
    "inlined-empty-contents": (build_create_pair([{"contents": []}]), "gemini"),
    "inlined-unknown-field": (build_create_pair([{"contents": "a", "txt": 1}]), "gemini"),
    "inlined-number": (build_create_pair([1]), "gemini"),
    "number": (build_create_pair(1), "gemini"),
    "unknown-field": (build_create_pair("files/x", {"name": "d"}), "gemini"),
    "other-address": (build_create_pair("x.jsonl"), "gemini"),
    "other-address-on-vertex": (build_create_pair("x.jsonl", {"display_name": "d"}), "vertex"),
    "gcs": (build_create_pair("gs://b/i.jsonl", {"display_name": "d"}), "vertex"),
    "gcs-folder": (build_create_pair("gs://b/i", {"display_name": "d"}), "vertex"),
    "gcs-several": (
        build_create_pair({"gcs_uri": ["gs://b/i.jsonl", "gs://b/j"], "format": "f"}, {"display_name": "d"}),
        "vertex",
    ),
    "gcs-dest": (build_create_pair("gs://b/i.jsonl", {"display_name": "d", "dest": "gs://b/o"}), "vertex"),
    "gcs-dest-dict": (
        build_create_pair("gs://b/i.jsonl", {"display_name": "d", "dest": {"gcs_uri": "gs://b/o", "format": "f"}}),
        "vertex",
    ),
    "gcs-dest-bigquery": (build_create_pair("gs://b/i.jsonl", {"display_name": "d", "dest": "bq://p.d.o"}), "vertex"),
    "gcs-dest-file": (
        build_create_pair("gs://b/i.jsonl", {"display_name": "d", "dest": {"file_name": "files/x"}}),
        "vertex",
    ),
    "bigquery": (build_create_pair("bq://p.d.t", {"display_name": "d", "dest": "bq://p.d.o"}), "vertex"),
    "bigquery-dict": (
        build_create_pair(
            {"bigquery_uri": "bq://p.d.t", "format": "bigquery"}, {"display_name": "d", "dest": "gs://b/o"}
        ),
        "vertex",
    ),
    "model-of-others": (build_create_pair("gs://b/i.jsonl", {"display_name": "d"}, model="meta/llama-4"), "vertex"),
    "model-whole-on-vertex": (
        build_create_pair("gs://b/i.jsonl", {"display_name": "d"}, model="projects/q/locations/l/models/7"),
        "vertex",
    ),
}

EMBED_CALLS: Mapping[str, CallPair] = {
    "file": build_embed_pair({"file_name": "files/x"}),
    "name": build_embed_pair({"file_name": "files/x"}, {"display_name": "d"}, "models/m"),
    "text": build_embed_pair({"inlined_requests": {"contents": "a"}}),
    "texts": build_embed_pair({"inlined_requests": {"contents": ["a", "b"]}}, {"displayName": "d"}),
    "turns": build_embed_pair({"inlined_requests": {"contents": [{"parts": [{"text": "a"}, {"text": "b"}]}, "c"]}}),
    "camel": build_embed_pair({"inlinedRequests": {"contents": ["a"], "config": {"taskType": "T"}}}),
    "config": build_embed_pair(
        {
            "inlined_requests": {
                "contents": ["a", "b"],
                "config": {"task_type": "T", "title": "t", "output_dimensionality": 5},
            }
        }
    ),
    "mime-type": build_embed_pair({"inlined_requests": {"contents": "a", "config": {"mime_type": "text/plain"}}}),
    "auto-truncate": build_embed_pair({"inlined_requests": {"contents": "a", "config": {"auto_truncate": False}}}),
    "text-as-source": build_embed_pair("files/x"),
    "unknown-field": build_embed_pair({"file_names": "files/x"}),
    "model-empty": build_embed_pair({"file_name": "files/x"}, model=""),
}


@pytest.mark.parametrize("name", CREATE_CALLS)
def test_created(name: str) -> None:
    """A batch sends what google-genai sends, or is refused with the same field."""
    (request, call), backend = CREATE_CALLS[name]
    check_same_request(request, call, backend)


@pytest.mark.parametrize("name", EMBED_CALLS)
def test_embedded(name: str) -> None:
    """A batch of embeddings sends what google-genai sends, or is refused with the same field."""
    check_same_request(*EMBED_CALLS[name], "gemini")


all_cases = pytest.mark.parametrize("case", [each for each in CASES if not each.error], ids=lambda case: case.name)


@all_cases
def test_within(case: Case) -> None:
    """Arguments of ``generate`` are sent in a batch as by google-genai."""
    if case.name in GENERATE_DIFFERENCES or case.difference:
        return  # the next test compares these with a request outside a batch

    def src(lib: Any) -> Any:
        contents, config = case.arguments(lib)
        return [{"contents": contents, "config": config}]

    theirs = oracle.capture_request(oracle.GEMINI, lambda client: client.batches.create(model="m", src=src(types)))
    if isinstance(theirs, oracle.RefusedCall) and theirs.message.startswith("additionalProperties"):
        assert all(
            each.endswith("additional_properties")
            for each in get_refused_paths(batches.create("m", src(schema)), "gemini")
        )
    else:
        check_same_request(
            lambda: batches.create("m", src(schema)),
            lambda client: client.batches.create(model="m", src=src(types)),
            "gemini",
        )


@all_cases
def test_same_as_alone(case: Case) -> None:
    """A request in a batch has the body that it has alone, and is refused for the same fields."""
    try:
        request = generate(case.model, *case.arguments(schema))
    except InvalidRequest:
        assert case.difference
        return
    batch = encode(batches.create(case.model, [request]), BACKENDS["gemini"][1])
    result = encode(request, BACKENDS["gemini"][1])
    if isinstance(result, Failure):
        error = result.failure()
        assert isinstance(error, Unsupported)
        paths = tuple(f"src.inlined_requests[0].{path}" for path in error.paths)
        assert Unsupported(error.backend, paths, error.reason) == batch.failure()
    else:
        [line] = encode_ours(batches.create(case.model, [request]), "gemini")[2]["batch"]["inputConfig"]["requests"][
            "requests"
        ]
        assert {"request": encode_ours(request, "gemini")[2], "metadata": {"key": "0"}} == line


def test_requests() -> None:
    """Requests are sent unchanged, with their index as key; model names are compared after resolution."""
    requests = [generate("m", "a", {"temperature": 0}), generate("models/m", "b")]
    _, url, body = encode_ours(batches.create("m", requests), "gemini")
    lines = [
        {"request": encode_ours(each, "gemini")[2], "metadata": {"key": str(i)}} for i, each in enumerate(requests)
    ]
    assert (f"{G}/models/m:batchGenerateContent", {"batch": {"inputConfig": {"requests": {"requests": lines}}}}) == (
        url,
        body,
    )


@pytest.mark.parametrize(
    ("src", "path"),
    [
        ([generate("m", "a"), generate("other", "a")], "src.inlined_requests[1].model"),
        ([Request(generate("m", "a").operation, Options(server_timeout=1))], "src.inlined_requests[0].options"),
        ([embed("m", "a")], "src.inlined_requests[0]"),
        ([None], "src.inlined_requests[0]"),
        ([HI, {"contents": ["a", None]}], "src.inlined_requests[1].contents[1]"),
        (
            schema.BatchJobSource(inlined_requests=(schema.InlinedRequest(contents=()),)),
            "src.inlined_requests[0].contents",
        ),
        ([{"contents": None}], "src.inlined_requests[0].contents"),
        ([schema.InlinedRequest()], "src.inlined_requests[0].contents"),
        ([{"contents": "a", "config": {"temperature": "x"}}], "src.inlined_requests[0].config.temperature"),
        (
            [{"contents": "a", "config": {"automatic_function_calling": {"maximum_remote_calls": 1}}}],
            "src.inlined_requests[0].config.automatic_function_calling",
        ),
        ({}, "src"),
        ({"file_name": "files/x", "gcs_uri": ["gs://b/i.jsonl"]}, "src"),
        ({"inlined_requests": [], "file_name": "files/x"}, "src"),
        ({"inlined_requests": 5}, "src.inlined_requests"),
        (None, "src"),
    ],
)
def test_mistakes(src: Any, path: str) -> None:
    """An invalid source is a mistake at once."""
    assert BATCH_DIFFERENCES["several-sources"]
    assert BATCH_DIFFERENCES["no-contents"]
    assert BATCH_DIFFERENCES["calling-functions"]
    with pytest.raises(InvalidRequest) as raised:
        batches.create("m", src)
    assert path == raised.value.path


@pytest.mark.parametrize(
    "src", [{}, {"inlined_requests": {}}, {"file_name": "f", "inlined_requests": {"contents": "a"}}]
)
def test_mistakes_of_vectors(src: Any) -> None:
    """An invalid source of embeddings is a mistake at once."""
    with pytest.raises(InvalidRequest):
        batches.create_embeddings("m", src)


@pytest.mark.parametrize(
    ("src", "config", "backend", "paths"),
    [
        ("gs://b/i.jsonl", None, "gemini", ("src.format", "src.gcs_uri")),
        ("bq://p.d.t", {"dest": "bq://p.d.o"}, "gemini", ("src.format", "src.bigquery_uri", "config.dest")),
        ("files/x", None, "vertex", ("src.file_name",)),
        ([HI], None, "vertex", ("src.inlined_requests",)),
        ("gs://b/i.jsonl", {"dest": "x"}, "vertex", ("config.dest.file_name",)),
    ],
)
def test_refused(src: Any, config: Any, backend: str, paths: tuple[str, ...]) -> None:
    """A source that a backend does not have is named, with all other such fields."""
    assert BATCH_DIFFERENCES["other-destination"]
    assert paths == get_refused_paths(batches.create("m", src, config), backend)


def test_structs() -> None:
    """A typed value is equivalent to its dict, and to its short form."""
    inlined_request = schema.InlinedRequest(contents=["a", "b"], config=schema.GenerateContentConfig(seed=1))
    source = {"inlined_requests": [{"contents": ["a", "b"], "config": {"seed": 1}}]}
    assert batches.create("m", source) == batches.create(
        "m", schema.BatchJobSource(inlined_requests=(inlined_request,))
    )
    assert batches.create("m", source) == batches.create("m", [inlined_request])
    vectors = schema.EmbedContentBatch(contents=["a", "b"])
    assert batches.create_embeddings("m", {"inlined_requests": {"contents": ["a", "b"]}}) == batches.create_embeddings(
        "m", schema.EmbeddingsBatchJobSource(inlined_requests=vectors)
    )


def test_vectors_on_vertex() -> None:
    """Vertex AI refuses batches of embeddings."""
    request = batches.create_embeddings("m", {"file_name": "files/x"})
    theirs = oracle.capture_request(
        oracle.VERTEX, lambda client: client.batches.create_embeddings(model="m", src={"file_name": "f"})
    )
    assert isinstance(theirs, oracle.RefusedCall)
    assert ("batches.create_embeddings",) == get_refused_paths(request, "vertex")


@pytest.mark.parametrize(
    ("src", "dest"),
    [("gs://b/i.jsonl", {"dest": "gs://b/o"}), ("gs://b/i.jsonl", {}), ("bq://p.d.t", {})],
)
def test_derived(src: str, dest: Mapping[str, Any]) -> None:
    """On Vertex AI, missing names are derived from the request, the same for the same request."""
    assert BATCH_DIFFERENCES["clock"]
    theirs = oracle.capture_request(
        oracle.VERTEX, lambda client: client.batches.create(model="m", src=src, config=dict(dest))
    )
    assert isinstance(theirs, oracle.SentRequest)
    _, url, body = encode_ours(batches.create("m", src, dest), "vertex")
    assert theirs.url == url
    assert _without_derived_names(theirs.body) == _without_derived_names(body)
    assert body == encode_ours(batches.create("m", src, dest), "vertex")[2]
    assert body["displayName"] != encode_ours(batches.create("m2", src, dest), "vertex")[2]["displayName"]


def _without_derived_names(body: Mapping[str, Any]) -> Any:
    name = body["displayName"].removeprefix("genai_batch_job_")
    return {**body, "displayName": "", "outputConfig": str(body["outputConfig"]).replace(name, "")}


NAMES = ("batches/x", "batches/x/y", "batches/", "5", "x", "", "projects/p/locations/us-central1/batchPredictionJobs/5")
CALLS: Mapping[str, Callable[[str], Request[Any]]] = {
    "get": batches.get,
    "cancel": batches.cancel,
    "delete": batches.delete,
}
NAME_BY_BACKEND: Mapping[str, str] = {"gemini": "batches/x", "vertex": "5"}


def _build_name_pair(method: str, name: str) -> CallPair:
    return lambda: CALLS[method](name), lambda client: getattr(client.batches, method)(name=name)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("method", CALLS)
def test_named(method: str, name: str, backend: str) -> None:
    """A batch has the names that google-genai takes; the other backend's is refused before anything is sent."""
    request, call = _build_name_pair(method, name)
    if (name.startswith("batches/x") and backend == "vertex" and "y" not in name) or (
        backend == "gemini" and name[:2] in ("5", "pr")
    ):
        assert isinstance(oracle.capture_request(BACKENDS[backend][0], call), oracle.RefusedCall)
        error = encode(request(), BACKENDS[backend][1]).failure()
        assert isinstance(error, InvalidRequest)
        assert error.path == "name"
    else:
        check_same_request(request, call, backend)


@pytest.mark.parametrize("method", CALLS)
def test_other_project(method: str) -> None:
    """A full name of another project is used as it is."""
    assert BATCH_DIFFERENCES["other-project"]
    name = "projects/q/locations/l/batchPredictionJobs/5"
    assert encode_ours(CALLS[method](name), "vertex")[1].startswith(f"{V}/{name}")


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    "config",
    [None, {}, {"page_size": 3}, {"pageToken": "a/b c"}, {"filter": "a=b c"}, {"page_size": 1, "page_token": "t"}],
)
def test_listed(config: Any, backend: str) -> None:
    """Lists are requested as by google-genai."""
    check_same_request(lambda: batches.list(config), lambda client: client.batches.list(config=config), backend)


def test_express_mode() -> None:
    """With a key, Vertex AI is called without a project."""
    http = encode(batches.get("5"), Vertex(api_key="test-key")).unwrap()
    assert http.url == "https://aiplatform.googleapis.com/v1beta1/batchPredictionJobs/5"


def test_values() -> None:
    """Requests compare, hash unless they contain a dict, and pickle; a creation is not retried once bytes were sent."""
    request = batches.create("m", [generate("m", "a")], {"display_name": "d"})
    assert request == pickle.loads(pickle.dumps(request))
    assert hash(batches.get("5")) == hash(batches.get("5"))
    assert [False, False, True] == [
        batches.create("m", "files/x").operation.repeatable,
        batches.create_embeddings("m", {"file_name": "f"}).operation.repeatable,
        batches.get("5").operation.repeatable,
    ]


def test_nothing_is_changed() -> None:
    """Arguments are not modified."""
    src = {"inlined_requests": [{"contents": ["a"], "config": {"temperature": 1}}]}
    original = copy_value(src)
    batches.create("m", src)
    batches.create_embeddings("m", vectors := {"inlined_requests": {"contents": ["a", "b"]}})
    assert (original, {"inlined_requests": {"contents": ["a", "b"]}}) == (src, vectors)


# Responses


TEXT = {"candidates": [{"content": {"role": "model", "parts": [{"text": "ok"}]}, "finishReason": "STOP"}]}
CITED_RESPONSE = {"candidates": [{"citationMetadata": {"citationSources": [{"uri": "u", "startIndex": 1}]}}]}
FAILED_RESPONSE = {"error": {"code": 3, "message": "no"}}
TIMES = {"createTime": "2025-01-02T03:04:05.678901Z", "updateTime": "2025-01-02T03:04:06Z"}


def build_job(**metadata: Any) -> Any:
    return {"name": "batches/x", "metadata": {"@type": "t", **metadata}}


def build_inlined_job(*responses: Any) -> Any:
    return build_job(output={"inlinedResponses": {"inlinedResponses": list(responses)}})


REPLIES: Mapping[str, Mapping[str, Any]] = {
    "gemini": {
        "nothing": {},
        "name": {"name": "batches/x"},
        "all": build_job(
            displayName="d", model="models/m", state="BATCH_STATE_PENDING", endTime="2025-01-02T03:04:07Z", **TIMES
        ),
        **{
            state: build_job(state=f"BATCH_STATE_{state}")
            for state in ("UNSPECIFIED", "RUNNING", "SUCCEEDED", "FAILED", "CANCELLED", "EXPIRED", "NEW")
        },
        "job-state": build_job(state="JOB_STATE_RUNNING"),
        "file": build_job(output={"responsesFile": "files/x"}),
        "inlined": build_inlined_job({"response": TEXT}, FAILED_RESPONSE, {"response": CITED_RESPONSE}),
        "inlined-none": build_inlined_job(),
        "inlined-empty": build_inlined_job({"response": {}}, {}),
        "vectors": build_inlined_job(
            FAILED_RESPONSE, {"response": {"embedding": {"values": [1, 0.5]}, "tokenCount": "3"}}
        ),
        "vectors-elsewhere": build_job(
            output={
                "inlinedEmbedContentResponses": {"inlinedResponses": [{"response": {"embedding": {"values": [1]}}}]}
            }
        ),
        "done": {"name": "batches/x", "done": True, "metadata": {"state": "BATCH_STATE_SUCCEEDED"}},
    },
    "vertex": {
        "nothing": {},
        "all": {
            "name": "projects/1/locations/l/batchPredictionJobs/5",
            "displayName": "d",
            "model": "publishers/google/models/m",
            "state": "JOB_STATE_SUCCEEDED",
            "inputConfig": {"instancesFormat": "jsonl", "gcsSource": {"uris": ["gs://b/i.jsonl"]}},
            "outputConfig": {"predictionsFormat": "jsonl", "gcsDestination": {"outputUriPrefix": "gs://b/o"}},
            "completionStats": {"successfulCount": "2", "failedCount": 1, "incompleteCount": "-1"},
            "startTime": "2025-01-02T03:04:07Z",
            "endTime": "2025-01-02T03:04:08Z",
            **TIMES,
        },
        "bigquery": {
            "name": "n",
            "state": "JOB_STATE_NEW",
            "inputConfig": {"instancesFormat": "bigquery", "bigquerySource": {"inputUri": "bq://p.d.t"}},
            "outputConfig": {"predictionsFormat": "bigquery", "bigqueryDestination": {"outputUri": "bq://p.d.o"}},
        },
        "failed": {"name": "n", "error": {"code": 3, "message": "no", "details": ["a", "b"]}},
    },
}
EVERY = [(backend, name) for backend, replies in REPLIES.items() for name in replies]


@pytest.mark.parametrize(("backend", "name"), EVERY)
def test_read(backend: str, name: str) -> None:
    """A job decodes as with google-genai, at creation and later."""
    reply = REPLIES[backend][name]
    src = "files/x" if backend == "gemini" else "gs://b/i.jsonl"
    for request, call in (_build_name_pair("get", NAME_BY_BACKEND[backend]), build_create_pair(src)):
        check_same_response(request, call, backend, reply)


@pytest.mark.parametrize(("backend", "reply"), [("gemini", {"metadata": {"state": 4}}), ("vertex", {"state": 4})])
def test_state_as_a_number(backend: str, reply: Any) -> None:
    """A state may be a number, as protocol buffers allow for any enum; it is kept as a text."""
    assert decode_ours(batches.get(NAME_BY_BACKEND[backend]), backend, reply).state == "4"


@pytest.mark.parametrize("name", REPLIES["gemini"])
def test_vectors_read(name: str) -> None:
    """A created job of embeddings decodes as with google-genai."""
    check_same_response(*EMBED_CALLS["file"], "gemini", REPLIES["gemini"][name])


@pytest.mark.parametrize("backend", BACKENDS)
def test_pages_read(backend: str) -> None:
    """A page of jobs decodes as with google-genai."""
    items = list(REPLIES[backend].values())
    reply = {"nextPageToken": "t", "operations" if backend == "gemini" else "batchPredictionJobs": items}
    theirs = oracle.parse_reply(BACKENDS[backend][0], lambda client: client.batches.list(), reply)
    page = decode_ours(batches.list(), backend, reply)
    assert (to_plain(theirs.page), "t") == (to_plain(page.items), page.next_page_token)
    assert decode_ours(batches.list(), backend, {}) == schema.ListBatchJobsResponse()


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    "reply", [{}, {"name": "n", "done": True}, {"done": True, "error": {"code": 5, "message": "m"}}]
)
def test_deleted(reply: Any, backend: str) -> None:
    """A deletion decodes as with google-genai."""
    check_same_response(*_build_name_pair("delete", NAME_BY_BACKEND[backend]), backend, reply)


@pytest.mark.parametrize("backend", BACKENDS)
def test_empty_responses(backend: str) -> None:
    """An empty response is a success."""
    name = NAME_BY_BACKEND[backend]
    assert [None, None] == [decode_ours(batches.cancel(name), backend, reply) for reply in (b"", {})]
    assert schema.DeleteResourceJob() == decode_ours(batches.delete(name), backend, b"")


def test_keys_are_kept() -> None:
    """A result keeps its key."""
    assert BATCH_DIFFERENCES["keys"]
    job = decode_ours(
        batches.get("batches/x"), "gemini", build_inlined_job({"response": TEXT, "metadata": {"key": "1"}})
    )
    assert [{"key": "1"}] == [each.metadata for each in job.dest.inlined_responses]
    assert job == pickle.loads(pickle.dumps(job))


def test_failures_are_kept() -> None:
    """A job keeps its error, its counts, and results in the operation's response."""
    assert BATCH_DIFFERENCES["failed-operation"]
    counts = {"requestCount": "9", "successfulRequestCount": "4", "failedRequestCount": "3", "pendingRequestCount": "2"}
    reply_body = {
        **build_job(state="BATCH_STATE_FAILED", batchStats=counts),
        **FAILED_RESPONSE,
        "response": {"responsesFile": "files/y"},
    }
    job = decode_ours(batches.get("batches/x"), "gemini", reply_body)
    assert schema.JobError(code=3, message="no") == job.error
    counted = schema.CompletionStats(
        successful_count=4, failed_count=3, incomplete_count=2, extra={"requestCount": "9"}
    )
    assert counted == job.completion_stats
    assert job.dest.file_name == "files/y"


def test_details_are_kept() -> None:
    """The details of an error are kept in any form."""
    assert BATCH_DIFFERENCES["details"]
    reply_body = {"name": "n", "error": {"code": 3, "details": ["a", {"@type": "t"}]}}
    assert ("a", '{"@type":"t"}') == decode_ours(batches.get("5"), "vertex", reply_body).error.details
