"""``operations``: requests and responses compared with google-genai 1.51.0, on both backends."""

import pickle
from collections.abc import Mapping
from typing import Any

import pytest
from google.genai import types

from genai_fn import schema
from genai_fn.backend import Vertex
from genai_fn.errors import InvalidRequest, Unsupported
from genai_fn.ops import operations
from genai_fn.wire import encode
from tests.cases.differences_by_resource import OPERATION_DIFFERENCES
from tests.cases.videos import VIDEO_REPLIES, VIDEO_RESULTS
from tests.support.google_genai.agreement import (
    BACKENDS,
    EncodedRequest,
    check_same_request,
    check_same_response,
    decode_ours,
    encode_ours,
    get_refused_paths,
)

KINDS = ("GenerateVideosOperation", "ImportFileOperation", "UploadToFileSearchStoreOperation")
"""Types of operations that google-genai polls in public; its method for project operations is private."""

VEO = "publishers/google/models/veo-3.1"
NAMES: Mapping[str, tuple[str, ...]] = {
    "gemini": ("models/veo-3.1/operations/1", "operations/1", "fileSearchStores/s/upload/operations/a-b", "1"),
    "vertex": (
        f"projects/p/locations/us-central1/{VEO}/operations/1",
        f"projects/q/locations/l/{VEO}/operations/1",
        f"{VEO}/operations/1",
        "projects/p/locations/l/endpoints/e/operations/1/operations/2",
    ),
}

G, V = "https://generativelanguage.googleapis.com/v1beta", "https://us-central1-aiplatform.googleapis.com/v1beta1"
LOCATION = f"{V}/projects/p/locations/us-central1"


@pytest.mark.parametrize(
    ("kind", "backend", "name"),
    [
        (kind, backend, name)
        for backend, names in NAMES.items()
        for name in names
        for kind in (KINDS if backend == "gemini" else KINDS[:1])
    ],
)
def test_same_wire(kind: str, backend: str, name: str) -> None:
    """An operation is requested as by google-genai, under any name that a backend returns."""
    check_same_request(
        lambda: operations.get(getattr(schema, kind)(name=name)),
        lambda client: client.operations.get(_call_get(name, kind)),
        backend,
    )


PROJECTS: tuple[tuple[str, str], ...] = (
    ("1", f"{LOCATION}/operations/1"),
    ("operations/1", f"{LOCATION}/operations/1"),
    ("locations/l/operations/1", f"{V}/projects/p/locations/l/operations/1"),
    ("projects/q/locations/l/operations/1", f"{V}/projects/q/locations/l/operations/1"),
    ("projects/q/locations/l/tuningJobs/2/operations/1", f"{V}/projects/q/locations/l/tuningJobs/2/operations/1"),
)


@pytest.mark.parametrize(("name", "url"), PROJECTS)
def test_project_operations(name: str, url: str) -> None:
    """A project's operation is requested by its id or any longer name."""
    sent: EncodedRequest = ("GET", url, None)
    assert sent == encode_ours(operations.get(schema.ProjectOperation(name=name)), "vertex")


@pytest.mark.parametrize("backend", BACKENDS)
def test_project_operations_by_identity(backend: str) -> None:
    """A project's operation is requested by id as by google-genai, and refused on Gemini."""
    check_same_request(
        lambda: operations.get("1", schema.ProjectOperation),
        lambda client: client.operations._get(operation_id="1"),
        backend,
    )


@pytest.mark.parametrize("kind", KINDS[1:])
def test_stores_on_vertex(kind: str) -> None:
    """Operations of file search stores are refused on Vertex AI."""
    assert OPERATION_DIFFERENCES["stores-on-vertex"]
    request = operations.get(getattr(schema, kind)(name="fileSearchStores/s/operations/1"))
    assert get_refused_paths(request, "vertex") == (request.operation.op,)


@pytest.mark.parametrize("name", ["1", "operations/1", "models/m/operations/", "/operations/1"])
def test_no_model_on_vertex(name: str) -> None:
    """On Vertex AI the name must contain the model; this is checked before anything is sent."""
    assert OPERATION_DIFFERENCES["no-model-on-vertex"]
    error = encode(operations.get(name, schema.GenerateVideosOperation), Vertex("p")).failure()
    assert isinstance(error, InvalidRequest)
    assert error.path == "operation"


