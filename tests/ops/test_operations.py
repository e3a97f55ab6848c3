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
from tests.support.google_genai.agreement import PLACES, Sent, agrees, reads, reads_alike, refuses, sends

KINDS = ("GenerateVideosOperation", "ImportFileOperation", "UploadToFileSearchStoreOperation")
"""What google-genai asks after; project operations it only has in private."""

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
HERE = f"{V}/projects/p/locations/us-central1"


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
    agrees(
        lambda: operations.get(getattr(schema, kind)(name=name)),
        lambda client: client.operations.get(_call_google_genai(name, kind)),
        backend,
    )


PROJECTS: tuple[tuple[str, str], ...] = (
    ("1", f"{HERE}/operations/1"),
    ("operations/1", f"{HERE}/operations/1"),
    ("locations/l/operations/1", f"{V}/projects/p/locations/l/operations/1"),
    ("projects/q/locations/l/operations/1", f"{V}/projects/q/locations/l/operations/1"),
    ("projects/q/locations/l/tuningJobs/2/operations/1", f"{V}/projects/q/locations/l/tuningJobs/2/operations/1"),
)


@pytest.mark.parametrize(("name", "url"), PROJECTS)
def test_project_operations(name: str, url: str) -> None:
    """A project's operation is requested by its id or any longer name."""
    sent: Sent = ("GET", url, None)
    assert sent == sends(operations.get(schema.ProjectOperation(name=name)), "vertex")


@pytest.mark.parametrize("backend", PLACES)
def test_project_operations_by_identity(backend: str) -> None:
    """A project's operation is requested by id as by google-genai, and refused on Gemini."""
    agrees(
        lambda: operations.get("1", schema.ProjectOperation),
        lambda client: client.operations._get(operation_id="1"),
        backend,
    )


@pytest.mark.parametrize("kind", KINDS[1:])
def test_stores_on_vertex(kind: str) -> None:
    """Operations of file search stores are refused on Vertex AI."""
    assert OPERATION_DIFFERENCES["stores-on-vertex"]
    request = operations.get(getattr(schema, kind)(name="fileSearchStores/s/operations/1"))
    assert refuses(request, "vertex") == (request.operation.op,)


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
    of = getattr(schema, kind)
    value = of(name="models/m/operations/1", done=False, metadata={"a": [1]})
    request = operations.get("models/m/operations/1", of)
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
    error = encode(operations.get("1", schema.ProjectOperation), PLACES["gemini"][1]).failure()
    assert error == Unsupported(
        "the Gemini Developer API", ("operations.get.project",), "projects exist only on Vertex AI"
    )


def _name(backend: str) -> str:
    return NAMES[backend][0]


def _call_google_genai(name: str, kind: str = KINDS[0]) -> Any:
    return getattr(types, kind)(name=name)


@pytest.mark.parametrize("backend", PLACES)
@pytest.mark.parametrize("name", VIDEO_REPLIES)
def test_state_read(name: str, backend: str) -> None:
    """The state of a video generation decodes as with google-genai."""
    reads_alike(
        lambda: operations.get(_name(backend), schema.GenerateVideosOperation),
        lambda client: client.operations.get(_call_google_genai(_name(backend))),
        backend,
        VIDEO_REPLIES[name],
    )


@pytest.mark.parametrize(
    ("backend", "name"),
    [(backend, name) for backend in VIDEO_RESULTS for name in VIDEO_RESULTS[backend]],
)
def test_videos_read(name: str, backend: str) -> None:
    """Finished videos decode as with google-genai."""
    reads_alike(
        lambda: operations.get(_name(backend), schema.GenerateVideosOperation),
        lambda client: client.operations.get(_call_google_genai(_name(backend))),
        backend,
        {"name": "n", "done": True, "response": VIDEO_RESULTS[backend][name]},
    )


STORED = {"@type": "t", "parent": "fileSearchStores/s", "documentName": "fileSearchStores/s/documents/d"}


@pytest.mark.parametrize("kind", KINDS[1:])
@pytest.mark.parametrize(
    "reply", [*VIDEO_REPLIES.values(), {"name": "n", "done": True, "response": STORED}, {"response": {}}]
)
def test_stores_read(kind: str, reply: Any) -> None:
    """Operations of a store decode as with google-genai."""
    reads_alike(
        lambda: operations.get("n/operations/1", getattr(schema, kind)),
        lambda client: client.operations.get(_call_google_genai("n/operations/1", kind)),
        "gemini",
        reply,
    )


@pytest.mark.parametrize("reply", VIDEO_REPLIES.values())
def test_project_read(reply: Any) -> None:
    """Operations of a project decode as with google-genai."""
    reads_alike(
        lambda: operations.get("1", schema.ProjectOperation),
        lambda client: client.operations._get(operation_id="1"),
        "vertex",
        reply,
    )


@pytest.mark.parametrize("kind", KINDS)
def test_type_kept(kind: str) -> None:
    """The result has the requested type, even for an empty response."""
    of = getattr(schema, kind)
    assert reads(operations.get(of(name="n/operations/1")), "gemini", b"{}") == of()
