"""Models: Google's own on both backends, and tuned ones, which something else has made."""

from typing import Any

import pytest

from genai_fn.backend import Backend, Gemini, Vertex
from genai_fn.emulator import EmulatorState
from genai_fn.emulator.models.models import EmulatedVertexModel
from genai_fn.ops import models
from genai_fn.results import Success
from genai_fn.wire import decode, encode
from tests.support.emulator_requests import GEMINI, NOW, PROJECT, VERTEX, Api, answer

OWN = f"{PROJECT}/models/7"
EMPTY = "type.googleapis.com/google.protobuf.Empty"
TUNED = EmulatorState().with_resource(
    OWN, EmulatedVertexModel(name=OWN, display_name="Seven", create_time=NOW, update_time=NOW)
)


def listed(api: Api, path: str, name: str) -> list[str]:
    token, names = "", []
    for _ in range(20):
        page = api.told("GET", f"{path}?pageSize=3{token and f'&pageToken={token}'}")
        names += [each["name"] for each in page.get(name, ())]
        token = page.get("nextPageToken", "")
        if not token:
            return names
    raise AssertionError("pages without an end")


class TestBase:
    def test_both_have_the_same(self) -> None:
        """Both backends list the same models, each by the names that it has for them."""
        gemini = listed(Api(GEMINI), "models", "models")
        vertex = listed(Api(VERTEX), "publishers/google/models", "publisherModels")
        assert [f"publishers/google/{name}" for name in gemini] == vertex
        assert 12 <= len(gemini) == len(set(gemini))

    def test_gemini(self) -> None:
        """Gemini says what a model can do, and how much it takes."""
        told = Api(GEMINI).told("GET", "models/gemini-2.5-flash")
        assert (told["name"], told["version"]) == ("models/gemini-2.5-flash", "2.5")
        assert "generateContent" in told["supportedGenerationMethods"]
        assert told["inputTokenLimit"] > told["outputTokenLimit"] > 0

    @pytest.mark.parametrize("before", ["", f"{PROJECT}/"])
    def test_vertex(self, before: str) -> None:
        """Vertex AI knows it by its publisher, within a project and without."""
        told = Api(VERTEX).told("GET", f"{before}publishers/google/models/gemini-2.5-flash")
        assert told["name"] == "publishers/google/models/gemini-2.5-flash"

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
        """A model that is not there is not found."""
        assert Api(base).fault("GET", path)[:2] == (404, "NOT_FOUND")

    @pytest.mark.parametrize("backend", [Gemini("test-key"), Vertex("p")], ids=lambda each: str(each.name))
    def test_read(self, backend: Backend) -> None:
        """The library reads what is said."""
        for request in (models.get("gemini-2.5-flash"), models.list({"page_size": 2}), models.list()):
            response = answer(encode(request, backend).unwrap())
            assert isinstance(decode(request, response, backend), Success)

    @pytest.mark.parametrize("query", ["pageSize=-1", "pageSize=x", "pageToken=x", "pageToken=page-²", "pageSize=1e3"])
    def test_no_page(self, query: str) -> None:
        """A page that makes no sense is refused."""
        assert Api().fault("GET", f"models?{query}")[:2] == (400, "INVALID_ARGUMENT")

    def test_past_the_end(self) -> None:
        """A page behind the last one is empty."""
        assert Api().told("GET", "models?pageToken=page-999999") == {}


class TestTuned:
    def test_listed(self) -> None:
        """The models of a project are those that were tuned in it."""
        assert listed(Api(VERTEX, TUNED), f"{PROJECT}/models", "models") == [OWN]
        assert listed(Api(VERTEX, TUNED), "projects/q/locations/us-central1/models", "models") == []
        assert listed(Api(VERTEX, TUNED), "models", "models") == []

    def test_got(self) -> None:
        """One is found by its name, with a version or without."""
        for name in (OWN, f"{OWN}@1"):
            assert Api(VERTEX, TUNED).told("GET", name)["displayName"] == "Seven"

    @pytest.mark.parametrize(
        ("body", "changed"),
        [
            ({"displayName": "Acht", "description": "d"}, {"displayName": "Acht", "description": "d"}),
            ({"defaultCheckpointId": "2"}, {"defaultCheckpointId": "2"}),
            (None, {}),
        ],
    )
    def test_updated(self, body: Any, changed: Any) -> None:
        """What is said of one can be changed, and stays so."""
        api = Api(VERTEX, TUNED)
        before = api.told("GET", OWN)
        assert api.told("PATCH", OWN, body) == {**before, **changed}
        assert api.told("GET", OWN) == {**before, **changed}

    def test_deleted(self) -> None:
        """It is deleted by an operation, which is done at once and stays known."""
        api = Api(VERTEX, TUNED)
        operation = api.told("DELETE", OWN)
        assert operation == {"name": f"{PROJECT}/operations/1", "done": True, "response": {"@type": EMPTY}}
        assert api.told("GET", operation["name"]) == operation
        assert [api.fault(verb, OWN)[0] for verb in ("GET", "PATCH", "DELETE")] == [404] * 3
        assert api.fault("GET", f"{PROJECT}/operations/9")[:2] == (404, "NOT_FOUND")

    def test_of_gemini(self) -> None:
        """A tuned model of Gemini's is changed and deleted likewise; it has no checkpoints."""
        api = Api()
        api.told("POST", "tunedModels?tunedModelId=mine", {"baseModel": "models/gemini-2.5-flash"})
        assert api.told("PATCH", "tunedModels/mine", {"displayName": "Mine"})["displayName"] == "Mine"
        assert api.fault("PATCH", "tunedModels/mine", {"defaultCheckpointId": "2"})[0] == 400
        assert api.told("DELETE", "tunedModels/mine") == {}
        assert api.fault("DELETE", "tunedModels/mine")[0] == 404