@pytest.mark.parametrize("kind", [*KINDS, "ProjectOperation"])
def test_bare_name(kind: str) -> None:
    """A name and a type are equivalent to the value."""
    result_type = getattr(schema, kind)
    value = result_type(name="models/m/operations/1", done=False, metadata={"a": [1]})
    request = operations.get("models/m/operations/1", result_type)
    assert request == operations.get(value)
    assert request == pickle.loads(pickle.dumps(request))
    assert hash(request) == hash(operations.get(value))


@pytest.mark.parametrize(
    ("arguments", "path"),
    [
        ((schema.GenerateVideosOperation(),), "operation"),
        ((schema.GenerateVideosOperation(name=""),), "operation"),
        ((schema.GenerateVideosOperation(name="a/../b"),), "operation"),
        (("a?b", schema.GenerateVideosOperation), "operation"),
        ((schema.GenerateVideosOperation(name="n"), schema.GenerateVideosOperation), "operation"),
        (("models/m/operations/1",), "kind"),
        (("models/m/operations/1", schema.Image), "kind"),
        (("models/m/operations/1", []), "kind"),
        ((schema.Image(),), "operation"),
        (({"name": "n"},), "operation"),
        ((None,), "operation"),
    ],
)
def test_mistakes(arguments: tuple[Any, ...], path: str) -> None:
    """An empty name, another type, or a name without a type is a mistake at once."""
    with pytest.raises(InvalidRequest) as raised:
        operations.get(*arguments)
    assert path == raised.value.path


def test_unsupported_is_a_value() -> None:
    """An operation that a backend does not have is refused with the reason, before anything is sent."""
    error = encode(operations.get("1", schema.ProjectOperation), BACKENDS["gemini"][1]).failure()
    assert error == Unsupported(
        "the Gemini Developer API", ("operations.get.project",), "projects exist only on Vertex AI"
    )


def _build_name(backend: str) -> str:
    return NAMES[backend][0]


def _call_get(name: str, kind: str = KINDS[0]) -> Any:
    return getattr(types, kind)(name=name)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", VIDEO_REPLIES)
def test_state_read(name: str, backend: str) -> None:
    """The state of a video generation decodes as with google-genai."""
    check_same_response(
        lambda: operations.get(_build_name(backend), schema.GenerateVideosOperation),
        lambda client: client.operations.get(_call_get(_build_name(backend))),
        backend,
        VIDEO_REPLIES[name],
    )


@pytest.mark.parametrize(
    ("backend", "name"),
    [(backend, name) for backend in VIDEO_RESULTS for name in VIDEO_RESULTS[backend]],
)
def test_videos_read(name: str, backend: str) -> None:
    """Finished videos decode as with google-genai."""
    check_same_response(
        lambda: operations.get(_build_name(backend), schema.GenerateVideosOperation),
        lambda client: client.operations.get(_call_get(_build_name(backend))),
        backend,
        {"name": "n", "done": True, "response": VIDEO_RESULTS[backend][name]},
    )


UPLOAD_RESPONSE = {"@type": "t", "parent": "fileSearchStores/s", "documentName": "fileSearchStores/s/documents/d"}


@pytest.mark.parametrize("kind", KINDS[1:])
@pytest.mark.parametrize(
    "reply", [*VIDEO_REPLIES.values(), {"name": "n", "done": True, "response": UPLOAD_RESPONSE}, {"response": {}}]
)
def test_stores_read(kind: str, reply: Any) -> None:
    """Operations of a store decode as with google-genai."""
    check_same_response(
        lambda: operations.get("n/operations/1", getattr(schema, kind)),
        lambda client: client.operations.get(_call_get("n/operations/1", kind)),
        "gemini",
        reply,
    )


@pytest.mark.parametrize("reply", VIDEO_REPLIES.values())
def test_project_read(reply: Any) -> None:
    """Operations of a project decode as with google-genai."""
    check_same_response(
        lambda: operations.get("1", schema.ProjectOperation),
        lambda client: client.operations._get(operation_id="1"),
        "vertex",
        reply,
    )


@pytest.mark.parametrize("kind", KINDS)
def test_type_kept(kind: str) -> None:
    """The result has the requested type, even for an empty response."""
    result_type = getattr(schema, kind)
    assert decode_ours(operations.get(result_type(name="n/operations/1")), "gemini", b"{}") == result_type()
