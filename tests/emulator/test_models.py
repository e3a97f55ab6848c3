"""Base models on both backends, and tuned models."""

from typing import Any

import pytest

from genai_fn.backend import Backend, Gemini, Vertex
from genai_fn.emulator import EmulatorState
from genai_fn.emulator.models.models import EmulatedVertexModel
from genai_fn.ops import models
from genai_fn.results import Success
from genai_fn.wire import decode, encode
from tests.support.emulator_requests import GEMINI, NOW, PROJECT, VERTEX, JsonClient, send_request

TUNED_MODEL = f"{PROJECT}/models/7"
EMPTY = "type.googleapis.com/google.protobuf.Empty"
STATE = EmulatorState().with_resource(
    TUNED_MODEL, EmulatedVertexModel(name=TUNED_MODEL, display_name="Seven", create_time=NOW, update_time=NOW)
)


def list_names(api: JsonClient, path: str, name: str) -> list[str]:
    token, names = "", []
    for _ in range(20):
        page = api.request_json("GET", f"{path}?pageSize=3{token and f'&pageToken={token}'}")
        names += [each["name"] for each in page.get(name, ())]
        token = page.get("nextPageToken", "")
        if not token:
            return names
    raise AssertionError("pages without an end")


class TestBase:
    def test_same_models(self) -> None:
        """Both backends list the same models under their own names."""
        gemini = list_names(JsonClient(GEMINI), "models", "models")
        vertex = list_names(JsonClient(VERTEX), "publishers/google/models", "publisherModels")
        assert [f"publishers/google/{name}" for name in gemini] == vertex
        assert 12 <= len(gemini) == len(set(gemini))

    def test_gemini(self) -> None:
        """The Developer API returns the methods and token limits of a model."""
        model = JsonClient(GEMINI).request_json("GET", "models/gemini-2.5-flash")
        assert (model["name"], model["version"]) == ("models/gemini-2.5-flash", "2.5")
        assert "generateContent" in model["supportedGenerationMethods"]
        assert model["inputTokenLimit"] > model["outputTokenLimit"] > 0

    @pytest.mark.parametrize("prefix", ["", f"{PROJECT}/"])
    def test_vertex(self, prefix: str) -> None:
        """Vertex AI finds a model by its publisher, with or without a project."""
        model = JsonClient(VERTEX).request_json("GET", f"{prefix}publishers/google/models/gemini-2.5-flash")
        assert model["name"] == "publishers/google/models/gemini-2.5-flash"

    @pytest.mark.parametrize(
        ("base", "path"),
        [
            (GEMINI, "models/other"),
            (GEMINI, "tunedModels/other"),
            (VERTEX, "publishers/google/models/other"),
            (VERTEX, f"{PROJECT}/publishers/meta/models/gemini-2.5-flash"),
            (VERTEX, "models/gemini-2.5-flash"),
            (VERTEX, f"{PROJECT}/models/8"),
        ],
    )
    def test_unknown(self, base: str, path: str) -> None:
        """An unknown model is a 404."""
        assert JsonClient(base).request_fault("GET", path)[:2] == (404, "NOT_FOUND")

    @pytest.mark.parametrize("backend", [Gemini("test-key"), Vertex("p")], ids=lambda each: str(each.name))
    def test_decoded(self, backend: Backend) -> None:
        """Responses are decoded by this library."""
        for request in (models.get("gemini-2.5-flash"), models.list({"page_size": 2}), models.list()):
            response = send_request(encode(request, backend).unwrap())
            assert isinstance(decode(request, response, backend), Success)

    @pytest.mark.parametrize("query", ["pageSize=-1", "pageSize=x", "pageToken=x", "pageToken=page-²", "pageSize=1e3"])
    def test_invalid_page(self, query: str) -> None:
        """An invalid page size or page token is rejected."""
        assert JsonClient().request_fault("GET", f"models?{query}")[:2] == (400, "INVALID_ARGUMENT")

    def test_past_the_end(self) -> None:
        """A page past the end is empty."""
        assert JsonClient().request_json("GET", "models?pageToken=page-999999") == {}


class TestTuned:
    def test_listed(self) -> None:
        """The models of a project are its own tuned models."""
        assert list_names(JsonClient(VERTEX, STATE), f"{PROJECT}/models", "models") == [TUNED_MODEL]
        assert list_names(JsonClient(VERTEX, STATE), "projects/q/locations/us-central1/models", "models") == []
        assert list_names(JsonClient(VERTEX, STATE), "models", "models") == []

    def test_get(self) -> None:
        """A tuned model is found with or without a version in its name."""
        for name in (TUNED_MODEL, f"{TUNED_MODEL}@1"):
            assert JsonClient(VERTEX, STATE).request_json("GET", name)["displayName"] == "Seven"

    @pytest.mark.parametrize(
        ("body", "expected"),
        [
            ({"displayName": "Acht", "description": "d"}, {"displayName": "Acht", "description": "d"}),
            ({"defaultCheckpointId": "2"}, {"defaultCheckpointId": "2"}),
            (None, {}),
        ],
    )
    def test_updated(self, body: Any, expected: Any) -> None:
        """An update changes the given fields and is stored."""
        api = JsonClient(VERTEX, STATE)
        original = api.request_json("GET", TUNED_MODEL)
        assert api.request_json("PATCH", TUNED_MODEL, body) == {**original, **expected}
        assert api.request_json("GET", TUNED_MODEL) == {**original, **expected}

    def test_deleted(self) -> None:
        """A deletion is an operation that is already done, and that can be fetched later."""
        api = JsonClient(VERTEX, STATE)
        operation = api.request_json("DELETE", TUNED_MODEL)
        assert operation == {"name": f"{PROJECT}/operations/1", "done": True, "response": {"@type": EMPTY}}
        assert api.request_json("GET", operation["name"]) == operation
        assert [api.request_fault(verb, TUNED_MODEL)[0] for verb in ("GET", "PATCH", "DELETE")] == [404] * 3
        assert api.request_fault("GET", f"{PROJECT}/operations/9")[:2] == (404, "NOT_FOUND")

    def test_of_gemini(self) -> None:
        """A tuned model of the Developer API without checkpoints can be updated and deleted; its operation cannot."""
        api = JsonClient()
        api.request_json("POST", "tunedModels?tunedModelId=mine", {"baseModel": "models/gemini-2.5-flash"})
        assert api.request_json("PATCH", "tunedModels/mine", {"displayName": "Mine"})["displayName"] == "Mine"
        assert api.request_fault("PATCH", "tunedModels/mine", {"defaultCheckpointId": "2"})[0] == 400
        for name in [each for each in api.state.resources if "/operations/" in each]:
            encoded = f"tunedModels/{name.removeprefix('tunedModels/').replace('/', '%2F')}"
            assert [api.request_fault(verb, encoded)[0] for verb in ("GET", "PATCH", "DELETE")] == [404] * 3
        assert api.request_json("DELETE", "tunedModels/mine") == {}
        assert api.request_fault("DELETE", "tunedModels/mine")[0] == 404
