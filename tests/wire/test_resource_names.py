"""Names of models and resources."""

from collections.abc import Callable
from typing import Any

import pytest

from genai_fn import caches, encode, stores, tunings
from genai_fn.backend import Gemini, Vertex
from genai_fn.errors import AuthError, InvalidRequest, Unsupported
from genai_fn.ops.generate import generate
from genai_fn.wire.resource_names import (
    ResourceName,
    check_model_name,
    complete_resource_name,
    fill_placeholders,
    resolve_model_name,
)

HOLES = "projects/{project}/locations/{location}/things"


@pytest.mark.parametrize(
    "model",
    ["", "a/../b", "..", "m?x=1", "m&x", "m#x", "m\\x", "m{project}", "m\n", "m\x00", "\ud800", None, 3, b"m", ["m"]],
)
def test_bad_models(model: Any) -> None:
    """A model name that is empty, leaves its collection or contains a query raises InvalidRequest at once."""
    with pytest.raises(InvalidRequest) as raised:
        generate(model, "hi")
    assert (raised.value.path, raised.value.value) == ("model", model)


@pytest.mark.parametrize("model", ["m", "models/m", "m@001", "m m", "\u00e9", "a/b/c", "gemini-2.5-flash:tuned"])
def test_good_models(model: str) -> None:
    """All other names are accepted; the service validates them."""
    assert check_model_name(model) == model


@pytest.mark.parametrize(
    "build",
    [
        lambda: caches.get("files/1"),
        lambda: caches.update("cachedContents/1/2", {"ttl": "1s"}),
        lambda: caches.delete("files/1"),
        lambda: caches.delete("cachedContents/"),
        lambda: stores.get("cachedContents/1"),
        lambda: stores.delete("projects/p/locations/l/files/1"),
        lambda: stores.import_file("files/1", "files/1"),
        lambda: stores.documents.delete("fileSearchStores/1"),
        lambda: stores.documents.list("files/1"),
        lambda: tunings.get("models/1"),
        lambda: tunings.cancel("batches/1"),
    ],
)
def test_other_collections(build: Callable[[], Any]) -> None:
    """A name of another collection is refused, so that deleting a cache does not delete a file."""
    with pytest.raises(InvalidRequest):
        build()


@pytest.mark.parametrize(
    ("build", "path"),
    [
        (lambda: caches.get("1"), "cachedContents/1"),
        (lambda: stores.get("fileSearchStores/a b"), "fileSearchStores/a%20b"),
        (lambda: stores.documents.get("fileSearchStores/1/documents/2"), "fileSearchStores/1/documents/2"),
        (lambda: tunings.get("tunedModels/1"), "tunedModels/1"),
        (lambda: tunings.get("tuningJobs/1"), "tuningJobs/1"),
    ],
)
def test_own_collection(build: Callable[[], Any], path: str) -> None:
    """A name within its collection is sent."""
    assert encode(build(), Gemini("test-key")).unwrap().url.endswith(f"/v1beta/{path}")


@pytest.mark.parametrize(
    ("model", "gemini", "vertex"),
    [
        ("m", "models/m", "publishers/google/models/m"),
        ("models/m", "models/m", "models/m"),
        ("tunedModels/m", "tunedModels/m", "publishers/tunedModels/models/m"),
        ("meta/m", "models/meta/m", "publishers/meta/models/m"),
        ("publishers/p/models/m", "models/publishers/p/models/m", "publishers/p/models/m"),
        (
            "projects/p/locations/l/endpoints/3",
            "models/projects/p/locations/l/endpoints/3",
            "projects/p/locations/l/endpoints/3",
        ),
    ],
)
def test_model_names(model: str, gemini: str, vertex: str) -> None:
    """Each backend has its own full names of models."""
    assert resolve_model_name(Gemini(), model) == gemini
    assert resolve_model_name(Vertex("p"), model) == vertex


@pytest.mark.parametrize(
    ("name", "short", "full"),
    [
        ("1", "things/1", f"{HOLES}/1"),
        ("things/1", "things/1", f"{HOLES}/1"),
        ("locations/l/things/1", "locations/l/things/1", "projects/{project}/locations/l/things/1"),
        ("projects/p/locations/l/things/1", "projects/p/locations/l/things/1", "projects/p/locations/l/things/1"),
    ],
)
def test_complete_resource_name(name: str, short: str, full: str) -> None:
    """The missing part of a resource name is added."""
    assert complete_resource_name("things", name) == short
    assert complete_resource_name(HOLES, name) == full


def test_placeholders() -> None:
    """Placeholders are replaced by the project and location of the backend; the default location is global."""
    assert fill_placeholders(f"{HOLES}/1", Vertex("p", "l")) == "projects/p/locations/l/things/1"
    assert fill_placeholders(ResourceName(f"{HOLES}/1"), Vertex("p")) == "projects/p/locations/global/things/1"
    assert fill_placeholders("projects/q/things/1", Vertex()) == "projects/q/things/1"


def test_no_project() -> None:
    """A missing project raises AuthError, as credentials may name one; express mode and gateways raise Unsupported."""
    with pytest.raises(AuthError):
        fill_placeholders(HOLES, Vertex())
    for backend in (Vertex(api_key="test-key"), Vertex(base_url="https://gate.test")):
        with pytest.raises(Unsupported) as raised:
            fill_placeholders(HOLES, backend)
        assert raised.value.paths == (HOLES,)
